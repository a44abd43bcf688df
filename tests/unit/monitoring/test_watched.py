"""What one recording's rows are reduced to."""

from __future__ import annotations

from datetime import date

import numpy as np
import pyarrow as pa
import pytest

from include.contracts.rows import MANIFEST, PREDICTIONS
from include.monitoring.watched import COLUMNS, RecordingFigures, as_sample, read_recording

DAY = date(2026, 11, 20)


def rows(*given: dict[str, object], schema: pa.Schema = PREDICTIONS) -> pa.Table:
    base = {"row_id": "r", "target_s": 0.0, "scene": 0}
    return pa.Table.from_pylist([{**base, **row} for row in given], schema=schema)


def face(instant: int, **more: object) -> dict[str, object]:
    box = {"box_width_px": 80.0, "box_height_px": 100.0}
    return {"instant": instant, "brightness": 100.0, "blur": 50.0, "yaw_deg": -10.0, **box, **more}


def read(table: pa.Table) -> dict[str, float]:
    figures = read_recording(table, recording="a.mp4", study="s", day=DAY)
    return dict(zip(COLUMNS, figures.values, strict=True))


def test_figures_of_a_recording() -> None:
    found = read(
        rows(
            face(0, emotion="happiness", confidence=0.9),
            face(1, emotion="neutral", confidence=0.7, brightness=140.0),
            face(2, reason="low_confidence", confidence=0.2, brightness=120.0),
            face(3, reason="face_blurred"),
            {"instant": 4, "reason": "no_face"},
            {"instant": 5, "reason": "gap"},
        )
    )
    assert found["brightness"] == 110.0
    assert (found["face_side_px"], found["head_turn_deg"], found["sharpness"]) == (80, 10, 50)
    assert found["face_coverage"] == pytest.approx(4 / 5)  # the gap showed no frame to look in
    assert found["confidence"] == pytest.approx(0.6)  # the blurred face was not judged
    assert found["abstention_share"] == pytest.approx(1 / 3)
    assert (found["share_happiness"], found["share_neutral"]) == (0.5, 0.5)


def test_two_faces_of_one_instant_are_one_covered_instant() -> None:
    found = read(rows(face(0), face(0), {"instant": 1, "reason": "no_face"}))
    assert found["face_coverage"] == 0.5


def test_without_a_face_only_coverage_is_known() -> None:
    found = read(rows({"instant": 0, "reason": "no_face"}))
    assert found.pop("face_coverage") == 0.0
    assert np.isnan(list(found.values())).all()


def test_every_face_abstained_on_leaves_no_shares() -> None:
    found = read(rows(face(0, reason="low_confidence", confidence=0.3)))
    assert found["abstention_share"] == 1.0
    assert np.isnan(found["share_anger"])


def test_a_manifest_gives_the_figures_of_input_alone() -> None:
    found = read(rows(face(0), schema=MANIFEST))
    assert found["brightness"] == 100.0
    assert np.isnan(found["confidence"])


def test_an_empty_table_gives_nothing() -> None:
    assert np.isnan(list(read(rows()).values())).all()


def test_sample_numbers_studies_and_drops_partial_embeddings() -> None:
    values = (0.0,) * len(COLUMNS)
    first = RecordingFigures("a", "x", DAY, values, (1.0, 2.0))
    second = RecordingFigures("b", "y", DAY, values)
    assert as_sample([first, second]).embeddings is None
    whole = as_sample([first, first])
    assert whole.embeddings is not None
    assert whole.embeddings.shape == (2, 2)
    assert as_sample([second, first]).studies.tolist() == [1, 0]
    assert len(as_sample([])) == 0
