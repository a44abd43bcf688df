"""Resident memory of the confined decoder against the length of the recording.

Prints peak resident memory for a short and a two-hour recording: it must not
grow with length.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from rich.console import Console
from rich.table import Table

from include.made_media.demo_video import make_demo_video
from include.settings import ExtractionSettings, LimitSettings
from include.video.extract import extract_file

LENGTHS_S = (20.0, 600.0, 7200.0)
RATE_HZ = 1
"""Frames per second of the made recordings: what counts is the length, not the decoding."""


def main() -> None:
    """Measure and print."""
    table = Table(title="Peak resident memory of an extraction, 640x360, one face sampled a second")
    for column in ("length", "sampled instants", "peak resident memory"):
        table.add_column(column, justify="right")
    for length_s in LENGTHS_S:
        with tempfile.TemporaryDirectory() as scratch:
            path = Path(scratch) / "recording.mp4"
            make_demo_video(path, seconds=length_s, rate=RATE_HZ)
            workdir = Path(scratch) / "extraction"
            workdir.mkdir()
            result = extract_file(
                path,
                path.name,
                video_id="0" * 64,
                extraction_id="0" * 32,
                settings=ExtractionSettings(),
                limits=LimitSettings(),
                workdir=workdir,
            )
            table.add_row(
                f"{length_s / 60:.1f} min",
                str(result.summary.instants_expected),
                f"{result.peak_memory_bytes / 2**20:.0f} MiB",
            )
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
