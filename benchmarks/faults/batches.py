"""Studies of made recordings whose bytes nobody has dropped before."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from shutil import rmtree

from include.made_media.demo_video import make_demo_video
from include.platform.stack.observer import Observer
from include.platform.stack.study import PURPOSE

_PICTURE = (640, 360)
_HEADER = "recording,respondent,consent,consent_at,consent_withdrawn_at\n"


@dataclass(frozen=True, slots=True)
class Clips:
    """Recordings that are made once and dropped often, each time as another file.

    Args:
        shared: A folder that the stack's observer sees.
        lengths_s: Length of each clip, in seconds.
    """

    shared: Path
    lengths_s: tuple[float, ...]

    def make(self) -> None:
        """Make the clips."""
        for number, seconds in enumerate(self.lengths_s):
            make_demo_video(self._clip(number), seconds=seconds, size=_PICTURE)

    def drop(self, observer: Observer, study: str, count: int) -> list[str]:
        """Drop a study of `count` recordings with purpose and consent; return their names."""
        folder = self.shared / study
        folder.mkdir(exist_ok=True)
        names = [f"r{number:04}.mp4" for number in range(count)]
        for number, name in enumerate(names):
            clip = self._clip(number % len(self.lengths_s)).read_bytes()
            (folder / name).write_bytes(clip + _free_box(f"{study} {name}".encode()))
        (folder / "study.yaml").write_text(PURPOSE)
        lines = [f"{name},P-{name},notice 1,2026-11-02,\n" for name in names]
        (folder / "respondents.csv").write_text(_HEADER + "".join(lines))
        observer.drop(study, study)
        rmtree(folder)
        return names

    def _clip(self, number: int) -> Path:
        return self.shared / f"clip-{number}.mp4"


def _free_box(mark: bytes) -> bytes:
    """Return a box of MP4 that readers skip: the same video, another file."""
    return struct.pack(">I", 8 + len(mark)) + b"free" + mark
