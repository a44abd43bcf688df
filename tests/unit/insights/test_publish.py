"""What is published: the same bytes every time, readable by others, safe with any name."""

from __future__ import annotations

import io
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from include.contracts.labels import EXPRESSIONS
from include.contracts.rows import PREDICTIONS
from include.contracts.validation import ValidationResult
from include.insights.publish import render_results
from include.insights.report import MAX_THUMBNAILS
from include.insights.tables import safe_text
from tests.fakes.manifests import extraction
from tests.unit.insights.recordings import context, manifest, predictions

REASONS = {3: "no_face", 6: "face_blurred", 9: "gap"}
TABLE = predictions(manifest(20, faces=lambda k: 2 if k > 14 else 1, reasons=REASONS))
NAMES = [
    "predictions.parquet",
    "emotion_predictions_with_timestamps.csv",
    "timeline.json",
    "summary.json",
    "report.html",
]

HOSTILE = [
    "<script>alert(1)</script>.mp4",
    '"><img src=x onerror=alert(1)>.mp4',
    "</title></style><script>alert(1)</script>",
    "{{ 7 * 7 }}{% raw %}.mp4",
    '=HYPERLINK("http://example.org")',
    "javascript:alert(1)",
    "\u202egnp.4pm",
    "line\nbreak\ttab\x00null.mp4",
    "\ud800 lone surrogate.mp4",
    "w" * 900,
    "",
]


def _render(folder: Path, table: pa.Table = TABLE, **changes: Any) -> dict[str, Path]:
    paths = render_results(context(20.0, **changes), table, folder)
    return {path.name: path for path in paths}


def _jpeg(colour: str) -> bytes:
    sink = io.BytesIO()
    Image.new("RGB", (320, 180), colour).save(sink, "JPEG")
    return sink.getvalue()


class _Page(HTMLParser):
    """Collects the elements and attributes of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs


def test_files_and_their_order(tmp_path: Path) -> None:
    assert list(_render(tmp_path / "new" / "folder")) == NAMES


def test_the_same_input_gives_the_same_bytes(tmp_path: Path) -> None:
    thumbnails = ((0.0, _jpeg("navy")), (9.0, _jpeg("teal")))
    first = _render(tmp_path / "a", thumbnails=thumbnails)
    second = _render(tmp_path / "b", thumbnails=thumbnails)
    assert [path.read_bytes() for path in first.values()] == [
        path.read_bytes() for path in second.values()
    ]


def test_parquet_holds_the_table_and_its_identity(tmp_path: Path) -> None:
    table = pq.read_table(_render(tmp_path)["predictions.parquet"])
    assert table.schema.equals(PREDICTIONS)
    assert table.drop_columns("respondent").equals(TABLE.drop_columns("respondent"))
    assert table["respondent"].to_pylist() == [
        "1" if face_id == "f1" else None for face_id in TABLE["face_id"].to_pylist()
    ]
    assert table.schema.metadata[b"analysis_id"] == b"4b7d" * 8


def test_csv_is_read_back_by_pandas(tmp_path: Path) -> None:
    path = _render(tmp_path)["emotion_predictions_with_timestamps.csv"]
    assert path.read_bytes().startswith(
        b"frame,timestamp,emotion,face_id,respondent,confidence,p_anger,"
    )
    frame = pd.read_csv(path)
    assert len(frame) == TABLE.num_rows
    assert frame["frame"].tolist() == TABLE["instant"].to_pylist()
    expected = TABLE.to_pandas()
    # To the last bit: a time in the CSV is a presentation timestamp of the file.
    pd.testing.assert_series_equal(
        frame["timestamp"], expected["pts_s"], check_names=False, check_exact=True
    )
    assert frame["emotion"].fillna("").tolist() == expected["emotion"].fillna("").tolist()
    assert frame["reason"].fillna("").tolist() == expected["reason"].fillna("").tolist()
    for label in EXPRESSIONS:
        assert frame[f"p_{label}"].to_numpy() == pytest.approx(
            expected[f"p_{label}"].to_numpy(), abs=1e-5, nan_ok=True
        )


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@x", "\t=1", "\r=1", " =1", "%1", "|cmd"])
def test_no_text_is_a_formula(text: str) -> None:
    assert safe_text(text) == f"'{text}"


def test_a_formula_as_a_face_id_is_defused(tmp_path: Path) -> None:
    index = TABLE.schema.get_field_index("face_id")
    hostile = TABLE.set_column(index, "face_id", [["=cmd|' /C calc'!A0"] * TABLE.num_rows])
    path = _render(tmp_path, hostile)["emotion_predictions_with_timestamps.csv"]
    assert set(pd.read_csv(path)["face_id"]) == {"'=cmd|' /C calc'!A0"}
    assert safe_text("f1") == "f1"


def test_timeline_lists_every_frame_that_was_read(tmp_path: Path) -> None:
    timeline = json.loads(_render(tmp_path)["timeline.json"].read_text())
    assert len(timeline) == 19  # the gap has no frame and no time
    rows = TABLE.to_pylist()
    assert [time_s for time_s, _ in timeline] == sorted(
        {row["pts_s"] for row in rows if row["pts_s"] is not None}
    )
    by_time = dict(timeline)
    for row in rows:
        faces = by_time.get(row["pts_s"], [])
        if row["reason"] == "no_face":
            assert faces == []
        elif row["pts_s"] is not None:
            assert [row["face_id"], row["emotion"]] in faces
    assert by_time[rows[6]["pts_s"]] == [["f1", None]]


def test_summary_names_what_it_is_about(tmp_path: Path) -> None:
    summary = json.loads(_render(tmp_path)["summary.json"].read_text())
    assert summary["recording"] == "respondent-07 (spring campaign).mp4"
    assert summary["model"] == {
        "name": "expression-mobilenetv2",
        "version": "3",
        "sha256": "c1" * 32,
    }
    assert summary["main_face"] == "f1"


def test_report_is_self_contained(tmp_path: Path) -> None:
    html = _render(tmp_path, thumbnails=((0.0, _jpeg("navy")),))["report.html"].read_text()
    assert "default-src 'none'; style-src 'unsafe-inline'; img-src data:" in html
    page = _Page(html)
    assert not {"script", "link", "iframe", "object", "embed", "form", "base"} & set(page.tags)
    for name, value in page.attributes:
        assert not name.startswith("on")
        if name == "src":
            assert (value or "").startswith("data:image/jpeg;base64,")
        if name == "href":
            assert value in NAMES
    assert "http" not in html.replace("http-equiv", "")
    assert not re.search(r"@import|url\((?!#)", html)


def test_report_says_what_people_need(tmp_path: Path) -> None:
    html = _render(tmp_path)["report.html"].read_text()
    for words in (
        "Displayed-expression report",
        "Recording quality",
        "Expression timeline",
        "Share per expression",
        "Faces found",
        "What was left out, and why",
        "How to read this",
        "Model and data",
        "face_blurred",
        "c1" * 32,
        "b-000017",
        "found fewer than half",
    ):
        assert words in html
    # The wording of the platform: what a face displays, never what a person feels.
    assert not re.search(r"\bfeel|\bfelt\b|\bmood\b|emotional state", html)


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_are_text(tmp_path: Path, name: str) -> None:
    files = _render(
        tmp_path,
        recording=name,
        study=name,
        provenance={name: name},
        code_versions={name: name},
        extraction=extraction(20.0, codec=name, container=name),
        validation=ValidationResult("0" * 32, "warning", (name,)),
        model={"name": name, "version": name, "sha256": name, "metrics": {name: name}},
        extra_files=((name or "x", name),),
    )
    html = files["report.html"].read_text(encoding="utf-8")
    plain = _render(tmp_path / "plain", extra_files=(("x", "y"),))["report.html"].read_text()
    page, expected = _Page(html), _Page(plain)
    assert not set(page.tags) - set(expected.tags)
    assert not {key for key, _ in page.attributes} - {key for key, _ in expected.attributes}
    assert "49" not in re.findall(r"<h1[^>]*>(.*?)</h1>", html)[0]
    assert "\u202e" not in re.findall(r"<h1[^>]*>(.*?)</h1>", html)[0]
    json.loads(files["summary.json"].read_text(encoding="utf-8"))


def test_links_of_extra_files_stay_beside_the_report(tmp_path: Path) -> None:
    extra = (("javascript:alert(1)", "x"), ("../../up.html", "y"), ("annotated.mp4", "blurred"))
    html = _render(tmp_path, extra_files=extra)["report.html"].read_text()
    links = [value or "" for key, value in _Page(html).attributes if key == "href"]
    assert all(":" not in link and not link.startswith((".", "/")) for link in links)
    assert "annotated.mp4" in links


def test_thumbnails_are_few_small_and_jpeg(tmp_path: Path) -> None:
    many = tuple((float(k), _jpeg("navy")) for k in range(60))
    html = _render(tmp_path, thumbnails=many)["report.html"].read_text()
    assert html.count("<img") == MAX_THUMBNAILS
    junk = ((0.0, b"<svg onload=alert(1)>"), (1.0, b"\xff\xd8" + b"x" * 900_000))
    assert "<img" not in _render(tmp_path, thumbnails=junk)["report.html"].read_text()


SHAPES: dict[str, tuple[pa.Table, float, str]] = {
    "3 s": (predictions(manifest(3)), 3.1, "rest on 3 moments"),
    "one instant": (predictions(manifest(1)), 0.04, "rest on 1 moment;"),
    "no rows": (predictions(manifest(0)), 0.0, "No face was found"),
    "no face": (predictions(manifest(20, faces=0)), 20.0, "No face was found"),
    "only gaps": (predictions(manifest(4, reasons=dict.fromkeys(range(4), "gap"))), 4.0, "gap"),
    "all abstained": (
        predictions(manifest(20), top=lambda k, _: ("neutral", 0.3)),
        20.0,
        "abstained on 100 %",
    ),
    "two faces": (predictions(manifest(20, faces=2)), 20.0, "close choice"),
    "many faces": (predictions(manifest(5, faces=14)), 5.0, "6 more faces"),
}


@pytest.mark.parametrize("name", SHAPES)
def test_recordings_of_all_kinds_have_a_report(tmp_path: Path, name: str) -> None:
    table, duration_s, words = SHAPES[name]
    paths = render_results(context(duration_s), table, tmp_path)
    html = paths[-1].read_text()
    assert words in html
    assert "nan" not in html.lower().replace("finance", "")
    assert pd.read_csv(paths[1]).shape[0] == table.num_rows


def test_two_hours_stay_under_two_megabytes(tmp_path: Path) -> None:
    reasons = dict.fromkeys(range(1000, 1400), "no_face") | dict.fromkeys(range(5000, 5040), "gap")
    names = ("neutral", "happiness", "surprise", "sadness")
    table = predictions(
        manifest(7200, reasons=reasons), top=lambda k, _: (names[k % 4 if k % 3 else 0], 0.8)
    )
    big = tuple((float(k), _jpeg("navy") + b"\0" * 90_000) for k in range(10))
    paths = render_results(context(7200.0, thumbnails=big), table, tmp_path)
    assert paths[-1].stat().st_size < 2_000_000
    assert "Each step stands for" in paths[-1].read_text()
