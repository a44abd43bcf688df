"""Time goes on across a restart or a leap of the clock; a gap stays a gap."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction

import pytest

from include.video.clock import Seam, SteadyClock

MILLISECONDS = Fraction(1, 1000)
Packets = list[tuple[int, int | None, bool]]
"""(pts, dts, key frame) in decoding order, 40 ms a frame."""


def simple(count: int, start: int = 0) -> Packets:
    """Frames in order, a key frame every ten."""
    return [(start + 40 * i, start + 40 * i, i % 10 == 0) for i in range(count)]


def reordered(groups: int, start: int = 0, *, stored: bool = True) -> Packets:
    """I B B P B B P per group, sent in decoding order, decoding times two frames behind."""
    shown = [0, 3, 1, 2, 6, 4, 5]
    return [
        (
            start + 40 * (7 * group + number),
            start + 40 * (7 * group + sent - 2) if stored else None,
            sent == 0,
        )
        for group in range(groups)
        for sent, number in enumerate(shown)
    ]


def steady(
    packets: Iterable[tuple[int, int | None, bool]], **options: object
) -> tuple[list[int], list[Seam]]:
    clock = SteadyClock(MILLISECONDS, **options)  # type: ignore[arg-type]
    placed = [clock.place(pts, dts, 40, is_key=key)[0] for pts, dts, key in packets]
    return placed, clock.seams


@pytest.mark.parametrize(
    ("packets", "options"),
    [
        (simple(50), {"reorders": False}),
        (simple(20) + simple(20, 9000), {"reorders": False}),  # eight seconds without a frame
        (simple(20) + simple(20, 60_000), {}),
        (reordered(6), {}),
        (reordered(6, stored=False), {"decoding_times": False}),
        (reordered(3) + reordered(3, 30_000), {}),
        ([(p, d, False) for p, d, _ in simple(20)] + simple(20, 760), {}),  # jitter of 40 ms
        (simple(40, -900), {"reorders": False}),
    ],
)
def test_sound_streams_and_their_gaps_are_left_alone(
    packets: Packets, options: dict[str, object]
) -> None:
    placed, seams = steady(packets, **options)
    assert placed == [pts for pts, _, _ in packets]
    assert seams == []


@pytest.mark.parametrize("start", [0, 40, 500, 790, 900_000])
@pytest.mark.parametrize("reorders", [True, False])
def test_a_restart_goes_on_where_the_last_frame_ended(start: int, reorders: bool) -> None:
    placed, seams = steady(simple(50) + simple(50, start), reorders=reorders)
    if start == 900_000:
        assert seams == [Seam(at=2000, jump=898_000)]
    else:
        assert seams == [Seam(at=2000, jump=start - 2000)]
    assert placed == [40 * i for i in range(100)]


@pytest.mark.parametrize("stored", [True, False])
@pytest.mark.parametrize("start", [0, 3_600_000])
def test_reordered_parts_join_without_a_hole(start: int, stored: bool) -> None:
    packets = reordered(3, stored=stored) + reordered(3, start, stored=stored)
    placed, seams = steady(packets, decoding_times=stored)
    assert sorted(placed) == [40 * i for i in range(42)]
    assert seams == [Seam(at=840, jump=start - 840)]


def test_a_leap_between_reordered_frames_moves_only_what_is_behind_it() -> None:
    packets = [
        (pts + (3_600_000 if pts >= 600 else 0), None, key)
        for pts, _, key in reordered(5, stored=False)
    ]
    placed, seams = steady(packets, decoding_times=False)
    assert len(seams) == 1
    # Frames shown before it keep their time, whenever they were sent.
    before = [index for index, (pts, _, _) in enumerate(packets) if pts < 600]
    assert [placed[index] for index in before] == [packets[index][0] for index in before]
    assert max(placed) == pytest.approx(40 * 35, abs=120)


def test_a_clock_set_back_in_the_middle_of_a_group() -> None:
    packets = simple(25) + [(pts - 700, pts - 700, False) for pts, _, _ in simple(75)[25:]]
    for reorders in (True, False):
        placed, seams = steady(packets, reorders=reorders)
        assert placed == [40 * i for i in range(75)]
        assert seams == [Seam(at=1000, jump=-700)]


def test_a_clock_of_33_bits_wraps_without_a_seam() -> None:
    first = (1 << 33) - 1000
    packets = [((first + pts) % (1 << 33), None, key) for pts, _, key in simple(100)]
    placed, seams = steady(packets, wraps_at=1 << 33)
    assert placed == [first + 40 * i for i in range(100)]
    assert seams == []


def test_many_restarts_are_followed_and_the_list_is_bounded() -> None:
    placed, seams = steady([packet for _ in range(300) for packet in simple(10)], reorders=False)
    assert placed == [40 * i for i in range(3000)]
    assert len(seams) == 100


def test_a_frame_said_to_last_for_an_hour_does_not_hide_a_leap() -> None:
    # MP4 stores durations: the last frame before a leap carries it.
    clock = SteadyClock(MILLISECONDS, reorders=False)
    packets = [(0, 40), (40, 40), (80, 3_600_000), (3_600_080, 40), (3_600_120, 40)]
    placed = [clock.place(pts, pts, length, is_key=True)[0] for pts, length in packets]
    assert placed == [0, 40, 80, 120, 160]
    assert clock.seams == [Seam(at=120, jump=3_599_960)]
