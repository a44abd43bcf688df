"""Retraining in a real Airflow: trained, approved through the API by the one who may, and back."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from include.ledger.retraining_tables import RequestState
from include.platform.api import AirflowApi, RefusedError
from include.platform.credentials import read_password
from ml.registry.mlflow import MlflowRegistry
from ml.registry.protocol import CHAMPION, ModelVersion
from tests.e2e.conftest import RunningPlatform
from tests.fakes.small_ferplus import FERPLUS, make_small_ferplus

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.timeout(1500),
    pytest.mark.skipif(not FERPLUS.is_file(), reason=f"needs {FERPLUS}"),
]

DAG = "model_retraining"


@pytest.fixture
def _small_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a small set cannot show is not asked for: its intervals are wide."""
    base = make_small_ferplus(tmp_path / "ferplus")
    for name, value in {
        "FEX_RETRAINING__BASE_SET": f"ferplus={base}",
        "FEX_RETRAINING__MIN_TRAIN_ROWS": "50",
        "FEX_RELEASE__APPROVERS": '["approver", "admin"]',
        "FEX_RELEASE__ACCURACY_MARGIN": "1",
        "FEX_RELEASE__MACRO_F1_MARGIN": "1",
        "FEX_RELEASE__MIN_ROWS": "20",
        "FEX_RELEASE__MAX_SLOWDOWN": "50",
        "FEX_RELEASE__VARIED_PICTURES": "8",
    }.items():
        monkeypatch.setenv(name, value)


def _api(platform: RunningPlatform, user: str) -> AirflowApi:
    port = platform.environment["FEX_PLATFORM__API_PORT"]
    return AirflowApi(
        f"http://127.0.0.1:{port}",
        user=user,
        read_password=lambda: read_password(platform.layout, user),
    )


def _until(condition: Callable[[], Any], what: str, timeout_s: float = 600) -> Any:
    give_up_at = time.monotonic() + timeout_s
    while not (found := condition()):
        assert time.monotonic() < give_up_at, f"not within {timeout_s:g} s: {what}"
        time.sleep(1)
    return found


def _states(api: AirflowApi, dag: str, run: str) -> dict[str, str | None]:
    return {task["task_id"]: task["state"] for task in api.task_instances(dag, run)}


def _ended(api: AirflowApi, dag: str, run: str) -> str | None:
    found = next((item for item in api.dag_runs(dag) if item["dag_run_id"] == run), None)
    return found["state"] if found and found["state"] in ("success", "failed") else None


def _champion(platform: RunningPlatform) -> ModelVersion:
    layout = platform.layout
    registry = MlflowRegistry(
        tracking_uri=f"sqlite:///{layout.mlflow_database}",
        artifact_uri=layout.mlflow_artifacts.as_uri(),
    )
    found = registry.get_by_alias("expression-mobilenetv2", CHAMPION)
    assert found is not None
    return found


@pytest.mark.usefixtures("_small_data")
def test_a_model_is_trained_approved_by_the_one_who_may_and_rolled_back(
    platform: RunningPlatform,
) -> None:
    with _api(platform, "admin") as admin, _api(platform, "approver") as approver:
        run = admin.trigger(DAG, {"reason": "manual"})
        _until(
            lambda: (
                _states(admin, DAG, run).get("approve") == "awaiting_input"
                or _ended(admin, DAG, run)
            ),
            "the approval",
        )
        assert _ended(admin, DAG, run) is None, _states(admin, DAG, run)
        asked = approver.asked(DAG, run, "approve")
        assert "### On the same frozen faces" in asked["body"]
        assert asked["defaults"] == ["Reject"]
        assert [user["name"] for user in asked["assigned_users"]] == ["approver"]
        # admin is an approver, and asked for this one.
        with pytest.raises(RefusedError, match="403"):
            admin.answer(DAG, run, "approve", "Approve", "looks right")
        assert _champion(platform).version == "1"
        approver.answer(DAG, run, "approve", "Approve", "looks right")
        assert _until(lambda: _ended(admin, DAG, run), "the end") == "success"

        champion = _champion(platform)
        assert (champion.version, champion.metadata["approved_by"]) == ("2", "approver")
        assert champion.comment == "looks right"
        request = platform.ledger().retraining.of_run(run)
        assert request is not None
        assert (request.state, request.asked_by) == (RequestState.PROMOTED, "admin")

        second = admin.trigger(DAG, {"reason": "manual"})
        assert _until(lambda: _ended(admin, DAG, second), "the refusal") == "success"
        assert _states(admin, DAG, second)["train"] == "skipped"
        assert [item.state for item in platform.ledger().retraining.requests()] == [
            RequestState.PROMOTED,
            RequestState.REFUSED,
        ]

        back = admin.trigger("model_rollback", {"why": "a test"})
        assert _until(lambda: _ended(admin, "model_rollback", back), "the rollback") == "success"
        assert _champion(platform).version == "1"
