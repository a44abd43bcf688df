"""The REST client against canned answers of Airflow."""

from __future__ import annotations

import json
from collections.abc import Callable

import httpx
import pytest

from include.contracts.errors import TransientError
from include.platform.api import AirflowApi, RefusedError

Answer = Callable[[httpx.Request], httpx.Response]


def client(answer: Answer) -> AirflowApi:
    def route(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/auth/token":
            assert json.loads(request.content) == {"username": "admin", "password": "p"}
            return httpx.Response(201, json={"access_token": "t"})
        return answer(request)

    return AirflowApi(
        "http://airflow",
        user="admin",
        read_password=lambda: "p",
        transport=httpx.MockTransport(route),
        sleep=lambda _: None,
    )


def test_health_needs_no_password_and_is_none_when_nobody_answers() -> None:
    report = {
        "metadatabase": {"status": "healthy"},
        "scheduler": {"status": "unhealthy", "latest_scheduler_heartbeat": None},
        "dag_processor": {
            "status": "healthy",
            "latest_dag_processor_heartbeat": "2026-01-01T00:00:00+00:00",
        },
    }
    health = client(lambda _: httpx.Response(200, json=report)).health()
    assert health is not None
    assert health["scheduler"].status == "unhealthy"
    assert health["dag_processor"].latest_heartbeat is not None
    assert client(lambda _: httpx.Response(503)).health() is None
    assert client(lambda _: httpx.Response(200, text="<html>")).health() is None


def test_requests_carry_the_token_and_renew_it_once() -> None:
    seen: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers["Authorization"])
        if len(seen) == 1:
            return httpx.Response(401, json={})
        return httpx.Response(200, json={"dags": [{"dag_id": "a", "is_paused": True}]})

    assert client(answer).dags() == {"a": True}
    assert seen == ["Bearer t", "Bearer t"]


def test_pages_are_read_to_the_end() -> None:
    total = 250

    def answer(request: httpx.Request) -> httpx.Response:
        offset, limit = (int(request.url.params[key]) for key in ("offset", "limit"))
        rows = [{"task_id": str(n)} for n in range(offset, min(total, offset + limit))]
        return httpx.Response(200, json={"task_instances": rows})

    assert len(client(answer).task_instances("dag", "run")) == total


def test_a_run_is_started_once_however_often_it_is_asked_for() -> None:
    asked: list[dict[str, object]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        assert request.method == "POST"
        asked.append(json.loads(request.content))
        if len(asked) == 1:  # started, but the answer was lost
            return httpx.Response(500, json={"detail": "database is locked"})
        return httpx.Response(409, json={"detail": "exists"})

    run_id = client(answer).trigger("dag", {"a": 1})
    assert run_id.startswith("manual__")
    assert asked == 2 * [{"dag_run_id": run_id, "logical_date": None, "conf": {"a": 1}}]


def test_a_busy_server_is_asked_again_and_given_up_on_in_the_end() -> None:
    answers = [500, 503, 200]

    def answer(_: httpx.Request) -> httpx.Response:
        return httpx.Response(answers.pop(0), json={"dags": []})

    assert client(answer).dags() == {}
    answers = 10 * [500]
    with pytest.raises(TransientError, match="500"):
        client(answer).dags()
    assert len(answers) == 6


@pytest.mark.parametrize("status", [401, 403, 404, 500])
def test_a_refusal_is_transient_and_says_what_was_asked(status: int) -> None:
    with pytest.raises(TransientError, match=rf"{status} to GET /api/v2/dags"):
        client(lambda _: httpx.Response(status, text="no")).dags()


def test_a_server_that_is_gone_is_transient() -> None:
    def answer(_: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    with pytest.raises(TransientError, match="does not answer"):
        client(answer).unpause("dag")


def test_a_run_that_is_not_there_yet_has_no_tasks() -> None:
    assert client(lambda _: httpx.Response(404, json={})).task_instances("dag", "run") == []


def test_what_a_task_returned_and_asks_is_read_by_its_run() -> None:
    seen: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.url.raw_path.decode())
        if "xcomEntries" in request.url.path:
            return httpx.Response(200, json={"key": "return_value", "value": {"health": "watch"}})
        return httpx.Response(200, json={"body": "### why", "defaults": ["Reject"]})

    api = client(answer)
    assert api.returned("d", "manual__2026-11-21T10:00:00+00:00", "t") == {"health": "watch"}
    assert api.asked("d", "r", "t")["defaults"] == ["Reject"]
    run = "/api/v2/dags/d/dagRuns"
    assert seen == [
        f"{run}/manual__2026-11-21T10%3A00%3A00%2B00%3A00/taskInstances/t/xcomEntries/return_value",
        f"{run}/r/taskInstances/t/-1/hitlDetails",
    ]


def test_an_answer_of_the_wrong_person_is_refused() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        assert request.method == "PATCH"
        assert json.loads(request.content) == {
            "chosen_options": ["Approve"],
            "params_input": {"comment": "fine"},
        }
        return httpx.Response(403, text="not you")

    with pytest.raises(RefusedError, match="403"):
        client(answer).answer("d", "r", "t", "Approve", "fine")
