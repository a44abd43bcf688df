"""The replayed queue does what a queue does, and the page holds what was measured."""

from __future__ import annotations

import itertools

import pytest

from benchmarks.capacity.__main__ import PAGE, read, scales
from benchmarks.capacity.page import page
from benchmarks.capacity.replay import DROP, Arrival, arrivals, cores_for, replay
from benchmarks.capacity.scales import Prices


def test_one_core_takes_them_one_after_the_other() -> None:
    came = [Arrival(0, 10), Arrival(0, 10), Arrival(100, 10)]
    day = replay(came, cores=1, cpu_s=lambda video_s: video_s, before_s=5)
    assert day.p95_s == 25
    assert day.drained_h == pytest.approx(115 / 3600)
    assert day.cpu_h == pytest.approx(30 / 3600)
    assert replay(came, cores=2, cpu_s=lambda video_s: video_s, before_s=5).p95_s == 15


def test_a_day_brings_its_share_of_the_month_in_whole_studies() -> None:
    came = arrivals(1000)
    assert len(came) % DROP == 0
    assert sum(item.video_s for item in came) / 3600 == pytest.approx(1000 / 21, rel=0.25)
    assert [item.at_s for item in came] == sorted(item.at_s for item in came)


def test_the_fewest_cores_that_do_are_found() -> None:
    came = arrivals(200)

    def took_s(cores: int) -> float:
        return replay(came, cores=cores, cpu_s=lambda video_s: video_s, before_s=0).p95_s

    found = cores_for(came, within_s=900, cpu_s=lambda video_s: video_s, before_s=0)
    assert took_s(found) <= 900 < took_s(found - 1)
    with pytest.raises(ValueError, match="no number"):
        cores_for(came, within_s=1, cpu_s=lambda video_s: video_s, before_s=0)


def test_more_hours_cost_more_and_the_page_is_of_what_was_measured() -> None:
    found = scales(*read(), Prices())
    for small, large in itertools.pairwise(found):
        assert small.cores <= large.cores
        assert small.cpu_h < large.cpu_h
        assert all(small.dollars[name] < large.dollars[name] for name in small.dollars)
    assert PAGE.read_text() == page(*read(), found, Prices())
