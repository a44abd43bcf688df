"""Whom a report is about, from recordings to the rendered page."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from include.contracts.seating import ONE_RESPONDENT, Seat, Seating
from include.insights.publish import render_results
from include.settings import ExtractionSettings, LimitSettings
from include.video.detection import Image
from include.video.extract import extract_file
from tests.media import company
from tests.unit.insights.recordings import context, predictions

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]


@dataclass(frozen=True)
class Reported:
    """What is published about a recording, and where its faces are."""

    summary: dict[str, Any]
    html: str
    rows: list[dict[str, Any]]

    @property
    def faces(self) -> list[str]:
        """Whom it is about."""
        return [item["face_id"] for item in self.summary["respondents"]]

    @property
    def kinds(self) -> set[str]:
        """What the others seem to be."""
        return {item["kind"] for item in self.summary["others"]}

    def place(self, face_id: str) -> tuple[float, float]:
        """Median middle and width of a face, pixels."""
        rows = [row for row in self.rows if row["face_id"] == face_id]
        middle = np.median([row["box_x_px"] + row["box_width_px"] / 2 for row in rows])
        return float(middle), float(np.median([row["box_width_px"] for row in rows]))


def report(path: Path, out: Path, seating: Seating = ONE_RESPONDENT) -> Reported:
    """Extract a recording and render its results; answers come from no model."""
    work = out / "work"
    work.mkdir(parents=True)
    done = extract_file(
        path,
        path.name,
        video_id="0" * 32,
        extraction_id="e" * 32,
        settings=ExtractionSettings(),
        limits=LimitSettings(),
        workdir=work,
    )
    table = predictions(pq.read_table(done.manifest_path))
    given = context(done.summary.duration_s, extraction=done.summary, seating=seating)
    render_results(given, table, out)
    return Reported(
        json.loads((out / "summary.json").read_text()),
        (out / "report.html").read_text(),
        pq.read_table(out / "predictions.parquet").to_pylist(),
    )


def _made(tmp_path: Path, pictures: Iterator[Image], **options: Any) -> Reported:
    path = company.write(tmp_path / "made.mp4", pictures)
    return report(path, tmp_path / "out", **options)


def _words(html: str) -> str:
    return " ".join(re.sub(r"<[^>]*>", " ", html).split())


def test_a_picture_on_the_wall_is_told_as_such(tmp_path: Path) -> None:
    pictures = company.with_shown(company.respondent("ana"), company.poster("ben", left=520))
    found = _made(tmp_path, pictures)
    [face] = found.faces
    middle, width = found.place(face)
    assert middle < 450
    assert width > 100
    assert found.kinds == {"still picture"}
    words = _words(found.html)
    assert "Whom this report is about" in words
    assert "a still picture: it never moved" in words
    assert {row["respondent"] for row in found.rows if row["face_id"] == face} == {"1"}
    assert {row["respondent"] for row in found.rows if row["face_id"] != face} == {None}


def test_the_faces_of_a_television_are_not_the_respondent(tmp_path: Path) -> None:
    shown = company.television(["ben", "carla", "dan", "eva", "finn", "gerd"], left=520)
    found = _made(tmp_path, company.with_shown(company.respondent("ana"), shown))
    assert len(found.faces) == 1
    assert found.place(found.faces[0])[0] < 450
    assert all(not item["could_be_the_respondent"] for item in found.summary["others"])


def test_a_mirror_image_is_not_the_respondent(tmp_path: Path) -> None:
    pictures = company.with_shown(company.respondent("ana", shift_px=-80), company.mirror(left=480))
    found = _made(tmp_path, pictures)
    [face] = found.faces
    assert found.place(face)[0] < 400
    assert all(item["x_share"] > 0.65 for item in found.summary["others"])


def test_a_picture_alone_is_never_good(tmp_path: Path) -> None:
    wall = (np.full((360, 640, 3), 150, np.uint8) for _ in range(60))
    found = _made(tmp_path, company.with_shown(wall, company.poster("ana", left=240, side=220)))
    assert found.summary["quality"]["verdict"] == "usable with care"
    assert "No respondent was seen moving" in _words(found.html)


def test_two_respondents_each_get_their_result(tmp_path: Path) -> None:
    pictures = company.beside(company.respondent("ana"), company.respondent("carla"))
    seating = Seating(2, (Seat.LEFT, Seat.RIGHT), declared=True)
    found = _made(tmp_path, pictures, seating=seating)
    assert [item["respondent"] for item in found.summary["respondents"]] == ["left", "right"]
    left, right = (found.place(face)[0] for face in found.faces)
    assert left < 320 < right
    assert found.summary["quality"]["verdict"] == "good"
    words = _words(found.html)
    assert "Expression timeline: left" in words
    assert "Expression timeline: right" in words
    assert found.html.count('id="timeline-title"') == 1
    csv = (tmp_path / "out/emotion_predictions_with_timestamps.csv").read_text()
    assert {"left", "right"} == {line.split(",")[4] for line in csv.splitlines()[1:]}


def test_the_case_of_a_small_picture_behind_a_large_face(shared_data: Path, tmp_path: Path) -> None:
    """As recorded neither moves by more than a hundredth of a pixel: both are told as pictures."""
    path = shared_data.parent / "cases" / "recordings" / "poster_small_behind.mp4"
    if not path.is_file():
        pytest.skip(f"{path} is not here")
    found = report(path, tmp_path / "out")
    [face] = found.faces
    assert found.place(face) == pytest.approx((245, 157), abs=12)
    [other] = found.summary["others"]
    assert other["kind"] == "still picture"
    assert found.summary["quality"]["verdict"] == "usable with care"
