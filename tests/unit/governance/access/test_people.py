"""Whose answers decisions wait for: names that exist, and never the one who asked."""

from __future__ import annotations

import pytest

from include.contracts.errors import ConfigurationError
from include.governance.access.people import (
    answered_by,
    approvers_of,
    decided_by,
    require_known,
)
from include.platform.credentials import USERS, VIEWER
from include.settings import Settings

ASKED = {"FEX_RELEASE__APPROVERS": ("ada",)}


def test_the_name_counts_and_not_the_id() -> None:
    assert answered_by({"responded_by_user": {"id": "1", "name": "ada"}}) == "ada"
    assert answered_by({"responded_by_user": None}) == ""
    assert answered_by({}) == ""


def test_whoever_asked_is_left_out() -> None:
    assert approvers_of(("ada", "grace"), {"ada"}) == ("grace",)
    assert approvers_of(("ada", "grace"), {"platform", ""}) == ("ada", "grace")


def test_the_only_approver_cannot_ask() -> None:
    with pytest.raises(ConfigurationError, match=r"APPROVERS: ada asked .* name somebody else"):
        approvers_of(("ada",), {"ada", "platform"})


def test_a_name_that_nobody_has_is_said_with_those_there_are() -> None:
    with pytest.raises(ConfigurationError, match=r"'ada'; there are admin, grace\."):
        require_known(ASKED, {"grace": True, "admin": True})


def test_a_user_who_may_not_answer_is_said() -> None:
    with pytest.raises(ConfigurationError, match="'ada' has no role"):
        require_known(ASKED, {"ada": False})
    require_known(ASKED, {"ada": True})


def test_the_embedded_platform_has_everybody_its_defaults_name() -> None:
    named = decided_by(Settings())
    require_known(named, {user: role != VIEWER for user, role in USERS.items()})
    assert set(named) == {"FEX_RELEASE__APPROVERS", "FEX_AUDIT__SIGNERS"}
