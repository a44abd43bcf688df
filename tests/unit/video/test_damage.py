"""Nothing counts from the first damaged frame to the next clean key frame."""

from __future__ import annotations

from include.video.damage import DamageWatch


def test_what_looks_sound_behind_damage_is_not_shown() -> None:
    watch = DamageWatch()
    frames = [(0, True, False), (1, False, False), (2, False, True), (3, False, False)]
    frames += [(4, True, True), (5, False, False), (6, True, False), (7, False, False)]
    shown = [pts for pts, key, bad in frames if watch.shows(pts, is_key=key, is_damaged=bad)]
    assert shown == [0, 1, 6, 7]
    assert watch.spans == [(2, 6)]


def test_damage_told_ahead_of_its_turn_spares_what_is_shown_before_it() -> None:
    watch = DamageWatch()
    watch.shows(0, is_key=True, is_damaged=False)
    watch.note(8)
    assert watch.shows(4, is_key=False, is_damaged=False)
    assert not watch.shows(9, is_key=False, is_damaged=False)
    watch.note(6)
    assert not watch.shows(7, is_key=False, is_damaged=False)
    assert watch.spans == [(6, None)]


def test_frames_before_a_clean_key_frame_say_nothing_of_those_behind_it() -> None:
    watch = DamageWatch()
    watch.shows(10, is_key=True, is_damaged=False)
    watch.note(8)  # leading frames of a stream that was cut there
    assert watch.shows(11, is_key=False, is_damaged=False)
    assert watch.spans == []
