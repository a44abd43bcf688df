"""The measuring command."""

from __future__ import annotations

import json

import pytest

from benchmarks.simulations.drift import alert_days, main
from benchmarks.simulations.traffic import SHIFTS, Traffic
from include.monitoring.alarm import Policy
from include.monitoring.drift import Settings
from include.monitoring.metrics import Family


def test_a_shift_raises_one_alert_and_the_same_one_again() -> None:
    arguments = (Traffic(), Settings(permutations=499), Policy())
    shift = SHIFTS["darkening by 30 %"]
    first = alert_days(*arguments, days=8, seed=4, shift=shift)
    assert len(first[Family.INPUT]) == 1
    assert first == alert_days(*arguments, days=8, seed=4, shift=shift)


def test_command_prints_json(capsys: pytest.CaptureFixture[str]) -> None:
    main(["--months", "1", "--shifted", "0", "--permutations", "99"])
    printed = json.loads(capsys.readouterr().out)
    assert printed["false_alarms_per_month"]["n"] == 1
    assert printed["settings"]["unit"] == "study"


def test_command_refuses_no_months() -> None:
    with pytest.raises(SystemExit):
        main(["--months", "0"])
