"""CPU cost of analysing video, split by part, beside reading it frame by frame.

Prints, for each clip, CPU-seconds per second of video for decode, detect, crop,
classify and the whole, and as the reference the same clip read frame by frame
with OpenCV (decoding only). Both are measured in this run, several times in
turn; the table shows medians and the ratio pair by pair.
"""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.clips import CLIPS, Clip
from include.contracts.errors import PlatformError
from include.settings import ExtractionSettings, LimitSettings
from include.video.extract import extract_file
from ml.packaging.unpack import unpack_package
from ml.registry.champion import PACKAGED
from ml.serving.handler import PackedModel

REPEATS = 3

_OPENCV = """
import sys, cv2
cv2.setNumThreads(1)
capture = cv2.VideoCapture(sys.argv[1])
frames = 0
while capture.read()[0]:
    frames += 1
print(frames)
"""


@dataclass(frozen=True, slots=True)
class Cost:
    """CPU-seconds of one analysis of one clip."""

    decode: float
    detect: float
    crop: float
    classify: float
    whole: float
    """Everything, process start and imports of the children included."""
    opencv: float


def main() -> None:
    """Measure every clip and print one table."""
    table = Table(title=f"CPU-seconds per second of video (median of {REPEATS})")
    for column in (
        "clip",
        "decode",
        "detect",
        "crop",
        "classify",
        "whole",
        "OpenCV reads all",
        "whole / OpenCV",
    ):
        table.add_column(column, justify="left" if column == "clip" else "right")
    with tempfile.TemporaryDirectory() as scratch:
        model = PackedModel.open(unpack_package(PACKAGED, Path(scratch) / "model"))
        for clip in CLIPS:
            path = clip.make(Path(scratch))
            costs = [_measure(path, clip, model, Path(scratch)) for _ in range(REPEATS)]
            table.add_row(*_row(clip, costs))
    Console(width=120).print(table)


def _row(clip: Clip, costs: list[Cost]) -> list[str]:
    def per_second(part: Callable[[Cost], float]) -> str:
        return f"{statistics.median(part(cost) for cost in costs) / clip.duration_s:.4f}"

    ratio = statistics.median(cost.whole / cost.opencv for cost in costs)
    return [
        clip.name,
        per_second(lambda cost: cost.decode),
        per_second(lambda cost: cost.detect),
        per_second(lambda cost: cost.crop),
        per_second(lambda cost: cost.classify),
        per_second(lambda cost: cost.whole),
        per_second(lambda cost: cost.opencv),
        f"{ratio:.2f}",
    ]


def _measure(path: Path, clip: Clip, model: PackedModel, scratch: Path) -> Cost:
    with tempfile.TemporaryDirectory(dir=scratch) as workdir:
        before = _cpu_s(resource.RUSAGE_CHILDREN) + _cpu_s(resource.RUSAGE_SELF)
        result = extract_file(
            path,
            clip.name,
            video_id="0" * 64,
            extraction_id="0" * 32,
            settings=ExtractionSettings(),
            limits=LimitSettings(),
            workdir=Path(workdir),
        )
        start = _cpu_s(resource.RUSAGE_SELF)
        for shard in sorted(Path(workdir, "shards").glob("*.tar")):
            model.invoke(shard.read_bytes(), "application/x-tar")
        classify = _cpu_s(resource.RUSAGE_SELF) - start
        whole = _cpu_s(resource.RUSAGE_CHILDREN) + _cpu_s(resource.RUSAGE_SELF) - before
    return Cost(
        decode=result.timings["decode"],
        detect=result.timings["detect"],
        crop=result.timings["crop"],
        classify=classify,
        whole=whole,
        opencv=_opencv_cpu_s(path),
    )


def _opencv_cpu_s(path: Path) -> float:
    before = _cpu_s(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [sys.executable, "-c", _OPENCV, str(path)], capture_output=True, text=True, check=True
    )
    if int(done.stdout) == 0:
        raise PlatformError(f"OpenCV read no frame of {path}")
    return _cpu_s(resource.RUSAGE_CHILDREN) - before


def _cpu_s(who: int) -> float:
    usage = resource.getrusage(who)
    return usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    main()
