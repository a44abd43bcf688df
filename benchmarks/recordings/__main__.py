"""`python -m benchmarks.recordings`, `make recordings-page`: writes docs/recordings.md from runs.

Every recording of the page is written by the recorder it names and read by the product; about
ten minutes on two cores. Needs FFmpeg and Chromium.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import av
from rich.console import Console

from benchmarks.recordings import browser, ffmpeg
from benchmarks.recordings.master import AS_RECORDED, READ_HZ, write_master
from benchmarks.recordings.odd import ODD as ODD_WAYS
from benchmarks.recordings.page import BROWSER, MATRIX, ODD, PAGE, REFUSED, Table, draw
from benchmarks.recordings.reading import Reading, read_recording

NOT_WRITTEN = "–"
Say = Callable[[str], None]


def main() -> int:
    """Make the page anew."""
    console = Console(markup=False, highlight=False, soft_wrap=True)
    with tempfile.TemporaryDirectory(prefix="fex-recordings-") as folder:
        master = write_master(Path(folder) / "master.mkv")
        say = console.print
        tables = {
            BROWSER: browser_table(Path(folder), say),
            ODD: Table(
                ("what", "container", "holds", "read"),
                [odd_row(master, name, say) for name in ODD_WAYS],
            ),
            REFUSED: Table(
                ("container", "read"),
                [refused_row(master, name, say) for name in ffmpeg.REFUSED_CONTAINERS],
            ),
            MATRIX: Table(
                ("codec", *ffmpeg.READ_CONTAINERS),
                [matrix_row(master, codec, say) for codec in ffmpeg.CODECS],
            ),
        }
    PAGE.write_text(draw(versions(), AS_RECORDED, tables))
    console.print(f"wrote {PAGE}")
    return 0


def versions() -> str:
    """Return the sentence that names who wrote and who read."""
    libavcodec = ".".join(map(str, av.library_versions["libavcodec"]))
    return (
        f"Recorders: FFmpeg {ffmpeg.version()}, {browser.version()}. "
        f"Reader: PyAV {av.__version__} (libavcodec {libavcodec})."
    )


def matrix_row(master: Path, codec: str, say: Say) -> list[str]:
    """Return the row of a codec: a cell for each container."""
    cells = [codec]
    for container in ffmpeg.READ_CONTAINERS:
        path = master.with_name("recording")
        written = ffmpeg.write_read(master, container, codec, path)
        cells.append(_told(read_recording(path, rate_hz=READ_HZ)) if written else NOT_WRITTEN)
        cells[-1] = "read" if cells[-1] == "as recorded" else cells[-1]
        say(f"{codec} in {container}: {cells[-1]}")
    return cells


def refused_row(master: Path, container: str, say: Say) -> list[str]:
    """Return the row of a container that is not accepted."""
    path = master.with_name("recording")
    written = ffmpeg.write_refused(master, container, path)
    told = _told(read_recording(path, rate_hz=READ_HZ)) if written else NOT_WRITTEN
    say(f"{container}: {told}")
    return [container, told]


def odd_row(master: Path, name: str, say: Say) -> list[str]:
    """Return the row of an odd recording."""
    way = ODD_WAYS[name]
    path = master.with_name("recording")
    told = NOT_WRITTEN
    if way.make(master, path):
        told = _told(read_recording(path, rate_hz=READ_HZ))
    say(f"{name}: {told}")
    return [name, way.container, way.what, told]


def browser_table(folder: Path, say: Say) -> Table:
    """Record every session and return how each format was read."""
    made = browser.record_all()
    formats = list(next(iter(made.values())))
    rows = []
    for session, (_, right) in browser.SESSIONS.items():
        row = [session, f"`{right}`"]
        for name in formats:
            path = browser.write(made[session][name], folder / "recording")
            reading = read_recording(path, rate_hz=READ_HZ)
            row.append(reading.refused or f"`{reading.line}`")
        say(", ".join(row))
        rows.append(row)
    return Table(("session", "right", *formats), rows)


def _told(reading: Reading) -> str:
    """A cell: as recorded, the moments that were read instead, or the sentence of a refusal."""
    if reading.refused:
        return f"refused ({reading.refused}): {reading.sentence}"
    if reading.line[: len(AS_RECORDED)] == AS_RECORDED and _one_more(reading):
        return "as recorded"
    return f"`{reading.line}`"


def _one_more(reading: Reading) -> bool:
    return len(reading.line) <= len(AS_RECORDED) + 1


if __name__ == "__main__":
    sys.exit(main())
