"""Reads a recording by the product's own door and says, moment by moment, what it read."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import pyarrow.parquet as pq

from include.contracts.errors import PermanentInputError
from include.contracts.reasons import RowReason
from include.settings import ExtractionSettings, LimitSettings
from include.video.extract import extract_file
from include.video.probe import probe_file


class Seen(StrEnum):
    """What a moment was read as; the values draw a recording in one line."""

    FACE = "F"
    NO_FACE = "."
    GAP = "g"
    UNREADABLE = "u"
    LEFT_OUT = "x"
    """Told with a reason against using it: a face too small, a seam of the clock."""


@dataclass(frozen=True, slots=True)
class Moment:
    """Times are counted from the recording's first moment.

    Attributes:
        at_s: What was asked for.
        seen: What it was read as.
        pts_s: When the picture that stands for it was shown: the first that can be read from then
            on. None where none does.
    """

    at_s: float
    seen: Seen
    pts_s: float | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """What is read of a recording.

    `refused` is the reason's code where it is refused, `sentence` what its user is told then; the
    rest is empty then.
    Width and height are those of the upright picture.
    """

    refused: str = ""
    sentence: str = ""
    codec: str = ""
    width_px: int = 0
    height_px: int = 0
    rotation_deg: int = 0
    duration_s: float = 0.0
    moments: tuple[Moment, ...] = ()

    @property
    def line(self) -> str:
        """The moments, a letter each."""
        return "".join(moment.seen for moment in self.moments)


def read_recording(path: Path, *, rate_hz: float) -> Reading:
    """Probe and extract a recording, as the stages do, sampling `rate_hz` moments a second."""
    limits = LimitSettings()
    with tempfile.TemporaryDirectory() as workdir:
        try:
            report = probe_file(path, path.name, limits)
            result = extract_file(
                path,
                path.name,
                video_id="0" * 64,
                extraction_id="0" * 32,
                settings=ExtractionSettings(sample_rate_hz=rate_hz),
                limits=limits,
                workdir=Path(workdir),
                probe=report,
            )
        except PermanentInputError as refused:
            return Reading(refused=refused.code, sentence=refused.sentence)
        rows = pq.read_table(result.manifest_path).to_pylist()
    start_s = rows[0]["target_s"]
    seen: dict[int, Moment] = {}
    for row in rows:
        pts_s = None if row["pts_s"] is None else row["pts_s"] - start_s
        moment = Moment(row["target_s"] - start_s, _seen(row["reason"]), pts_s)
        if row["instant"] not in seen or moment.seen is Seen.FACE:
            seen[row["instant"]] = moment
    return Reading(
        codec=result.summary.codec,
        width_px=result.summary.width_px,
        height_px=result.summary.height_px,
        rotation_deg=report.rotation_deg,
        duration_s=result.summary.duration_s,
        moments=tuple(seen[instant] for instant in sorted(seen)),
    )


def _seen(reason: str | None) -> Seen:
    if reason is None:
        return Seen.FACE
    named = {
        RowReason.NO_FACE: Seen.NO_FACE,
        RowReason.GAP: Seen.GAP,
        RowReason.UNREADABLE_FRAME: Seen.UNREADABLE,
    }
    return named.get(RowReason(reason), Seen.LEFT_OUT)
