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
from benchmarks.recordings.reading import read_recording

READ, REFUSED_WORD, NOT_WRITTEN = "read", "refused", "–"
NO_READER = "no reader"
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
    return [codec, *(matrix_cell(master, codec, name, say) for name in ffmpeg.READ_CONTAINERS)]


def matrix_cell(master: Path, codec: str, container: str, say: Say) -> str:
    """Return what is read of a codec in a container."""
    path = master.with_name("recording")
    told = NOT_WRITTEN
    if ffmpeg.write_read(master, container, codec, path):
        told = _told(path)
        # FFmpeg writes some codecs into containers that have no name for them.
        if told.startswith(REFUSED_WORD) and not ffmpeg.reads_back(path):
            told = NO_READER
    say(f"{codec} in {container}: {told}")
    return told


def refused_row(master: Path, container: str, say: Say) -> list[str]:
    """Return the row of a container that is not accepted."""
    path = master.with_name("recording")
    written = ffmpeg.write_refused(master, container, path)
    told = _told(path) if written else NOT_WRITTEN
    say(f"{container}: {told}")
    return [container, told]


def odd_row(master: Path, name: str, say: Say) -> list[str]:
    """Return the row of an odd recording."""
    way = ODD_WAYS[name]
    path = master.with_name("recording")
    told = _told(path, way.right) if way.make(master, path) else NOT_WRITTEN
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


def _told(path: Path, right: str = AS_RECORDED) -> str:
    """A cell: as recorded, the moments that were read instead, or the sentence of a refusal."""
    reading = read_recording(path, rate_hz=READ_HZ)
    if reading.refused:
        return f"{REFUSED_WORD} ({reading.refused}): {reading.sentence}"
    return READ if reading.line == right else f"`{reading.line}`"


if __name__ == "__main__":
    sys.exit(main())
