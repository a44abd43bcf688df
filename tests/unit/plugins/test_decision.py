"""The approval whose answer is kept: a rejection is an answer, not a gap."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest


def _operator() -> Any:
    from decision import DecisionOperator

    return DecisionOperator(
        task_id="approve", subject="A model waits", defaults="Reject", approvers=("ada", "grace")
    )


def _event(option: str, user: dict[str, str] | None) -> dict[str, Any]:
    return {
        "chosen_options": [option],
        "params_input": {},
        "responded_at": datetime(2026, 3, 1, tzinfo=UTC),
        "responded_by_user": user,
    }


@pytest.mark.parametrize(
    ("option", "user"),
    [("Approve", {"id": "ada", "name": "Ada"}), ("Reject", {"id": "ada", "name": "Ada"})],
)
def test_the_answer_of_a_person_is_the_result(option: str, user: dict[str, str]) -> None:
    answer = _operator().execute_complete({}, _event(option, user))
    assert answer["chosen_options"] == [option]
    assert answer["responded_by_user"] == user


def test_a_time_out_is_a_rejection_by_nobody() -> None:
    operator = _operator()
    assert operator.defaults == ["Reject"]
    answer = operator.execute_complete({}, _event("Reject", None))
    assert (answer["chosen_options"], answer["responded_by_user"]) == (["Reject"], None)


def test_people_are_named_by_their_names() -> None:
    assert _operator().assigned_users == [
        {"id": "ada", "name": "ada"},
        {"id": "grace", "name": "grace"},
    ]
