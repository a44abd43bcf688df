"""Assembly: no face is learnt that measures, neither the same nor one like it."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from include.contracts.errors import ConfigurationError
from include.governance.retraining.assembly import assemble, divide, recording_of, side_of
from ml.data.records import VOTE_NAMES, FaceRecord, votes_for

SIDE = 48


def _picture(seed: int, side: int = 60) -> np.ndarray:
    """A smooth blob pattern of its own: unlike any other seed's, like its own crops."""
    noise = np.random.default_rng(seed).integers(0, 256, (5, 5), np.uint8)
    return np.asarray(cv2.resize(noise, (side, side), interpolation=cv2.INTER_CUBIC), np.uint8)


def _record(seed: int, label: str = "happiness", **changes: object) -> FaceRecord:
    picture = _picture(seed)[:SIDE, :SIDE]
    values = {"name": f"images/{seed:032x}-0.jpg", "pixels": picture, "votes": votes_for(label, 3)}
    return FaceRecord(**{**values, "source": "annotations", **changes})  # type: ignore[arg-type]


def _assemble(train: list[FaceRecord], measuring: list[FaceRecord], least: int = 1):  # type: ignore[no-untyped-def]
    validation = [_record(900 + number) for number in range(3)]
    return assemble(train, validation, measuring, side_px=SIDE, min_train_rows=least)


def test_a_face_that_measures_is_not_learnt() -> None:
    train = [_record(number) for number in range(6)]
    found = _assemble(train, [_record(2)])

    assert len(found.train) == 5
    assert train[2].key not in found.train.keys
    assert found.dropped["train_equal"] == 1


@pytest.mark.parametrize("kind", ["brighter", "mirrored", "shifted", "larger"])
def test_neither_is_one_like_it(kind: str) -> None:
    whole = _picture(2)
    alike = {
        "brighter": cv2.convertScaleAbs(whole[:SIDE, :SIDE], alpha=0.9, beta=12),
        "mirrored": np.ascontiguousarray(whole[:SIDE, :SIDE][:, ::-1]),
        "shifted": whole[2 : SIDE + 2, 1 : SIDE + 1],
        "larger": cv2.resize(whole[:SIDE, :SIDE], (112, 112), interpolation=cv2.INTER_CUBIC),
    }[kind]
    train = [_record(number) for number in range(6)]
    found = _assemble(train, [_record(50, pixels=np.asarray(alike, np.uint8))])

    assert train[2].key not in found.train.keys
    assert len(found.train) == 5
    assert (found.dropped["train_equal"], found.dropped["train_alike"]) == (0, 1)


def test_strangers_stay() -> None:
    found = _assemble(
        [_record(number) for number in range(40)], [_record(n) for n in range(60, 90)]
    )
    assert len(found.train) == 40
    assert set(found.dropped.values()) == {0}


def test_what_selects_gives_way_to_what_measures_and_not_to_what_trains() -> None:
    train = [_record(number) for number in range(6)]
    found = assemble(
        train, [_record(2), _record(70), _record(71)], [_record(71)], side_px=SIDE, min_train_rows=1
    )
    assert len(found.validation) == 2
    assert len(found.train) == 5


def test_too_little_is_not_trained_and_says_what_to_do() -> None:
    with pytest.raises(ConfigurationError, match="FEX_RETRAINING__MIN_TRAIN_ROWS"):
        _assemble([_record(1)], [], least=2)
    with pytest.raises(ConfigurationError, match="selects the epoch"):
        assemble([_record(1)], [], [], side_px=SIDE, min_train_rows=1)


def test_a_recording_is_on_one_side_for_ever_and_whole() -> None:
    recordings = [f"{number:032x}" for number in range(2000)]
    sides = [side_of(name, 0.3, selects=True) for name in recordings]
    shares = {side: sides.count(side) / len(sides) for side in ("train", "validation", "test")}
    assert shares["test"] == pytest.approx(0.3, abs=0.04)
    assert shares["validation"] == pytest.approx(0.105, abs=0.03)
    assert all(side_of(name, 0.3, selects=False) != "validation" for name in recordings)
    still = [side_of(name, 0.3, selects=False) == "test" for name in recordings]
    assert still == [side == "test" for side in sides]


def test_new_labels_are_divided_by_recording() -> None:
    records = [
        _record(index, name=f"images/{index // 5:032x}-{index:07d}-00.jpg") for index in range(100)
    ]
    unusable = _record(500, "not_a_face")
    sides = divide([*records, unusable], 0.5, selects=False)

    assert sum(len(part) for part in sides.values()) == 100
    owners = [{recording_of(record) for record in part} for part in sides.values()]
    assert not owners[0] & owners[2]
    assert len(VOTE_NAMES) == len(records[0].votes)
