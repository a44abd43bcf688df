"""Recordings that once were published wrongly, through the whole of `make analyze`.

Those of which the times, the streams or the respondent were wrong have their tests beside
those parts (`test_recordings_in_parts.py`, `test_respondent.py`).
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from include.pipeline import analyze

pytestmark = [pytest.mark.integration, pytest.mark.timeout(900)]

NAMES = (
    "hflipmatrix.mp4",
    "sar.mp4",
    "seat_s_a_gap0.mp4",
    "seat_a_s_gap2.mp4",
    "r01.mov",
    "r01.mp4",
)


@pytest.fixture(scope="module")
def results(shared_cases: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The results of all of them, read as one folder."""
    folder, out = tmp_path_factory.mktemp("cases"), tmp_path_factory.mktemp("results")
    for name in NAMES:
        shutil.copyfile(shared_cases / name, folder / name)
    assert analyze.main([str(folder), str(out)]) == 0
    return out


def summary_of(results: Path, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((results / name / "summary.json").read_bytes())
    return found


def shares(face: dict[str, Any]) -> dict[str, float]:
    return {item["expression"]: item["share"] for item in face["expressions"]}


@pytest.mark.parametrize("name", ["hflipmatrix", "sar"])
def test_a_mirror_and_wide_pixels_are_read_as_what_they_show(name: str, results: Path) -> None:
    """Both show the same face of ten seconds; upright and square it is mostly happiness."""
    summary = summary_of(results, name)
    counts = summary["instants"]
    assert (counts["sampled"], counts["readable"], counts["abstained"]) == (10, 10, 0)
    assert summary["quality"]["verdict"] == "good"
    [respondent] = summary["respondents"]
    found = shares(respondent)
    assert found["happiness"] == pytest.approx(0.79, abs=0.11)
    assert found["happiness"] + found["neutral"] == pytest.approx(1.0, abs=0.001)


def test_a_mirrored_picture_is_shown_upright(results: Path) -> None:
    """The eyes lie above the mouth, and the head is not turned."""
    rows = pq.read_table(results / "hflipmatrix" / "predictions.parquet").to_pylist()
    assert len(rows) == 10
    assert all(abs(row["roll_deg"]) < 20 and abs(row["yaw_deg"]) < 30 for row in rows)


@pytest.mark.parametrize(
    ("name", "first", "second", "changed_at_s"),
    [
        ("seat_s_a_gap0", "neutral", "happiness", 5.0),
        ("seat_a_s_gap2", "happiness", "neutral", 7.0),
    ],
)
def test_two_people_in_one_seat_are_two(
    name: str, first: str, second: str, changed_at_s: float, results: Path
) -> None:
    summary = summary_of(results, name)
    assert [face["face_id"] for face in summary["faces"]] == ["f1", "f2"]
    for face, expression in zip(summary["faces"], (first, second), strict=True):
        assert face["instants"] == 5
        assert shares(face)[expression] == pytest.approx(1.0)
    [respondent] = summary["respondents"]
    assert respondent["seat_changes"] == [{"at_s": changed_at_s, "from": "f1", "to": "f2"}]
    assert summary["quality"]["verdict"] != "good"


def test_two_recordings_of_one_stem_are_two_results(results: Path) -> None:
    for name in ("r01.mov", "r01.mp4"):
        assert summary_of(results, name)["recording"] == name
        assert name in (results / name / "report.html").read_text()
