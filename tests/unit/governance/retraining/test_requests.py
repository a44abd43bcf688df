"""Asking for a retraining, as the DAGs do."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from include.composition import Services
from include.contracts.errors import ConfigurationError
from include.governance.retraining.requests import ask
from include.ledger.retraining_tables import RequestState
from include.settings import RetrainingSettings
from tests.fakes.home import services_in
from tests.unit.ledger.support import Clock

ROOT = Path(__file__).parents[4]


@pytest.fixture
def clock() -> Clock:
    return Clock(datetime(2026, 3, 1, 12, tzinfo=UTC))


@pytest.fixture
def services(tmp_path: Path, clock: Clock) -> Services:
    retraining = RetrainingSettings(cooldown_s=3600, daily_cap=2, recipe="small")
    return services_in(tmp_path, clock=clock, retraining=retraining)


def test_an_accepted_request_names_the_run_to_start(services: Services) -> None:
    outcome = ask(services, reason="degraded", evidence="evaluations/7.json")

    assert outcome.accepted
    (trigger,) = outcome.triggers()
    assert trigger == {
        "trigger_run_id": outcome.run_id,
        "conf": {"reason": "degraded", "evidence": "evaluations/7.json", "recipe": "small"},
    }
    assert outcome.run_id is not None
    assert outcome.run_id.startswith("retraining__20260301T120000Z__degraded__")


def test_a_flapping_metric_is_recorded_and_starts_one_run(services: Services, clock: Clock) -> None:
    accepted = 0
    for hour in range(48):
        accepted += ask(services, reason="degraded", evidence=f"evaluations/{hour}.json").accepted
        for request in services.ledger.retraining.requests((RequestState.ACCEPTED,)):
            assert request.run_id
            services.ledger.retraining.finish(request.run_id, RequestState.REJECTED)
        clock.advance(3600)

    assert accepted == 4
    assert len(services.ledger.retraining.requests()) == 48


def test_a_refused_request_starts_nothing_and_says_why(services: Services) -> None:
    ask(services, reason="labels", evidence="labels/1")
    refused = ask(services, reason="manual", asked_by="Ada", recipe="large")

    assert (refused.accepted, refused.triggers()) == (False, [])
    assert "is under way" in refused.why
    assert services.ledger.retraining.requests((RequestState.REFUSED,))[0].asked_by == "Ada"


def test_an_unknown_reason_is_named(services: Services) -> None:
    with pytest.raises(ConfigurationError, match="degraded, red_audit, labels, manual"):
        ask(services, reason="boredom")


ASKER = """
from include.composition import build_services
from include.governance.retraining.requests import ask
print(ask(build_services(), reason="degraded", evidence="evaluations/7.json").run_id)
"""


def test_two_processes_with_the_same_evidence_start_one_run(tmp_path: Path) -> None:
    environment = {
        "PATH": "/usr/bin:/bin",
        "PYTHONPATH": str(ROOT),
        "FEX_STORAGE__LAKE_URL": (tmp_path / "lake").as_uri(),
        "FEX_STORAGE__LEDGER_URL": f"sqlite:///{tmp_path}/ledger.sqlite",
        "FEX_STORAGE__SCRATCH_DIR": str(tmp_path),
    }
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", ASKER], env=environment, stdout=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    answers = {racer.communicate(timeout=60)[0].strip() for racer in racers}

    assert [racer.returncode for racer in racers] == [0, 0]
    assert len(answers) == 1
    assert answers.pop().startswith("retraining__")
