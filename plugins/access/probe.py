"""Route by route against a running API server: who may, by the matrix and in fact.

Every request names things that are not there, or sends a body that is refused once access is
given: a check changes nothing and may run against production.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import httpx

from include.governance.access.matrix import Role
from include.governance.access.routes import OTHERS, expected

ANONYMOUS = "anonymous"
DAGS = ("video_intake", "bias_audit", "model_retraining", "model_rollback")
_REFUSED = (401, 403)
_HIDDEN = re.compile(
    r"/api/v2/(backfills/\{backfill_id\}.*|parseDagFile/.*|connections/enqueue-test)"
)
"""Airflow answers 404 before it asks who it is: there is nothing to be seen."""
_SIGN_OUT = "/api/v2/auth/logout"
"""Open to everybody; asking it would end the session that asks."""
_ACTIONS: dict[str, dict[str, object]] = {
    "connections": {"connection_id": "x", "conn_type": "x"},
    "variables": {"key": "x", "value": "x"},
    "pools": {"name": "x", "slots": 1},
}
_PARAMETERS = {
    "version_number": "999",
    "task_try_number": "999",
    "try_number": "999",
    "map_index": "-1",
}


@dataclass(frozen=True, slots=True)
class Found:
    """One route, for one DAG where it names one."""

    method: str
    template: str
    dag: str | None
    expected: Mapping[str, bool]
    statuses: Mapping[str, int]

    def allowed(self, user: str) -> bool:
        """Whether the server let somebody do it."""
        status = self.statuses[user]
        hidden = status == 404 and _HIDDEN.fullmatch(self.template) is not None
        return status not in _REFUSED and not hidden

    @property
    def wrong(self) -> list[str]:
        """Users for whom the server and the matrix differ, of those who asked."""
        return [user for user in self.statuses if self.allowed(user) != self.expected[user]]


def routes() -> list[tuple[str, str]]:
    """Method and template of every route that is asked for: Airflow's as installed, and ours."""
    from airflow.api_fastapi.core_api.routes.public import public_router
    from airflow.api_fastapi.core_api.routes.ui import ui_router
    from fastapi.routing import APIRoute

    found = {
        (method, route.path)
        for router in (public_router, ui_router)
        for route in router.routes
        if isinstance(route, APIRoute)
        for method in route.methods
        if route.path != _SIGN_OUT
    }
    return sorted(found | set(OTHERS), key=lambda item: (item[1], item[0]))


def probe(
    clients: Mapping[str, httpx.Client], *, dags: Sequence[str] = DAGS, briefly: bool = False
) -> Iterator[Found]:
    """Ask every route as everybody.

    Args:
        clients: By role, signed in; and one by the name `ANONYMOUS` that is not.
        dags: DAGs that are asked about.
        briefly: Ask each route once: for one of the DAGs and as two of the clients, in turn.
    """
    everybody = tuple(clients)
    for number, (method, template) in enumerate(routes()):
        named = "{dag_id}" in template
        asked = (dags[number % len(dags)],) if briefly else dags
        users = (
            {everybody[(number + step) % len(everybody)] for step in (0, 3)}
            if briefly
            else everybody
        )
        for dag in asked if named else (None,):
            said = expected(method, template, dag)
            yield Found(
                method,
                template,
                dag,
                {**{role.value: role in said.roles for role in Role}, ANONYMOUS: said.anonymous},
                {name: _ask(clients[name], method, template, dag or dags[0]) for name in users},
            )


def table(found: Iterable[Found]) -> str:
    """Show who may and who could: `yes`, `-`, and in capitals where the two differ."""
    names = [*(role.value for role in Role), ANONYMOUS]
    lines = [f"{'route':<88} " + " ".join(f"{name:>9}" for name in names)]
    for one in found:
        route = f"{one.method} {one.template}" + (f"  [{one.dag}]" if one.dag else "")
        cells = []
        for name in names:
            if name not in one.statuses:
                cells.append(" " * 9)
                continue
            told = "yes" if one.allowed(name) else "-"
            if name in one.wrong:
                told = f"{'YES' if one.allowed(name) else 'NO'} {one.statuses[name]}"
            cells.append(f"{told:>9}")
        lines.append(f"{route[:88]:<88} " + " ".join(cells))
    return "\n".join(lines)


def sign_in(url: str, passwords: Mapping[str, str]) -> dict[str, httpx.Client]:
    """Return a client for each user, and one that is nobody.

    Args:
        url: Of the API server.
        passwords: By user name.
    """
    clients = {ANONYMOUS: httpx.Client(base_url=url, timeout=30)}
    for user, password in passwords.items():
        given = {"username": user, "password": password}
        answer = httpx.post(f"{url}/auth/token", json=given, timeout=30)
        answer.raise_for_status()
        bearer = {"Authorization": f"Bearer {answer.json()['access_token']}"}
        clients[user] = httpx.Client(base_url=url, timeout=30, headers=bearer)
    return clients


def _ask(client: httpx.Client, method: str, template: str, dag: str) -> int:
    def value(match: re.Match[str]) -> str:
        name = match[1].partition(":")[0]
        if name == "dag_id":
            return dag
        return _PARAMETERS.get(name, "999999" if name.endswith("_id") else "x")

    path = re.sub(r"\{([^}]+)\}", value, template)
    body = None if method in ("GET", "DELETE") else json.dumps(_body(method, template, dag))
    headers = {"Content-Type": "application/json"} if body else {}
    headers["Airflow-Connection-Test-Token"] = "x"
    params = {"dag_id": dag} if template == "/ui/structure/structure_data" else {}
    # The body of an endless log is not waited for.
    with client.stream(method, path, content=body, headers=headers, params=params) as answer:
        return answer.status_code


def _body(method: str, template: str, dag: str) -> dict[str, object]:
    """Some routes read from the body what they ask access to."""
    kind = template.rpartition("/")[2]
    run: dict[str, object] = {"dag_run_id": "x", "dag_id": dag}
    if kind == "dagRuns" and method == "PATCH":
        return {"actions": [{"action": "update", "entities": [{**run, "note": "x"}]}]}
    if kind == "clearDagRuns":
        return {"dag_runs": [run], "dry_run": True}
    if kind == "enqueue-test":
        return dict(_ACTIONS["connections"])
    if method == "PATCH" and kind in _ACTIONS:
        create = {"action": "create", "entities": [_ACTIONS[kind]], "action_on_existence": "fail"}
        return {"actions": [create]}
    return {}
