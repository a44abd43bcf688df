"""The access matrix keeps its promises, and covers every DAG."""

from __future__ import annotations

from pathlib import Path

import pytest

from include.contracts.errors import ConfigurationError
from include.governance.access.matrix import (
    ACTS,
    AUDITED,
    CREATE,
    EDIT,
    FACES,
    OPERATED,
    RELEASED,
    REPORTS,
    Role,
    act_named,
    permissions_of,
    role_named,
)
from include.governance.access.page import PAGE, page
from include.governance.access.routes import expected

ROOT = Path(__file__).parents[4]


def test_what_nobody_may_is_in_no_role() -> None:
    forbidden = {pair for act in ACTS if not act.roles for pair in act.permissions}
    assert ("can_read", "Connections") in forbidden
    for role in Role:
        assert not permissions_of(role) & forbidden, role


def test_marketers_read_reports_and_nothing_of_airflow() -> None:
    resources = {resource for _, resource in permissions_of(Role.MARKETER)}
    assert resources == {"Website", "My Profile", "My Password", "Plugins", "FEX Reports"}
    assert Role.MARKETER not in FACES.roles
    assert Role.MARKETER in REPORTS.roles


def test_whoever_answers_starts_only_their_own_and_changes_no_run() -> None:
    for role in (Role.AUDITOR, Role.APPROVER):
        held = permissions_of(role)
        assert (EDIT, "HITL Detail") in held
        assert not any(action == EDIT and "Task" in resource for action, resource in held)
        assert not any(action == EDIT and "DAG" in resource for action, resource in held)
    assert (CREATE, "DAG Run:model_retraining") not in permissions_of(Role.APPROVER)


def test_whoever_asks_for_a_retraining_has_no_role_that_approves_it() -> None:
    assert (EDIT, "HITL Detail") not in permissions_of(Role.OPERATOR)
    assert (EDIT, "HITL Detail") not in permissions_of(Role.ADMIN)


def test_every_dag_belongs_to_somebody() -> None:
    files = {path.stem for path in (ROOT / "dags").glob("*.py")}
    assert {*OPERATED, *AUDITED, *RELEASED} == files
    assert not set(OPERATED) & {*AUDITED, *RELEASED}


def test_acts_have_names_of_their_own() -> None:
    assert len({act.key for act in ACTS}) == len(ACTS)
    assert act_named("answer").roles == {Role.AUDITOR, Role.APPROVER}
    assert role_named("fex-admin") is role_named("admin") is Role.ADMIN
    with pytest.raises(ConfigurationError, match="none of marketer, operator"):
        role_named("Op")
    with pytest.raises(ConfigurationError, match="is none of sign in"):
        act_named("fly")


def test_a_route_that_no_rule_knows_is_a_fault() -> None:
    assert expected("GET", "/api/v2/version", None).anonymous
    with pytest.raises(ConfigurationError, match="no rule says who may use GET /api/v3/new"):
        expected("GET", "/api/v3/new", None)


def test_the_page_is_what_the_matrix_says() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert page(text) == text, "make access-page"
