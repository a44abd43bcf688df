"""Rows of respondents: who counts, what counts as an error, and by which weight."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from include.composition import Services
from include.contracts.labels import EXPRESSIONS
from include.contracts.rows import PREDICTIONS
from include.labelling.queue import DRAW, Draw, Source
from include.labelling.selection import Instant, Plan, Selected, Stratum
from include.labelling.votes import Vote, votes_bytes
from include.lake import keys
from include.pipeline.bias_audit.traffic import NOT_DECLARED, labelled_rows, production_rows
from include.pipeline.labelling.receipts import RECEIPT, VOTES, Receipt
from tests.fakes.home import services_in

NOW = datetime(2026, 11, 16, 5, tzinfo=UTC)
SINCE = NOW - timedelta(days=28)
MODEL, OTHER = "a" * 64, "b" * 64


@pytest.fixture
def services(tmp_path: Path) -> Services:
    return services_in(tmp_path)


def declare(services: Services, *lines: str, study: str = "spot") -> None:
    text = "\n".join(["recording,respondent,gender,favourite_colour", *lines])
    services.lake.put_bytes(f"incoming/{study}/respondents.csv", text.encode())


def publish(services: Services, recording: str, rows: list[dict], *, model: str = MODEL) -> None:
    full = [
        {"row_id": f"{n}", "target_s": 0.0, "scene": 0, "instant": n, **row}
        for n, row in enumerate(rows)
    ]
    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(full, schema=PREDICTIONS), buffer)
    prefix = keys.published("spot", recording, f"{recording}-{model[:4]}")
    services.lake.put_bytes(f"{prefix}/predictions.parquet", buffer.getvalue())
    content = {
        "study": "spot",
        "recording": recording,
        "video_id": recording,
        "extraction_id": recording,
        "analysis_id": f"{recording}-{model[:4]}",
        "model": {"name": "m", "version": "1", "sha256": model},
        "published_at": (NOW - timedelta(days=1)).isoformat(),
    }
    services.lake.put_bytes(f"{prefix}/manifest.json", json.dumps(content).encode())


ANSWERED = {"emotion": "neutral", "confidence": 0.9, "reason": None}


def test_one_row_per_instant_shown_and_a_missed_face_is_one(services: Services) -> None:
    declare(services, "r.mp4,P1,f,blue")
    publish(
        services,
        "r.mp4",
        [
            ANSWERED,
            {**ANSWERED, "instant": 0, "emotion": "anger"},  # a smaller face beside
            {"instant": 2, "reason": "no_face"},
            {"instant": 3, "reason": "gap"},
            {"instant": 4, "reason": "low_confidence", "confidence": 0.3},
            {"instant": 5, "reason": "face_blurred"},
        ],
    )
    rows, notes = production_rows(services, MODEL, SINCE, NOW)
    assert rows is not None
    assert notes == []
    assert rows.attributes == ("gender",)
    frame = rows.frame
    assert len(frame) == 4
    assert frame["answer"].dropna().tolist() == ["neutral"]
    assert frame["face_found"].sum() == 3
    assert frame["quality_ok"].sum() == 2
    assert frame["abstained"].sum() == 1
    assert frame["person_id"].nunique() == 1
    assert not frame["person_id"].str.contains("P1").any()


def test_where_it_is_noted_whose_a_row_is_only_the_respondent_counts(services: Services) -> None:
    declare(services, "r.mp4,P1,f,blue", "two.mp4,P2,f,blue")
    poster = {**ANSWERED, "emotion": "anger", "face_id": "f1"}
    person = {**ANSWERED, "face_id": "f2", "respondent": "1"}
    publish(
        services,
        "r.mp4",
        [{**poster, "instant": 0}, {**person, "instant": 0}, {**poster, "instant": 1}],
    )
    # Of two respondents a line of respondents.csv does not say which is meant.
    publish(services, "two.mp4", [person, {**person, "face_id": "f3", "respondent": "2"}])
    rows, _ = production_rows(services, MODEL, SINCE, NOW)
    assert rows is not None
    assert rows.frame["answer"].tolist() == ["neutral", None]
    assert rows.frame["face_found"].tolist() == [True, False]


def test_who_is_unknown_or_answered_by_another_model_is_left_out(services: Services) -> None:
    declare(services, "r.mp4,P1,f,", "s.mp4,P2,m,")
    publish(services, "r.mp4", [ANSWERED])
    publish(services, "s.mp4", [ANSWERED], model=OTHER)
    publish(services, "nobody.mp4", [ANSWERED])
    rows, notes = production_rows(services, MODEL, SINCE, NOW)
    assert rows is not None
    assert rows.frame["gender"].tolist() == ["f"]
    assert "1 recording(s)" in notes[0]


def test_lines_are_matched_as_people_type_them(services: Services) -> None:
    declare(services, ".\\R.MP4,P1,f,", "s,P2,m,")
    for name in ("r.mp4", "s.mp4"):
        publish(services, name, [ANSWERED])
    rows, notes = production_rows(services, MODEL, SINCE, NOW)
    assert rows is not None
    assert sorted(rows.frame["gender"]) == ["f", "m"]
    assert notes == []


def test_who_declares_two_values_declared_none(services: Services) -> None:
    declare(services, "r.mp4,P1,f,", "s.mp4,P1,m,", "t.mp4,P2,m,")
    for name in ("r.mp4", "s.mp4", "t.mp4"):
        publish(services, name, [ANSWERED])
    rows, _ = production_rows(services, MODEL, SINCE, NOW)
    assert rows is not None
    assert sorted(rows.frame["gender"]) == ["m", NOT_DECLARED, NOT_DECLARED]


def test_nobody_declared_and_a_bad_file_are_said(services: Services) -> None:
    services.lake.put_bytes("incoming/spot/respondents.csv", b"recording\nr.mp4")
    publish(services, "r.mp4", [ANSWERED])
    rows, notes = production_rows(services, MODEL, SINCE, NOW)
    assert rows is None
    assert "respondents.csv of study 'spot'" in notes[0]
    assert "nobody declared" in notes[-1]


def test_labels_are_joined_and_weighted_by_the_design(services: Services) -> None:
    declare(services, "r.mp4,P1,f,", "s.mp4,P2,m,")
    probabilities = tuple(0.7 if label == "neutral" else 0.05 for label in EXPRESSIONS)
    selected = tuple(
        Selected(
            Instant(f"e{n}-0000000-00", "spot", name, "x", "f1", probabilities),
            Stratum.RANDOM,
            chance,
        )
        for n, (name, chance) in enumerate((("r.mp4", 0.5), ("s.mp4", 0.1), ("s.mp4", 1.0)))
    )
    sources = {f"e{n}": Source("a", "m", "1", MODEL, NOW.isoformat()) for n in range(3)}
    draw = Draw("q1", SINCE, NOW, Plan(), 30, sources, selected, frozenset({"e1-0000000-00"}))
    services.lake.write(DRAW, keys.label_record("q1"), draw)
    votes = [
        Vote("e0-0000000-00", "ann", "anger"),
        Vote("e1-0000000-00", "ann", "neutral"),
        Vote("e2-0000000-00", "ann", "unknown"),
    ]
    folder = keys.label_answer("o1")
    services.lake.put_bytes(f"{folder}/{VOTES}", votes_bytes(votes))
    receipt = Receipt("o1", "labels/incoming/x.csv", "1", NOW.isoformat(), votes=3)
    services.lake.write(RECEIPT, f"{folder}/{keys.LABEL_RECEIPT}", receipt)
    rows, _ = labelled_rows(services, MODEL)
    assert rows is not None
    found = rows.frame.set_index("gender")[["truth", "answer", "abstained", "weight"]]
    assert found.loc["f"].tolist() == ["anger", "neutral", False, 2.0]
    assert found.loc["m"].tolist() == ["neutral", None, True, 10.0]
    assert labelled_rows(services, OTHER)[0] is None
