"""What the fault benchmark works out of its rows, and what it finds wrong."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from benchmarks.faults.kinds import FAULTS, NOTHING
from benchmarks.faults.page import bound, page, slope_per_hour
from benchmarks.faults.rows import ALONE, LOAD, Row, append, read_rows


def row(fault: str, where: str = ALONE, **changes: object) -> Row:
    values = {
        "seen": "worker-1 killed",
        "in_flight": 6,
        "recovery_s": 60.0,
        "published": 6,
        "other_ends": 0,
        "wrong": (),
    }
    return Row(fault=fault, where=where, **{**values, **changes})  # type: ignore[arg-type]


SOAK: dict[str, Any] = {
    "recordings": 20,
    "workers": 2,
    "fault_every_s": 75.0,
    "deferring": False,
    "took_s": 600.0,
    "counts": {"published": 19, "failed": 1},
    "wrong_at_the_end": [],
    "rows": [],
    "samples": [
        {
            "at_s": 15.0 * n,
            "anonymous_bytes": {"worker-1": (100 + n) << 20},
            "counts": {"claimed": 20 - n // 2, "published": n // 2},
        }
        for n in range(25)
    ],
}


def test_rows_come_back_as_they_went(tmp_path: Path) -> None:
    rows = [row("a"), row("b", LOAD, recovery_s=None, wrong=("half a result",))]
    append(tmp_path / "rows.jsonl", rows)
    assert read_rows(tmp_path / "rows.jsonl") == rows
    assert read_rows(tmp_path / "none") == []


def test_the_bound_of_none_of_sixty_is_about_five_percent() -> None:
    assert bound(1) == pytest.approx(0.95)
    assert bound(60) == pytest.approx(0.0487, abs=1e-4)


def test_the_page_counts_what_was_wrong_and_says_where() -> None:
    alone = [row(fault.name) for fault in FAULTS] + [row(NOTHING.name, recovery_s=33.0)]
    good = page(alone, {**SOAK, "rows": [asdict(row(FAULTS[0].name, LOAD))]})
    assert f"In all {len(FAULTS) + 1} faults, 0 with a violation" in good
    assert "33 / 33 s" in good
    assert "2.0 recordings a minute" in good
    assert "at most 20 had no end yet" in good
    bad = page([*alone, row(FAULTS[0].name, wrong=("r1.mp4 has half a result",))], SOAK)
    assert "1 with a violation" in bad
    assert "r1.mp4 has half a result" in bad


def test_faults_of_shorter_runs_count_and_their_ends_are_told() -> None:
    short = {
        **SOAK,
        "rows": [asdict(row(FAULTS[0].name, LOAD))] * 2,
        "counts": {"failed": 1, "published": 3},
        "wrong_at_the_end": ["r9 has no end"],
    }
    found = page([row(FAULTS[0].name)], SOAK, [short])
    assert "In all 3 faults" in found
    assert "1 failed, 3 published" in found
    assert "r9 has no end." in found


def test_memory_that_grows_has_a_slope() -> None:
    assert slope_per_hour([(0, 100.0), (15, 101.0), (30, 102.0)]) == pytest.approx(240.0)
    assert "| worker-1 | 104 | 120 | 124 | +240 |" in page([row(FAULTS[0].name)], SOAK)


def test_rows_are_lines_of_json(tmp_path: Path) -> None:
    append(tmp_path / "rows", [row("a")])
    append(tmp_path / "rows", [row("b")])
    lines = (tmp_path / "rows").read_text().splitlines()
    assert [json.loads(line)["fault"] for line in lines] == ["a", "b"]
