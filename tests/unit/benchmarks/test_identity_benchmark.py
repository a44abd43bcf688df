"""The benchmark of identity: its pictures hold what their truth says, its scorer counts right."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from benchmarks.identity.making import write_script
from benchmarks.identity.motion import motion
from benchmarks.identity.people import HALVES, Cast, half_of
from benchmarks.identity.plan import CATEGORIES, script
from benchmarks.identity.posing import Head, Pose, SideLight
from benchmarks.identity.running import reported_faces
from benchmarks.identity.scoring import Counted, match, score
from benchmarks.identity.stage import Scene, Script, Sitter, play, room
from benchmarks.identity.truth import MIRROR, POSTER, RESPONDENT, Shown, Truth, read_truth
from include.made_media.pasted_faces import room_of
from include.video.detection import FaceDetector
from tests.fakes.people import a_person

HERE, THERE = (100.0, 80.0, 100.0, 120.0), (420.0, 60.0, 60.0, 72.0)


def truth(*frames: tuple[Shown, ...], scenes: tuple[float, ...] = (0.0,)) -> Truth:
    """A recording of one frame a second."""
    return Truth("made", "seat-cut", "dev", 1.0, scenes, frames)


def row(pts_s: float, face_id: str | None, box: tuple[float, ...] = HERE) -> dict[str, Any]:
    names = ("box_x_px", "box_y_px", "box_width_px", "box_height_px")
    return {"pts_s": pts_s, "face_id": face_id, **dict(zip(names, box, strict=True))}


def sits(person: str, role: str = RESPONDENT, box: Any = HERE) -> Shown:
    return Shown(person, role, box)


def test_one_id_on_two_people_is_a_merge_and_its_report_is_about_nobody() -> None:
    known = truth((sits("ada"),), (sits("ada"),), (sits("bob"),), (sits("bob"),))
    found = score(known, [row(t, "f1") for t in range(4)], ["f1"])
    assert found.merged
    assert not found.split
    assert found.person_pairs == Counted(1, 1)
    assert found.respondent is False


def test_two_ids_on_one_person_are_a_split_and_either_may_be_reported() -> None:
    known = truth(*[(sits("ada"),)] * 4)
    found = score(known, [row(t, "f1" if t < 2 else "f2") for t in range(4)], ["f2"])
    assert (found.merged, found.split, found.people) == (False, True, Counted(1, 1))
    assert found.respondent


def test_unknown_neither_merges_nor_splits_and_is_counted() -> None:
    known = truth((sits("ada"),), (sits("ada"),), (sits("bob"),), (sits("bob"),))
    rows = [row(0, "f1"), row(1, "f1"), row(2, "unknown"), row(3, "unknown")]
    found = score(known, rows, ["f1"])
    assert (found.merged, found.split, found.unknown) == (False, False, Counted(2, 4))
    assert found.respondent


def test_appearances_are_parted_by_gaps_and_cuts() -> None:
    ada = (sits("ada"),)
    known = truth(ada, (), ada, ada, scenes=(0.0, 3.0))
    rows = [row(0, "f1"), row(2, "f1"), row(3, "f2")]
    assert score(known, rows, []).returns == Counted(2, 3)


def test_a_mirror_image_is_its_person_and_still_no_split() -> None:
    both = (sits("ada"), sits("ada", MIRROR, THERE))
    rows = [row(t, name, box) for t in range(3) for name, box in (("f1", HERE), ("f2", THERE))]
    found = score(truth(both, both, both), rows, ["f1"])
    assert (found.merged, found.split, found.respondent) == (False, False, True)
    assert score(truth(both, both, both), rows, ["f2"]).respondent is False


def test_a_report_about_the_poster_is_wrong_and_no_report_is_too() -> None:
    both = (sits("ada"), sits("bob", POSTER, THERE))
    rows = [row(t, name, box) for t in range(3) for name, box in (("f1", HERE), ("f2", THERE))]
    assert score(truth(both, both, both), rows, ["f2"]).respondent is False
    assert score(truth(both, both, both), rows, []).respondent is False
    assert score(truth(both, both, both), rows, ["f1", "f2"]).respondent is False
    assert score(truth(both, both, both), [], []).respondent is None


def test_rows_between_overlapping_faces_beside_or_of_another_size_are_nobody() -> None:
    close = (sits("ada"), sits("bob", box=(112.0, 80.0, 100.0, 120.0)))
    assert match(truth(close), [row(0, "f1")]) == []
    alone = truth((sits("ada"),))
    assert match(alone, [row(0, "f1", (160.0, 80.0, 100.0, 120.0))]) == []
    assert match(alone, [row(0, "f1", (140.0, 128.0, 20.0, 24.0))]) == []
    assert [item.person for item in match(alone, [row(0, "f1"), row(0, None)])] == ["ada"]


def test_a_summary_reports_its_respondents_or_else_its_main_face() -> None:
    assert reported_faces({"main_face": "f3"}) == ("f3",)
    assert reported_faces({"main_face": None}) == ()
    two = {"main_face": "f1", "respondents": [{"face_id": "f1"}, {"face_id": "f4"}]}
    assert reported_faces(two) == ("f1", "f4")


def test_a_drawn_face_is_found_where_the_truth_says_it_is() -> None:
    detector = FaceDetector(width_px=320, score_min=0.5)
    person = a_person()
    for head, pose in (
        (Head(person), Pose()),
        (Head(person), Pose(yaw_deg=18, pitch_deg=-6, roll_deg=8, jaw=0.6, smile=0.5)),
        (Head(person, flipped=True), Pose(lids=1.0, roll_deg=-6)),
    ):
        frame = room_of(3).copy()
        x, y, width, height = head.draw(frame, (300, 170), 240, pose, SideLight(0.3, 220))
        [found] = detector.detect(frame)
        assert abs(found.x_px + found.width_px / 2 - x - width / 2) < 0.2 * width
        assert abs(found.y_px + found.height_px / 2 - y - height / 2) < 0.2 * height


def test_what_stands_before_a_face_takes_off_what_is_visible_of_it() -> None:
    draw = np.random.default_rng(1)

    def at(name: str, x: float) -> Sitter:
        return Sitter(name, RESPONDENT, Head(a_person(name)), motion(draw, [(0, x, 0.5, 0.6)]))

    def shown(apart: float) -> dict[str, float]:
        scene = Scene(0.0, room(1), (at("ada", 0.5), at("bob", 0.5 + apart)))
        [(_, faces)] = play(Script("two", "crossing", "dev", 0.1, 10, 23, 1.0, (scene,)))
        return {face.person: face.visible for face in faces}

    assert shown(0.4) == pytest.approx({"ada": 1.0, "bob": 1.0})
    assert shown(0.05)["bob"] == pytest.approx(1.0)
    assert shown(0.05)["ada"] < 0.3


def test_a_recording_is_written_with_its_truth_and_the_same_again(tmp_path: Path) -> None:
    people = tuple(a_person(name) for name in ("ada", "bob", "cem", "dua"))
    made = script(Cast(people, ((people[0], people[1]),)), "dev", "seat-gap", 1)
    short = Script(made.name, made.category, made.half, 1.0, 15, 23, 2.0, made.scenes)
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        write_script(short, tmp_path / name)
    one, two = (tmp_path / name / f"{made.name}.mp4" for name in ("one", "two"))
    assert one.read_bytes() == two.read_bytes()
    known = read_truth(one.with_suffix(".json"))
    with av.open(str(one)) as container:
        times = [float(frame.time) for frame in container.decode(video=0)]
    assert len(times) == len(known.frames) == 15
    assert all(len(known.at(t)) == 1 for t in times)
    assert known.respondents() == {known.at(0.0)[0].person}


def test_every_kind_of_case_can_be_drawn_and_nobody_is_in_both_halves() -> None:
    people = tuple(a_person(f"p{number}") for number in range(24))
    cast = Cast(people, ((people[0], people[1]),))
    for category in CATEGORIES:
        for number in range(3):
            made = script(cast, "test", category, number)
            assert 8 <= made.duration_s <= 60
            assert made.scenes[0].start_s == 0.0
    assert {half_of(f"{number}.jpg") for number in range(50)} == set(HALVES)
