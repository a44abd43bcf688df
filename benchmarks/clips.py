"""The clips that are measured: made by the project, so that anyone can measure again."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from include.made_media.demo_video import make_demo_video


@dataclass(frozen=True, slots=True)
class Clip:
    """One made recording."""

    name: str
    width_px: int
    height_px: int
    rate_hz: int
    duration_s: float

    def make(self, folder: Path) -> Path:
        """Write the clip to `folder` and return its path."""
        path = folder / f"{self.name}.mp4"
        make_demo_video(
            path,
            seconds=self.duration_s,
            size=(self.width_px, self.height_px),
            rate=self.rate_hz,
        )
        return path


CLIPS = (
    Clip("640x360 24 fps", 640, 360, 24, 20.0),
    Clip("1080p 30 fps", 1920, 1080, 30, 60.0),
)
