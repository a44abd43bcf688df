"""Has a build of the platform analyse the recordings, by its own command line.

`include.pipeline.analyze` of any checkout runs in processes of its own, as `make analyze` does:
nothing of the build is imported here, so that builds of other days are measured alike.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from include.contracts.errors import PlatformError

_AT_ONCE = 16
"""Recordings of one process: its start is paid once for them."""
_COLUMNS = ["pts_s", "face_id", *(f"box_{side}_px" for side in ("x", "y", "width", "height"))]


@dataclass(frozen=True, slots=True)
class Published:
    """What a build published about one recording.

    Attributes:
        rows: Of its predictions: presentation time, face id, box.
        respondents: The face ids that its summary reports about.
        verdict: Of the quality rules.
    """

    rows: tuple[dict[str, Any], ...]
    respondents: tuple[str, ...]
    verdict: str


def analyse(
    build: Path, recordings: Sequence[Path], tell: Callable[[str], None]
) -> dict[str, Published | str]:
    """Return what the build published, by recording; the reason where it published nothing.

    Args:
        build: Root of a checkout whose environment is this one's.
        recordings: Files; their names differ.
        tell: Is told how far it is.

    Raises:
        PlatformError: The build's command failed as a whole.
    """
    chunks = [recordings[start : start + _AT_ONCE] for start in range(0, len(recordings), _AT_ONCE)]
    found: dict[str, Published | str] = {}
    with (
        tempfile.TemporaryDirectory() as scratch,
        ThreadPoolExecutor(max_workers=os.cpu_count()) as pool,
    ):
        jobs = [
            pool.submit(_analyse_chunk, build, chunk, Path(scratch, str(number)))
            for number, chunk in enumerate(chunks)
        ]
        for job in jobs:
            found |= job.result()
            tell(f"{len(found)} of {len(recordings)} recordings analysed")
    return found


def _analyse_chunk(
    build: Path, recordings: Sequence[Path], scratch: Path
) -> dict[str, Published | str]:
    incoming, out = scratch / "in", scratch / "out"
    incoming.mkdir(parents=True)
    for path in recordings:
        (incoming / path.name).symlink_to(path.resolve())
    done = subprocess.run(
        [sys.executable, "-m", "include.pipeline.analyze", str(incoming), str(out)],
        cwd=build,
        env={**os.environ, "PYTHONPATH": str(build.resolve()), "OMP_WAIT_POLICY": "PASSIVE"},
        capture_output=True,
        text=True,
        check=False,
    )
    if not out.is_dir():
        raise PlatformError(f"{build} analysed nothing: {done.stderr.strip()[-2000:]}")
    found: dict[str, Published | str] = {path.stem: done.stderr.strip() for path in recordings}
    for summary in sorted(out.rglob("summary.json")):
        document = json.loads(summary.read_text(encoding="utf-8"))
        found[Path(document["recording"]).stem] = _published(summary.parent, document)
    return found


def _published(folder: Path, summary: dict[str, Any]) -> Published:
    table = pq.read_table(folder / "predictions.parquet", columns=_COLUMNS)
    return Published(
        tuple(table.to_pylist()), reported_faces(summary), summary["quality"]["verdict"]
    )


def reported_faces(summary: dict[str, Any]) -> tuple[str, ...]:
    """Return the face ids that a summary reports about: its respondents, or its main face."""
    respondents = summary.get("respondents")
    if respondents is None:
        main = summary.get("main_face")
        return () if main is None else (str(main),)
    return tuple(str(item["face_id"]) for item in respondents)
