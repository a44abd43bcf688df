"""A small client of Airflow's REST API (`/auth/token`, `/api/v2`).

The embedded platform's Airflow keeps its state in SQLite, which has one writer at a time:
now and then a request finds it busy for too long and is answered with 500. Every request
here may be sent again, so it is, a few times.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote
from uuid import uuid4

import httpx

from include.contracts.errors import TransientError

_TIMEOUT_S = 10.0
_PAGE = 100
_NOT_FOUND = 404
_FORBIDDEN = 403
_CONFLICT = 409
_AGAIN_AFTER_S = (0.5, 2.0, 5.0)

Json = dict[str, Any]


class NotThereError(TransientError):
    """Airflow does not know what was asked for; it may appear later."""


class RefusedError(TransientError):
    """This user may not do that; an administrator may allow it later."""


class ExistsError(TransientError):
    """Airflow has what was to be made."""


_KINDS = {_NOT_FOUND: NotThereError, _FORBIDDEN: RefusedError, _CONFLICT: ExistsError}


@dataclass(frozen=True, slots=True)
class ComponentHealth:
    """What Airflow says of one of its components."""

    status: str | None
    latest_heartbeat: datetime | None


class AirflowApi:
    """Airflow as its API server shows it.

    Args:
        base_url: Where the API server answers.
        user: A user of Airflow.
        read_password: Called when a token is needed; the password is not kept.
        transport: For tests.
        sleep: Takes seconds.
    """

    def __init__(
        self,
        base_url: str,
        *,
        user: str,
        read_password: Callable[[], str],
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._client = httpx.Client(
            base_url=base_url,
            timeout=_TIMEOUT_S,
            transport=transport,
            # A proxy of the environment has no business between us and this machine.
            trust_env=False,
        )
        self._user = user
        self._read_password = read_password
        self._token: str | None = None
        self._sleep = sleep

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._client.close()

    def health(self) -> dict[str, ComponentHealth] | None:
        """Return the health of the components; None when the server does not answer."""
        try:
            answer = self._client.get("/api/v2/monitor/health", timeout=3.0)
            answer.raise_for_status()
            report = answer.json()
        except (httpx.HTTPError, ValueError):
            return None
        found = {}
        for name, entry in report.items():
            if isinstance(entry, dict):
                heartbeat = entry.get(f"latest_{name}_heartbeat")
                found[name] = ComponentHealth(
                    entry.get("status"), datetime.fromisoformat(heartbeat) if heartbeat else None
                )
        return found

    def log_in(self) -> None:
        """Get a token with the user's password.

        Raises:
            TransientError: It is refused, or the server does not answer.
        """
        try:
            self._new_token()
        except httpx.HTTPError as error:
            raise TransientError(f"Airflow lets {self._user} not in: {error}") from error

    def dags(self) -> dict[str, bool]:
        """Return the DAGs known by now and whether each is paused."""
        return {
            dag["dag_id"]: bool(dag["is_paused"]) for dag in self._pages("/api/v2/dags", "dags")
        }

    def import_errors(self) -> dict[str, str]:
        """Return the DAG files that cannot be imported, with the error's text."""
        errors = self._pages("/api/v2/importErrors", "import_errors")
        return {str(error["filename"]): str(error["stack_trace"]) for error in errors}

    def unpause(self, dag_id: str) -> None:
        """Let a DAG run."""
        self._request("PATCH", f"/api/v2/dags/{dag_id}", json={"is_paused": False})

    def trigger(self, dag_id: str, conf: Mapping[str, object] | None = None) -> str:
        """Start a run now; return its id."""
        # The name is ours: sent again, the request finds its run instead of starting a second.
        run_id = f"manual__{datetime.now(UTC).isoformat()}_{uuid4().hex[:8]}"
        body = {"dag_run_id": run_id, "logical_date": None, "conf": dict(conf or {})}
        with suppress(ExistsError):
            self._request("POST", f"/api/v2/dags/{dag_id}/dagRuns", json=body)
        return run_id

    def dag_runs(self, dag_id: str, *, since: datetime | None = None) -> list[Json]:
        """Return the runs of a DAG that were started after a moment, oldest first."""
        query = {"order_by": "id"}
        if since:
            query["run_after_gte"] = since.isoformat()
        return self._pages(f"/api/v2/dags/{dag_id}/dagRuns", "dag_runs", query)

    def task_instances(self, dag_id: str, run_id: str) -> list[Json]:
        """Return the task instances of a run; none while the run is not there."""
        path = f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances"
        try:
            return self._pages(path, "task_instances")
        except NotThereError:
            return []

    def returned(self, dag_id: str, run_id: str, task_id: str) -> Any:
        """Return what a task of a run returned (its XCom).

        Raises:
            NotThereError: It has returned nothing, or not yet.
        """
        entry = self._request("GET", f"{_task(dag_id, run_id, task_id)}/xcomEntries/return_value")
        return entry["value"]

    def asked(self, dag_id: str, run_id: str, task_id: str) -> Json:
        """Return what a task asks people: subject, body, options, who may answer.

        Raises:
            NotThereError: It asks nothing, or not yet.
        """
        return self._request("GET", f"{_task(dag_id, run_id, task_id)}/-1/hitlDetails")

    def answer(self, dag_id: str, run_id: str, task_id: str, option: str, comment: str) -> None:
        """Answer what a task asks, as this client's user.

        Raises:
            RefusedError: This user may not answer it.
        """
        body = {"chosen_options": [option], "params_input": {"comment": comment}}
        self._request("PATCH", f"{_task(dag_id, run_id, task_id)}/-1/hitlDetails", json=body)

    def _pages(self, path: str, key: str, query: Mapping[str, str] | None = None) -> list[Json]:
        found: list[Json] = []
        while True:
            params = {**(query or {}), "limit": str(_PAGE), "offset": str(len(found))}
            page = self._request("GET", path, params=params)[key]
            found.extend(page)
            if len(page) < _PAGE:
                return found

    def _request(self, method: str, path: str, **options: Any) -> Json:
        """Send a request, with a new token when the old one has expired.

        Raises:
            TransientError: The server does not answer, or not as expected.
        """
        try:
            answer = self._send_patiently(method, path, **options)
            if answer.status_code == httpx.codes.UNAUTHORIZED:
                self._token = None
                answer = self._send_patiently(method, path, **options)
            answer.raise_for_status()
            body: Json = answer.json()
        except httpx.HTTPStatusError as error:
            detail = error.response.text[:300]
            kind = _KINDS.get(error.response.status_code, TransientError)
            raise kind(
                f"Airflow answers {error.response.status_code} to {method} {path}: {detail}"
            ) from error
        except (httpx.HTTPError, ValueError) as error:
            raise TransientError(f"Airflow does not answer to {method} {path}: {error}") from error
        return body

    def _send_patiently(self, method: str, path: str, **options: Any) -> httpx.Response:
        for wait_s in _AGAIN_AFTER_S:
            answer = self._send(method, path, **options)
            if not answer.is_server_error:
                return answer
            self._sleep(wait_s)
        return self._send(method, path, **options)

    def _send(self, method: str, path: str, **options: Any) -> httpx.Response:
        if self._token is None:
            self._token = self._new_token()
        headers = {"Authorization": f"Bearer {self._token}"}
        return self._client.request(method, path, headers=headers, **options)

    def _new_token(self) -> str:
        credentials = {"username": self._user, "password": self._read_password()}
        answer = self._client.post("/auth/token", json=credentials)
        answer.raise_for_status()
        return str(answer.json()["access_token"])


def _task(dag_id: str, run_id: str, task_id: str) -> str:
    return f"/api/v2/dags/{dag_id}/dagRuns/{quote(run_id, safe='')}/taskInstances/{task_id}"
