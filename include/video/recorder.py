"""Turns what the confined child reports into the files of an extraction."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

from include.contracts.extraction import Damage, Extraction, Seam, VideoStream
from include.contracts.reasons import RowReason
from include.settings import ExtractionSettings
from include.video.manifest import ManifestWriter, face_columns, face_id, instant_row
from include.video.shards import TarSequence

_PROGRESS_EVERY_S = 0.5


class ExtractionRecorder:
    """Writes manifest, shards and frames while messages arrive. A context manager around that.

    Args:
        workdir: An existing folder of the extraction's own.
        extraction_id: Start of the tar files' names.
        sample_rate_hz: Instants per second, for the share done.
        tar_max_bytes: Size of a tar file at most.
        progress: Called with the share done, 0..1, about twice a second.
    """

    def __init__(
        self,
        workdir: Path,
        extraction_id: str,
        *,
        sample_rate_hz: float,
        tar_max_bytes: int,
        progress: Callable[[float], None] | None,
    ) -> None:
        self._workdir = workdir
        self._extraction_id = extraction_id
        self._sample_rate_hz = sample_rate_hz
        self._tar_max_bytes = tar_max_bytes
        self._progress = progress
        self._progress_at = 0.0
        self._opened: dict[str, Any] = {}
        self._instants = self._present = self._usable = self._rows = self._scenes = 0
        self._expected = 0
        self._shown_px = (0, 0)  # width, height of the upright picture
        self._length_s: float | None = None
        self._seams: list[Seam] = []
        self._damaged: list[Damage] = []
        self._reasons: Counter[str] = Counter()
        self._tracklets: Counter[int] = Counter()
        self._people: list[int] = []
        self._first_pts_s: float | None = None
        self._last_pts_s: float | None = None
        self.confined = False
        self.ended = False
        """Whether the child reported the end of the recording."""
        self.cpu_s: dict[str, float] = {}
        """CPU seconds of the child by part."""

    def __enter__(self) -> ExtractionRecorder:
        limit = self._tar_max_bytes
        self._manifest = ManifestWriter(self._workdir / "manifest.parquet")
        self._shards = TarSequence(self._workdir / "shards", self._extraction_id, limit)
        self._frames = TarSequence(self._workdir / "frames", self._extraction_id, limit)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._manifest.__exit__(kind, error, trace)
        self._shards.close()
        self._frames.close()

    @property
    def promised_s(self) -> float | None:
        """Length the header states, seconds; None before it is read or where it states none."""
        value = self._opened.get("duration_s")
        return None if value is None else float(value)

    def take(self, header: dict[str, Any], payload: bytes) -> None:
        """Record one message.

        Raises:
            LookupError, TypeError, ValueError: The message is not one the child sends.
        """
        kind = header["kind"]
        if kind == "started":
            self.confined = bool(header["confined"])
        elif kind == "opened":
            self._opened = header
        elif kind == "instant":
            self._take_instant(header, payload)
        elif kind == "extracted":
            self.ended = True
            self._people = [int(person) for person in header["people"]]
            self._manifest.write(self._people)
            self._expected = int(header["expected"])
            self._length_s = _seconds(header["length_s"])
            self._seams = [
                Seam(float(seam["at_s"]), float(seam["jump_s"])) for seam in header["seams"]
            ]
            self._damaged = [
                Damage(float(span["from_s"]), _seconds(span["until_s"]))
                for span in header["damaged"]
            ]
            self._shown_px = (int(header["width_px"]), int(header["height_px"]))
            self.cpu_s = {str(part): float(spent) for part, spent in header["cpu_s"].items()}
            if self._progress is not None:
                self._progress(1.0)
        else:
            raise ValueError(f"unknown message {kind!r}")

    def extraction(
        self,
        *,
        video_id: str,
        extraction_id: str,
        stage_version: int,
        container: str,
        settings: ExtractionSettings,
    ) -> Extraction:
        """Return what is noted of the recording in extraction.json."""
        return Extraction(
            video_id=video_id,
            extraction_id=extraction_id,
            stage_version=stage_version,
            container=container,
            sample_rate_hz=settings.sample_rate_hz,
            settings=settings.model_dump(mode="json"),
            codec=str(self._opened["codec"]),
            width_px=self._shown_px[0],
            height_px=self._shown_px[1],
            duration_s=self._duration_s(),
            start_s=self._first_pts_s,
            instants_expected=max(self._expected, self._instants),
            instants_present=self._present,
            instants_usable=self._usable,
            rows=self._rows,
            scenes=self._scenes,
            video_streams=_streams(self._opened["video_streams"]),
            seams=self._seams,
            damaged=self._damaged,
            reasons={reason.value: self._reasons[reason.value] for reason in RowReason},
            faces=self._faces(),
        )

    def _faces(self) -> dict[str, int]:
        """Return the rows of each face id: f1, f2, ... f10, then "unknown"."""
        rows: Counter[int] = Counter()
        for tracklet, count in self._tracklets.items():
            rows[self._people[tracklet]] += count
        return {face_id(person): rows[person] for person in sorted(rows, key=lambda p: (not p, p))}

    def _duration_s(self) -> float:
        if self._length_s is not None:
            return self._length_s
        if self.promised_s is not None:
            return self.promised_s
        return (self._last_pts_s or 0.0) - (self._first_pts_s or 0.0)

    def _take_instant(self, header: dict[str, Any], payload: bytes) -> None:
        row = instant_row(header, 0)
        if row["instant"] != self._instants:
            raise ValueError("an instant out of order")
        self._instants += 1
        self._scenes = max(self._scenes, row["scene"] + 1)
        frame_bytes = int(header.get("frame_bytes", 0))
        if row["pts_s"] is not None:
            self._present += 1
            self._last_pts_s = row["pts_s"]
            self._first_pts_s = row["pts_s"] if self._first_pts_s is None else self._first_pts_s
            self._frames.add(f"{row['instant']:07d}.jpg", payload[:frame_bytes])
        if not header["faces"]:
            self._add(row)
        at, usable = frame_bytes, False
        for number, face in enumerate(header["faces"]):
            face_row = {**instant_row(header, number), **face_columns(face)}
            crop_bytes = int(face["crop_bytes"])
            if face_row["reason"] is None:
                usable = True
                crop = payload[at : at + crop_bytes]
                face_row["shard"] = self._shards.add(f"{face_row['row_id']}.jpg", crop)
            at += crop_bytes
            self._tracklets[face_row["tracklet"]] += 1
            self._add(face_row)
        self._usable += usable
        self._report_progress()

    def _add(self, row: dict[str, Any]) -> None:
        self._rows += 1
        if row["reason"] is not None:
            self._reasons[row["reason"]] += 1
        self._manifest.add(row)

    def _report_progress(self) -> None:
        now = time.monotonic()
        if self._progress is None or not self.promised_s:
            return
        if now - self._progress_at >= _PROGRESS_EVERY_S:
            self._progress_at = now
            self._progress(min(1.0, self._instants / (self.promised_s * self._sample_rate_hz)))


def _streams(given: list[dict[str, Any]]) -> list[VideoStream]:
    return [
        VideoStream(
            index=int(stream["index"]),
            width_px=int(stream["width_px"]),
            height_px=int(stream["height_px"]),
            default=bool(stream["default"]),
            chosen_by=None if stream["chosen_by"] is None else str(stream["chosen_by"]),
        )
        for stream in given
    ]


def _seconds(value: Any) -> float | None:
    return None if value is None else float(value)
