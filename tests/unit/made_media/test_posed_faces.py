"""Posed respondents: the same each time, different from each other, dark where it is dark."""

from __future__ import annotations

import numpy as np
import pytest

from include.made_media.posed_faces import POSES, READ_IN_DAYLIGHT, Lighting, frames, head, posed
from include.video.alignment import aligned_crop, similarity_transform
from include.video.detection import FaceDetector, Image
from ml.data.duplicates import near_duplicate_groups
from ml.data.records import grey_square
from ml.data.shifted import copies_across

PEOPLE = 8


def one(name: str, displayed: str = "neutral", lighting: Lighting | None = None) -> Image:
    return next(
        frames(
            name,
            [displayed],
            seconds_each=1,
            rate_hz=1,
            size=(640, 360),
            lighting=lighting or Lighting(),
        )
    )


def test_a_name_is_a_face() -> None:
    assert (one("a") == one("a")).all()
    assert (one("a") != one("b")).mean() > 0.5
    assert (head("a", "sadness", Lighting()) == head("a", "sadness", Lighting())).all()


def test_each_expression_is_shown_for_its_time() -> None:
    def shown(*displayed: str) -> list[Image]:
        still = Lighting(noise=0.0)
        return list(
            frames("a", displayed, seconds_each=2, rate_hz=3, size=(320, 180), lighting=still)
        )

    changing, smiling = shown("happiness", "sadness"), shown("happiness", "happiness")
    assert {picture.shape for picture in changing} == {(180, 320, 3)}
    differs = [bool((one != other).any()) for one, other in zip(changing, smiling, strict=True)]
    assert differs == [False] * 6 + [True] * 6
    with pytest.raises(KeyError):
        posed("boredom")


def test_poses_differ_where_a_face_displays() -> None:
    neutral = posed("neutral").astype(int)
    for label in POSES:
        moved = np.abs(posed(label) - neutral).sum(axis=2) > 30
        assert moved[:180].mean() < 0.01, "hair and background stay"
        assert label == "neutral" or moved[220:470, 180:400].mean() > 0.05


def test_a_dark_room_is_dark_and_noisy() -> None:
    light, dark = one("a"), one("a", lighting=Lighting(gain=0.3, noise=8))
    assert dark.mean() < 0.4 * light.mean()
    still, grainy = (np.diff(picture[:40].astype(int), axis=1).std() for picture in (light, dark))
    assert grainy > 2 * still


def test_two_respondents_are_not_taken_for_one_photograph() -> None:
    detector = FaceDetector(width_px=320, score_min=0.5)
    crops, people = [], []
    for number in range(PEOPLE):
        for label in READ_IN_DAYLIGHT:
            picture = one(f"test/{number}", label)
            found = detector.detect(picture)
            if found:
                transform = similarity_transform(found[0].landmarks_px, 112)
                assert transform is not None
                crops.append(grey_square(aligned_crop(picture, transform, 112), 48))
                people.append(str(number))
    assert len(crops) >= 0.9 * PEOPLE * len(READ_IN_DAYLIGHT)
    images = np.stack(crops)
    groups = near_duplicate_groups(images)
    assert all(
        len({who for who, group in zip(people, groups, strict=True) if group == wanted}) == 1
        for wanted in set(groups.tolist())
    )
    assert copies_across(images, np.array(people)) == []
