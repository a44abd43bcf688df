"""What a leap of time in a recorder's file means: a lost chunk, or a picture that stood still."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from include.video.holes import HoleWatch, Integrity

SOUND, IN_DOUBT, MISPLACED = Integrity.SOUND, Integrity.IN_DOUBT, Integrity.MISPLACED


def standings(
    watch: HoleWatch, frames: Iterable[tuple[float, bool]], heard: Iterable[float] = ()
) -> list[Integrity]:
    """What is told of (time, key frame or not), with packets of sound up to each."""
    sound, told = sorted(heard), []
    for at_s, is_key in frames:
        while sound and sound[0] < at_s:
            watch.heard(sound.pop(0))
        told.append(watch.integrity(at_s, is_key=is_key))
    return told


def every(step_s: float, until_s: float, since_s: float = 0.0) -> list[float]:
    return [since_s + number * step_s for number in range(round((until_s - since_s) / step_s))]


def shown(*stretches: list[float], keys: Iterable[float] = (0.0,)) -> list[tuple[float, bool]]:
    return [(at_s, at_s in keys) for stretch in stretches for at_s in stretch]


def test_frames_behind_a_hole_are_in_doubt_up_to_the_next_key_frame() -> None:
    frames = shown(every(0.04, 1), every(0.04, 2, 1.5), every(0.04, 3, 2), keys=(0.0, 2.0))
    told = standings(HoleWatch(0.04), frames)
    assert set(told[:25]) == {SOUND}
    assert set(told[25:37]) == {IN_DOUBT}
    assert set(told[38:]) == {SOUND}


def test_a_key_frame_behind_a_hole_throws_doubt_on_what_came_before_it_only() -> None:
    frames = shown(every(0.04, 1), every(0.04, 3, 1.5), keys=(0.0, 1.5))
    told = standings(HoleWatch(0.04), frames)
    assert told[25] is Integrity.ANEW
    assert set(told[:25] + told[26:]) == {SOUND}


@pytest.mark.parametrize("heard_s", [0.02, 0.06, 0.12])
def test_sound_that_goes_on_says_that_nothing_is_lost(heard_s: float) -> None:
    frames = shown(every(0.04, 1), every(0.04, 6, 4))
    assert set(standings(HoleWatch(0.04), frames, every(heard_s, 6))) == {SOUND}


@pytest.mark.parametrize("lost", [(1.0, 1.6), (1.2, 1.9), (0.9, 1.5)])
def test_sound_that_is_lost_too_says_nothing(lost: tuple[float, float]) -> None:
    """Sound may lie some tenths of a second before or behind the picture in the file."""
    frames = shown(every(0.04, 1), every(0.04, 3, 1.7))
    heard = [at_s for at_s in every(0.02, 3) if not lost[0] < at_s < lost[1]]
    assert set(standings(HoleWatch(0.04), frames, heard)[25:]) == {IN_DOUBT}


@pytest.mark.parametrize("step_s", [0.5, 1.0, 5.0])
@pytest.mark.parametrize("stated", [True, False])
def test_a_slow_camera_has_no_holes(step_s: float, stated: bool) -> None:
    told = standings(HoleWatch(step_s if stated else None), shown(every(step_s, 60 * step_s)))
    assert set(told[:1] if not stated else told) == {SOUND}
    assert standings(HoleWatch(step_s), shown([0.0, step_s, 8 * step_s]))[-1] is IN_DOUBT


def test_a_busy_browser_has_no_holes() -> None:
    frames = shown([0.0, 0.07, 0.4, 0.47, 0.8, 1.15, 1.2, 1.55])
    assert set(standings(HoleWatch(0.067), frames)) == {SOUND}


def test_times_counted_from_a_lost_cluster_are_of_no_use() -> None:
    """The start of a cluster at 2 s is lost with some frames: what is left of it counts from 0."""
    frames = shown(every(0.04, 2), every(0.04, 3, 0.5), every(0.04, 5, 4), keys=(0.0, 4.0))
    told = standings(HoleWatch(0.04), frames)
    assert set(told[:50]) == {SOUND}
    behind = [integrity for (at_s, _), integrity in zip(frames, told, strict=True)][50:]
    assert behind[:36] == [MISPLACED] * 36
    assert set(told[-25:]) == {SOUND, Integrity.ANEW}
    assert IN_DOUBT in behind


def test_a_part_that_begins_with_a_key_frame_is_not_a_hole() -> None:
    frames = [(at_s, at_s == 0.0) for at_s in [*every(0.04, 2), *every(0.04, 2)]]
    assert set(standings(HoleWatch(0.04), frames)) == {SOUND}
