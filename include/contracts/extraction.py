"""What extraction notes of a recording, as `extraction.json` says: written last, so it marks
a whole extraction.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from include.contracts.documents import Form


@dataclass(frozen=True, slots=True)
class VideoStream:
    """One video stream of the file.

    Attributes:
        index: Among all streams of the file.
        width_px: As stored.
        height_px: As stored.
        default: Whether the file marks it so.
        chosen_by: Why it was read: `default`, `faces`, `order`, ...; None: it was not.
    """

    index: int
    width_px: int
    height_px: int
    default: bool
    chosen_by: str | None


@dataclass(frozen=True, slots=True)
class Seam:
    """Where the file's own clock leapt, on the manifest's clock, and by how many seconds."""

    at_s: float
    jump_s: float


@dataclass(frozen=True, slots=True)
class Damage:
    """From when to when nothing could be decoded rightly; None: to the end."""

    from_s: float
    until_s: float | None


@dataclass(frozen=True, slots=True)
class Extraction:
    """One extraction.

    Attributes:
        video_id: sha256 of the recording's bytes.
        extraction_id: Identity of bytes, settings and the stage's version.
        stage_version: Of the code.
        container: FFmpeg's name of the demuxer.
        codec: FFmpeg's name of the decoder.
        sample_rate_hz: Targets per second.
        settings: `FEX_EXTRACTION__*`, as they were.
        width_px: Of the upright picture that boxes refer to.
        height_px: Of the same.
        duration_s: Of the recording, or of what was read where it does not say.
        start_s: Presentation time of the first frame; None where there was none.
        instants_expected: Sampling targets.
        instants_present: Those for which there was a frame.
        instants_usable: Those with a face that can be read.
        rows: Of the manifest.
        scenes: One more than cuts.
        reasons: Rows by `RowReason`.
        faces: Rows by face id.
        video_streams: Of the file; empty from versions that did not look.
        seams: Of the file's clock.
        damaged: Stretches.
    """

    video_id: str
    extraction_id: str
    stage_version: int
    container: str
    codec: str
    sample_rate_hz: float
    settings: dict[str, Any]
    width_px: int
    height_px: int
    duration_s: float
    start_s: float | None
    instants_expected: int
    instants_present: int
    instants_usable: int
    rows: int
    scenes: int
    reasons: dict[str, int]
    faces: dict[str, int]
    video_streams: list[VideoStream] = field(default_factory=list)
    seams: list[Seam] = field(default_factory=list)
    damaged: list[Damage] = field(default_factory=list)

    @property
    def stream_read(self) -> VideoStream | None:
        """The stream that was read, where that was noted."""
        return next((one for one in self.video_streams if one.chosen_by), None)


EXTRACTION = Form(Extraction)
