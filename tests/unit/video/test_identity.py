"""Who is who within a recording: the descriptor, following, naming people."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from include.video.detection import Detection, FaceDetector, Image
from include.video.identity import network
from include.video.identity.embedding import FaceEmbedder, chip_of
from include.video.identity.evidence import Evidence, Gallery, unlikeness
from include.video.identity.following import FaceFollower
from include.video.identity.look import look_of
from include.video.identity.people import OTHER_MIN, SAME_MAX
from include.video.identity.tracklets import SeenFace, Tracklet
from tests.media.make_media import head, paste, texture
from tests.unit.video.conftest import Extracted

Extract = Callable[..., Extracted]

WEIGHTS_SHA256 = "55533b28a95800a551ba546ba62fe69625c7e95a7061c338adffead08719da30"
DLIB_ANSWER = [-0.039292, 0.090839, 0.050558, -0.02438, -0.154212, -0.06243, -0.05036, -0.04265]

# --- The network ------------------------------------------------------------------------


def test_the_weights_are_the_published_ones() -> None:
    digest = hashlib.sha256(network.shipped_weights_path().read_bytes()).hexdigest()
    assert digest == WEIGHTS_SHA256


@pytest.mark.parametrize("kept_bytes", [0, 100, 5_000_000, 22_400_000])
def test_other_bytes_are_refused(kept_bytes: int) -> None:
    weights = network.shipped_weights_path().read_bytes()[:kept_bytes]
    with pytest.raises(ValueError, match="not dlib's face recognition network"):
        network.recognition_model(weights)


def test_the_network_answers_as_dlib_does() -> None:
    # Answers of dlib 20.0.1 (`compute_face_descriptor`) to the same chip, first eight of 128.
    ramp = np.arange(150, dtype=np.float32)
    planes = (
        np.add.outer(ramp, ramp) % 256,
        np.multiply.outer(ramp, ramp) % 251,
        np.add.outer(ramp, 2 * ramp) % 199,
    )
    chip_rgb = np.stack(planes, 2).astype(np.uint8)
    answer = FaceEmbedder().describe(cv2.cvtColor(chip_rgb, cv2.COLOR_RGB2BGR))
    assert answer.shape == (128,)
    assert answer[:8] == pytest.approx(DLIB_ANSWER, abs=1e-5)


# --- The descriptor ---------------------------------------------------------------------


def described(picture: Image, detector: FaceDetector) -> Evidence:
    (found, *_) = detector.detect(picture)
    chip = chip_of(picture, found.landmarks_px)
    assert chip is not None
    return Evidence(FaceEmbedder().describe(chip), look_of(cv2.resize(chip, (112, 112))))


def on_backdrop(patch: Image, height_px: float) -> Image:
    picture = texture((640, 360))
    paste(picture, patch, (320, 180), height_px)
    return picture


@pytest.fixture(scope="module")
def detector() -> FaceDetector:
    return FaceDetector(width_px=320, score_min=0.5)


def test_one_person_smaller_or_in_another_light_is_near(detector: FaceDetector) -> None:
    first = described(on_backdrop(head(), 300), detector)
    smaller = described(on_backdrop(head(), 120), detector)
    darker = described(on_backdrop(cv2.convertScaleAbs(head(), alpha=0.6), 300), detector)
    assert unlikeness([first], [smaller, darker]).max() < SAME_MAX


def test_five_people_of_one_photograph_are_far(shared_data: Path, detector: FaceDetector) -> None:
    picture = cv2.imread(f"{shared_data}/multi_face.jpg")
    evidence = []
    for found in detector.detect(picture):
        chip = chip_of(picture, found.landmarks_px)
        assert chip is not None
        look = look_of(cv2.resize(chip, (112, 112)))
        evidence.append(Evidence(FaceEmbedder().describe(chip), look))
    apart = unlikeness(evidence, evidence)[~np.eye(5, dtype=bool)]
    assert apart.min() > SAME_MAX
    assert np.quantile(apart, 0.2) > OTHER_MIN


def test_a_gallery_keeps_the_first_and_the_latest() -> None:
    gallery = Gallery(size=4)
    for number in range(9):
        gallery.add(Evidence(np.full(128, number, np.float32), look("a")))
    kept = sorted(float(evidence.descriptor[0]) for evidence in gallery.evidence)
    assert kept == [0, 1, 7, 8]


# --- Following, with descriptors that are as clear as the test says ---------------------------


class SaidEmbedder(FaceEmbedder):
    """Describes a picture of one colour by that colour: the tests say who is seen."""

    def __init__(self) -> None:
        self.asked = 0

    def describe(self, chip_bgr: Image) -> Any:
        self.asked += 1
        descriptor = np.zeros(128, np.float32)
        descriptor[:3] = chip_bgr[75, 75] / 255
        return descriptor


A, B, C = (250, 0, 0), (0, 250, 0), (0, 0, 250)
BETWEEN = (220, 60, 0)
"""Nearer to A than to B, and not near."""


def look(name: str) -> Any:
    vector = np.random.default_rng(ord(name)).normal(size=768).astype(np.float32)
    return vector / np.linalg.norm(vector)


Shown = tuple[float, tuple[int, int, int], str]
"""Left edge in pixels, who it is, what it looks like."""


class Recording:
    """Shows faces of 100 px to a follower, instant by instant."""

    def __init__(self) -> None:
        self.embedder = SaidEmbedder()
        self.follower = FaceFollower(self.embedder)
        self.seen: list[list[int]] = []

    def show(self, *faces: Shown, scene: int = 0, describable: bool = True) -> None:
        picture = np.zeros((400, 2000, 3), np.uint8)
        seen = []
        for left_px, who, look_name in faces:
            picture[50:150, int(left_px) : int(left_px) + 100] = who
            seen.append(SeenFace(_box(left_px), look(look_name), describable))
        self.seen.append(self.follower.follow(len(self.seen), scene, picture, seen))

    def nothing(self, instants: int = 1, scene: int = 0) -> None:
        for _ in range(instants):
            self.show(scene=scene)

    def people(self) -> list[list[int]]:
        names = self.follower.names()
        return [[names[tracklet] for tracklet in instant] for instant in self.seen]


def _box(left_px: float) -> Detection:
    points = ((30, 40), (70, 40), (50, 55), (35, 75), (65, 75))
    landmarks_px = tuple((left_px + x, 50.0 + y) for x, y in points)
    return Detection(left_px, 50, 100, 100, 0.9, landmarks_px)


def test_a_face_that_stays_is_never_asked_about() -> None:
    recording = Recording()
    for step in range(20):
        recording.show((step * 30.0, A, "a"))
    assert recording.people() == [[1]] * 20
    assert recording.embedder.asked == 0


def test_faces_always_in_view_together_are_told_apart_by_that() -> None:
    recording = Recording()
    for _ in range(5):
        recording.show((0, A, "a"), (300, A, "a"))
    assert recording.people() == [[1, 2]] * 5
    assert recording.embedder.asked == 0


def test_another_person_in_the_seat_is_another_face() -> None:
    recording = Recording()
    for who, name in ((A, "a"), (A, "a"), (B, "b"), (B, "b")):
        recording.show((0, who, name))
    assert recording.people() == [[1], [1], [2], [2]]


@pytest.mark.parametrize("away", [1, 2, 30])
def test_another_person_of_the_same_look_after_an_empty_seat(away: int) -> None:
    recording = Recording()
    recording.show((0, A, "a"))
    recording.nothing(away)
    recording.show((0, B, "a"))
    assert recording.people() == [[1], *[[]] * away, [2]]


@pytest.mark.parametrize("away", [1, 2, 30])
def test_the_same_person_comes_back_to_another_place(away: int) -> None:
    recording = Recording()
    recording.show((0, A, "a"))
    recording.nothing(away)
    recording.show((900, A, "c"))
    assert recording.people() == [[1], *[[]] * away, [1]]


def test_after_a_cut_the_descriptor_decides() -> None:
    recording = Recording()
    recording.show((0, A, "a"))
    recording.show((0, B, "a"), scene=1)
    recording.show((500, A, "c"), scene=2)
    assert recording.people() == [[1], [2], [1]]


@pytest.mark.parametrize("looks", ["ab", "aa"])
def test_two_who_cross_keep_their_names(looks: str) -> None:
    recording = Recording()
    for left_px, right_px in ((0, 300), (100, 210), (210, 100), (300, 0)):
        recording.show((left_px, A, looks[0]), (right_px, B, looks[1]))
    assert recording.people() == [[1, 2]] * 4


def test_who_is_between_two_is_unknown() -> None:
    recording = Recording()
    recording.show((0, A, "a"))
    recording.nothing(3)
    recording.show((0, BETWEEN, "c"))
    assert recording.people()[-1] == [0]


def test_a_turned_head_stays_who_it_was() -> None:
    recording = Recording()
    recording.show((0, A, "a"))
    recording.show((10, B, "x"), describable=False)
    recording.show((20, B, "y"), describable=False)
    recording.show((10, A, "a"))
    assert recording.people() == [[1]] * 4
    assert recording.embedder.asked == 0


def test_a_turned_head_between_two_people_is_unknown() -> None:
    recording = Recording()
    recording.show((0, A, "a"))
    recording.show((10, A, "x"), describable=False)
    recording.show((10, B, "b"))
    assert recording.people() == [[1], [0], [2]]


def test_tracklets_meet_only_where_both_are_in_view() -> None:
    first, second = Tracklet(0, 0, True), Tracklet(1, 0, True)
    for instant in (0, 1, 5):
        first.take(instant, SeenFace(_box(0), look("a")))
    for instant in (2, 3, 4):
        second.take(instant, SeenFace(_box(0), look("b")))
    assert not first.meets(second)
    second.take(5, SeenFace(_box(300), look("b")))
    assert first.meets(second)
    assert first.runs == [(0, 1), (5, 5)]


# --- From a file ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "seats"),
    [
        ("seat_s_a_gap0.mp4", {"f1": range(5), "f2": range(5, 10)}),
        ("seat_a_s_gap2.mp4", {"f1": range(5), "f2": range(7, 12), None: range(5, 7)}),
    ],
)
def test_two_people_one_after_the_other_in_one_seat(
    name: str, seats: dict[str | None, range], shared_cases: Path, extract: Extract
) -> None:
    done = extract(shared_cases / name)
    found: dict[str | None, list[int]] = {}
    for row in done.rows:
        found.setdefault(row["face_id"], []).append(row["instant"])
    assert found == {face_id: list(instants) for face_id, instants in seats.items()}
    assert done.result.summary.faces == {"f1": 5, "f2": 5}
