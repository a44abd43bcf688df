"""A stage whose output on a fixed input changes has to say so by its version.

Beside each version stands a hash of what that version makes of the input below. Numbers that
depend on the processor are rounded first.
"""

from __future__ import annotations

import io
import re
import tarfile
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from include.contracts import columns
from include.contracts.identity import stable_hash
from include.insights import collect, publish, tables
from include.insights.report import REPORT
from include.made_media.demo_video import make_demo_video
from include.settings import ExtractionSettings, LimitSettings
from include.video import extract
from tests.unit.insights import recordings

Output = Callable[[Path], dict[str, Any]]


def rounded(value: object) -> object:
    return float(f"{value:.3g}") if isinstance(value, float) else value


def content(table: pa.Table) -> dict[str, Any]:
    rows = [{name: rounded(cell) for name, cell in row.items()} for row in table.to_pylist()]
    return {"columns": [f"{field.name}: {field.type}" for field in table.schema], "rows": rows}


def fixed_manifest() -> pa.Table:
    reasons = {3: "gap", 5: "no_face", 7: "face_blurred", 11: "unreadable_frame"}
    return recordings.manifest(16, faces=lambda instant: 1 + instant % 2, reasons=reasons)


def extracted(folder: Path) -> dict[str, Any]:
    video = folder / "fixed.mp4"
    make_demo_video(video, seconds=4, size=(480, 270), rate=10)
    result = extract.extract_file(
        video,
        video.name,
        video_id="v" * 64,
        extraction_id="e" * 32,
        settings=ExtractionSettings(),
        limits=LimitSettings(),
        workdir=folder,
    )
    crops = []
    for path in result.shard_paths:
        with tarfile.open(path) as tar:
            for member in tar.getmembers():
                picture = Image.open(io.BytesIO(tar.extractfile(member).read()))  # type: ignore[union-attr]
                tone = picture.convert("L").resize((1, 1), Image.Resampling.BOX).getpixel((0, 0))
                crops.append((member.name, picture.size, round(float(tone) / 8)))  # type: ignore[arg-type]
    told = {
        name: rounded(value)
        for name, value in asdict(result.summary).items()
        if isinstance(value, str | int | float | bool)
    }
    return {"manifest": content(pq.read_table(result.manifest_path)), "crops": crops, "told": told}


def collected(folder: Path) -> dict[str, Any]:
    return content(recordings.predictions(fixed_manifest()))


def written(folder: Path) -> dict[str, Any]:
    table = recordings.predictions(fixed_manifest())
    tables.write_parquet(table, folder / tables.PARQUET, {})
    parquet = content(pq.read_table(folder / tables.PARQUET))
    return {"parquet": parquet, "csv": tables.csv_bytes(table).decode()}


def published(folder: Path) -> dict[str, Any]:
    table = recordings.predictions(fixed_manifest())
    publish.render_results(recordings.context(16.0), table, folder)
    # The list of columns goes with the tables' version.
    report = re.sub(
        r"(?s)<details>\s*<summary>What the columns.*?</details>", "", read(folder, REPORT)
    )
    names = (tables.TIMELINE, tables.SUMMARY)
    return {"report": report, **{name: read(folder, name) for name in names}}


def read(folder: Path, name: str) -> str:
    return (folder / name).read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("module", "name", "output"),
    [(extract, "EXTRACT", extracted), (collect, "COLLECT", collected),
     (columns, "TABLES", written), (publish, "PUBLISH", published)],
    ids=["extract", "collect", "tables", "publish"],
)  # fmt: skip
def test_other_output_is_another_version(
    tmp_path: Path, module: Any, name: str, output: Output
) -> None:
    version, golden = getattr(module, f"{name}_VERSION"), getattr(module, f"{name}_GOLDEN")
    made = output(tmp_path)
    found = stable_hash({"version": version, "output": made})
    assert found == golden, (
        f"{name.lower()}: version {version} does not make of the same input what is noted. Where "
        f"this is meant, raise {name}_VERSION in {module.__name__}, unless you just did, and then "
        f"set {name}_GOLDEN there to what this test says next. (Now: {found!r})"
    )
