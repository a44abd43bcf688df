"""Who is who and who is the respondent, on recordings made of the project's own faces.

The small edition of `make bench-identity`: made and scored by the same code, extracted in the
confined child, joined and published as the stages do it. The answers of the model are made up;
they say nothing about who somebody is.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from benchmarks.identity.making import write_script
from benchmarks.identity.motion import Keyframe, motion
from benchmarks.identity.posing import Head, SideLight
from benchmarks.identity.running import reported_faces
from benchmarks.identity.scoring import Score, score
from benchmarks.identity.stage import ALWAYS, Interval, Layer, Poster, Scene, Script, Sitter, room
from benchmarks.identity.truth import RESPONDENT, read_truth
from include.insights.publish import render_results
from include.settings import ExtractionSettings, LimitSettings
from include.video.extract import extract_file
from tests.fakes.people import a_person
from tests.unit.insights.recordings import context, predictions

pytestmark = pytest.mark.integration

SEAT: Keyframe = (0.0, 0.5, 0.52, 0.7)


def sitter(name: str, shown: tuple[Interval, ...] = ALWAYS, seed: int = 1) -> Sitter:
    moves = motion(np.random.default_rng(seed), [SEAT])
    return Sitter(name, RESPONDENT, Head(a_person(name)), moves, shown)


def judged(tmp_path: Path, lasts_s: float, *layers: Layer) -> Score:
    """Make a recording, extract and publish it, hold the results against the truth."""
    scenes = (Scene(0.0, room(2), layers),)
    write_script(Script("made", "small", "dev", lasts_s, 10, 23, 2.0, scenes), tmp_path)
    workdir = tmp_path / "extraction"
    workdir.mkdir()
    extracted = extract_file(
        tmp_path / "made.mp4",
        "made.mp4",
        video_id="0" * 64,
        extraction_id="e" * 32,
        settings=ExtractionSettings(),
        limits=LimitSettings(),
        workdir=workdir,
    )
    table = predictions(pq.read_table(extracted.manifest_path))
    told = replace(context(lasts_s), extraction=extracted.summary)
    render_results(told, table, tmp_path / "out")
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    found = score(read_truth(tmp_path / "made.json"), table.to_pylist(), reported_faces(summary))
    assert found.found.hits >= 0.8 * found.found.n
    return found


def test_the_next_person_on_the_seat_is_another_face(tmp_path: Path) -> None:
    before, after = sitter("ada", ((0.0, 5.0),)), sitter("dua", ((7.0, 12.0),), seed=2)
    found = judged(tmp_path, 12.0, before, after)
    assert not found.merged
    assert found.respondent


def test_who_comes_back_is_the_same_face(tmp_path: Path) -> None:
    before = sitter("ada", ((0.0, 5.0),))
    lights = ((0.0, SideLight(0.5, 200)),)
    again = sitter("ada", ((8.0, 13.0),), seed=3)
    after = replace(again, motion=replace(again.motion, lights=lights))
    found = judged(tmp_path, 13.0, before, after)
    assert not found.split
    assert found.people.n == 1
    assert found.respondent


def test_the_report_is_about_who_moves_before_a_poster(tmp_path: Path) -> None:
    poster = Poster("dua", Head(a_person("dua")), 0.85, 0.3, 0.5, SideLight())
    found = judged(tmp_path, 10.0, poster, sitter("ada"))
    assert found.person_pairs.n == 1, "the poster was not found: nothing is tested"
    assert not found.merged
    assert found.respondent
