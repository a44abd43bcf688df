"""Writes the recordings and what is known about them; what is there already stays."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from pathlib import Path

import cv2

from benchmarks.identity.people import Cast, load_cast
from benchmarks.identity.plan import script
from benchmarks.identity.stage import Script, play
from benchmarks.identity.truth import Shown, Truth
from include.made_media.demo_video import write_video
from include.made_media.pasted_faces import FRAME_SIZE_PX
from include.video.detection import Image


def write_script(made: Script, folder: Path) -> None:
    """Write `{name}.json` and `{name}.mp4` into `folder`, the recording last and at once."""
    noted: list[tuple[Shown, ...]] = []

    def pictures() -> Iterator[Image]:
        for image, shown in play(made):
            noted.append(shown)
            yield image

    unfinished = folder / f".{made.name}.part"
    write_video(unfinished, pictures(), size=FRAME_SIZE_PX, rate=made.rate_hz, crf=made.crf)
    truth = Truth(
        name=made.name,
        category=made.category,
        half=made.half,
        rate_hz=made.rate_hz,
        scenes=tuple(scene.start_s for scene in made.scenes),
        frames=tuple(noted),
    )
    truth.write(folder / f"{made.name}.json")
    unfinished.rename(folder / f"{made.name}.mp4")


def make_half(
    zip_path: Path,
    half: str,
    jobs: Sequence[tuple[str, int]],
    folder: Path,
    tell: Callable[[str], None],
) -> list[Path]:
    """Make recordings with the people of a half; return their paths.

    Args:
        zip_path: The audit set.
        half: "dev" or "test".
        jobs: (kind of case, number among those of its kind).
        folder: Where they are written, unless they are there.
        tell: Is told what is made.

    Raises:
        ConfigurationError: The audit set is not there or is another one.
    """
    load_cast(zip_path, half)  # errors are told before processes are started
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{half}-{category}-{number:02d}.mp4" for category, number in jobs]
    missing = [job for job, path in zip(jobs, paths, strict=True) if not path.is_file()]
    if missing:
        tell(f"making {len(missing)} recordings of {half}")
        with ProcessPoolExecutor(max_workers=os.cpu_count()) as pool:
            list(
                pool.map(
                    _make,
                    [(zip_path, half, category, number, folder) for category, number in missing],
                )
            )
    return paths


def _make(job: tuple[Path, str, str, int, Path]) -> None:
    zip_path, half, category, number, folder = job
    cv2.setNumThreads(1)
    write_script(script(_cast(zip_path, half), half, category, number), folder)


@cache
def _cast(zip_path: Path, half: str) -> Cast:
    return load_cast(zip_path, half)
