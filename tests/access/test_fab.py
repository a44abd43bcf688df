"""Access on a real Airflow API server with FAB: who answers, what roles may, by real requests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from include.governance.access.matrix import Role
from tests.access.fab_airflow import FabAirflow, fab_airflow

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]

_ROLES = """
run("check")
from access.roles import security_manager
with security_manager() as manager:
    for name in ("fex-marketer", "Op"):
        role = manager.find_role(name)
        by_hand = manager.create_permission("can_read", "Connections")
        role.permissions = [*role.permissions, by_hand]
    manager.session.commit()
run("check")
run("sync")
run("check")
run("sync", FEX_RELEASE__APPROVERS="ada")
run("check", FEX_AUDIT__SIGNERS="marketer")
"""


@pytest.fixture(scope="module")
def fab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FabAirflow]:
    with fab_airflow(tmp_path_factory.mktemp("fab")) as server:
        yield server


def _answer(fab: FabAirflow, user: str, path: str, option: str = "Approve") -> tuple[int, str]:
    body = {"chosen_options": [option], "params_input": {}}
    answer = fab.client(user).patch(path, json=body)
    return answer.status_code, answer.text


def test_the_people_named_by_settings_answer_and_nobody_else(fab: FabAirflow) -> None:
    assert fab.start_run("operator", "model_retraining", "r1") == 200
    path = fab.ask("model_retraining", "r1", "approve", ["approver"])
    for other in (role for role in Role if role is not Role.APPROVER):
        assert _answer(fab, other, path)[0] == 403, other
    status, text = _answer(fab, "approver", path)
    assert (status, '"name":"approver"' in text) == (200, True), text
    assert _answer(fab, "approver", path)[0] == 409


def test_a_question_that_leaves_the_asker_out_is_refused_to_them(fab: FabAirflow) -> None:
    assert fab.start_run("operator", "model_retraining", "r2") == 200
    path = fab.ask("model_retraining", "r2", "approve", ["grace"])
    status, text = _answer(fab, "approver", path)
    assert status == 403
    assert "is not a respondent for the task" in text


def test_an_auditor_signs_an_audit_and_starts_nothing_else(fab: FabAirflow) -> None:
    assert fab.start_run("auditor", "bias_audit", "a1") == 200
    path = fab.ask("bias_audit", "a1", "sign_off", ["auditor"])
    for other in (role for role in Role if role is not Role.AUDITOR):
        assert _answer(fab, other, path)[0] == 403, other
    assert _answer(fab, "auditor", path)[0] == 200
    for dag in ("model_retraining", "model_rollback", "video_intake"):
        assert fab.start_run("auditor", dag, "a2") == 403, dag


def test_whoever_may_answer_may_not_touch_the_run(fab: FabAirflow) -> None:
    fab.start_run("operator", "model_retraining", "r3")
    approver = fab.client("approver")
    assert approver.get("/api/v2/dags/model_retraining/dagRuns/r3").status_code == 200
    assert fab.start_run("approver", "model_retraining", "r4") == 403
    for path, body in {
        "/api/v2/dags/model_retraining": {"is_paused": True},
        "/api/v2/dags/model_retraining/dagRuns/r3": {"state": "success"},
        "/api/v2/dags/model_retraining/dagRuns/r3/taskInstances/check": {"new_state": "success"},
    }.items():
        assert approver.patch(path, json=body).status_code == 403, path


def test_roles_are_made_whole_again_and_names_in_settings_are_checked(fab: FabAirflow) -> None:
    first, changed, repaired, again, nobody, powerless = fab.in_one_process(_ROLES)
    assert first["status"] == 0
    assert changed["status"] == 1
    assert "fex-marketer: +0 -1\n  removed can_read on Connections" in changed["out"]
    assert "Op: +0 -1" in changed["out"]
    assert (repaired["status"], again["status"]) == (0, 0)
    assert again["out"] == ""
    assert nobody["status"] == powerless["status"] == 2
    assert "no Airflow user is called 'ada'; there are admin, approver" in nobody["err"]
    assert "'marketer' has no role that may answer a question" in powerless["err"]
