"""Which frames stand for which instants, over any order and spacing of timestamps."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.video.sampling import Pick, Sampler, expected_instants

TIME_BASES = st.sampled_from([Fraction(1, 1000), Fraction(1, 1024), Fraction(1001, 30_000)])
RATES = st.sampled_from([0.2, 0.5, 1.0, 2.0, 3.3])
unhurried = settings(deadline=None, max_examples=60)


def offered(sampler: Sampler, times: list[int], expected: int = 0) -> list[Pick]:
    picks = [pick for pts in times for pick in sampler.offer(pts)]
    return [*picks, *sampler.finish(expected)]


def test_the_first_frame_at_or_after_each_target_is_chosen() -> None:
    # 29.97 frames per second: the frame at 1.001 s stands for 1 s, not the one at 0.968 s.
    times = [1001 * index for index in range(95)]
    picks = offered(Sampler(1.0, Fraction(1, 30_000)), times)
    assert [pick.pts for pick in picks] == [0, 30 * 1001, 60 * 1001, 90 * 1001]


def test_a_stretch_without_frames_is_one_gap_per_target() -> None:
    picks = offered(Sampler(1.0, Fraction(1, 1000)), [0, 500, 1100, 4200, 4900])
    assert picks == [Pick(0, 0), Pick(1, 1100), Pick(2, None), Pick(3, None), Pick(4, 4200)]


def test_targets_start_at_the_first_frame_not_at_zero() -> None:
    sampler = Sampler(2.0, Fraction(1, 1000))
    assert offered(sampler, [7300, 7700, 7800]) == [Pick(0, 7300), Pick(1, 7800)]
    assert sampler.target_s(1) == 7.8


def test_promised_instants_that_never_came_are_gaps_at_the_end() -> None:
    assert offered(Sampler(1.0, Fraction(1, 10)), [0, 11], expected=4)[2:] == [
        Pick(2, None),
        Pick(3, None),
    ]


@unhurried
@given(st.lists(st.integers(0, 20_000), min_size=1, max_size=40), RATES, TIME_BASES)
def test_any_times_yield_every_instant_once_in_order(
    times: list[int], rate_hz: float, time_base: Fraction
) -> None:
    picks = offered(Sampler(rate_hz, time_base), times)
    assert [pick.instant for pick in picks] == list(range(len(picks)))


@unhurried
@given(st.lists(st.integers(0, 20_000), min_size=1, max_size=40), RATES, TIME_BASES)
def test_in_order_a_pick_is_the_earliest_frame_of_its_period(
    times: list[int], rate_hz: float, time_base: Fraction
) -> None:
    times = sorted(set(times))
    sampler = Sampler(rate_hz, time_base)
    rate = Fraction(repr(rate_hz))
    for pick in offered(sampler, times):
        opens = times[0] * time_base + pick.instant / rate
        inside = [pts for pts in times if opens <= pts * time_base < opens + 1 / rate]
        assert pick.pts == (min(inside) if inside else None)


@unhurried
@given(st.lists(st.integers(-9_000, 90_000), min_size=1, max_size=40), RATES, TIME_BASES)
def test_a_shown_time_is_never_before_its_target_in_floating_point(
    times: list[int], rate_hz: float, time_base: Fraction
) -> None:
    sampler = Sampler(rate_hz, time_base)
    for pts in times:
        for pick in sampler.offer(pts):
            if pick.pts is not None:
                assert sampler.pts_s(pick.pts) >= sampler.target_s(pick.instant)


@pytest.mark.parametrize(
    ("duration_s", "rate_hz", "expected"),
    [
        (None, 1.0, 1),
        (0.0, 1.0, 1),
        (0.4, 1.0, 1),
        (19.7, 1.0, 19),
        (20.0, 1.0, 20),
        (20.02, 2, 40),
    ],
)
def test_what_a_header_promises(duration_s: float | None, rate_hz: float, expected: int) -> None:
    assert expected_instants(duration_s, rate_hz) == expected
