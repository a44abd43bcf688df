"""Made weeks and dealt ones, small: the full table is a command (decision 0015)."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from benchmarks.simulations.bias_audit import World, dealt_week, line, made_week, verdicts
from include.governance.bias.disparity import Status
from include.governance.bias.settings import AuditSettings

QUICK = AuditSettings(resamples=200)


def test_fair_weeks_are_green_and_a_degraded_group_is_red() -> None:
    fair = verdicts(lambda seed: made_week(World(), seed), QUICK, weeks=10, seed=1)
    assert fair[Status.GREEN] >= 9
    degraded = replace(World(), missed_more=0.4)
    assert verdicts(lambda seed: made_week(degraded, seed), QUICK, weeks=1, seed=1) == {
        Status.RED: 1
    }


def test_dealing_keeps_outcomes_and_group_sizes_and_breaks_their_tie() -> None:
    panel = made_week(replace(World(), people=200, missed_more=0.9), 1).frame
    dealt = dealt_week(panel, ("age", "gender", "race"), 2).frame
    assert dealt["face_found"].sum() == panel["face_found"].sum()
    assert Counter(dealt["race"]) == Counter(panel["race"])
    missed = [frame.loc[frame["race"] == "A", "face_found"].mean() for frame in (panel, dealt)]
    assert missed[0] < 0.3 < missed[1]


def test_a_line_has_exact_intervals() -> None:
    text = line("fair", Counter({Status.GREEN: 200}))
    assert "100.0 % (98.2 to 100.0)" in text
