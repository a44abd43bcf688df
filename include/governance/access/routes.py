"""Which act each route of Airflow's API is: what the check against a running server expects.

A route that no rule knows fails the check: an upgrade that brings one is seen.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from include.contracts.errors import ConfigurationError
from include.governance.access.matrix import (
    AUDITED,
    EVERYBODY,
    FACES,
    OPERATED,
    RELEASED,
    REPORTS,
    SEEN_BY_APPROVERS,
    SEEN_BY_AUDITORS,
    Role,
    act_named,
)

NOBODY: frozenset[Role] = frozenset()


@dataclass(frozen=True, slots=True)
class Expected:
    """Who may use a route."""

    roles: frozenset[Role]
    anonymous: bool = False
    """Whether it answers somebody who has not signed in."""


def readers(dag: str | None) -> frozenset[Role]:
    """Who may see a DAG; None: a list, which shows each what they may see."""
    roles = {Role.OPERATOR}
    if dag is None or dag in SEEN_BY_AUDITORS:
        roles.add(Role.AUDITOR)
    if dag is None or dag in SEEN_BY_APPROVERS:
        roles.add(Role.APPROVER)
    return frozenset(roles)


def starters(dag: str | None) -> frozenset[Role]:
    """Who may start a run."""
    return frozenset(
        role
        for role, dags in (
            (Role.OPERATOR, OPERATED),
            (Role.AUDITOR, AUDITED),
            (Role.APPROVER, RELEASED),
        )
        if dag in dags
    )


def editors(dag: str | None) -> frozenset[Role]:
    """Who may pause a DAG, repeat and mark its runs and tasks."""
    return frozenset({Role.OPERATOR}) if dag in (*OPERATED, *AUDITED) else NOBODY


def answerers(dag: str | None) -> frozenset[Role]:
    """Who may answer questions of a DAG; which ones, each question says."""
    return readers(dag) & act_named("answer").roles


def _act(key: str) -> Callable[[str | None], frozenset[Role]]:
    return lambda _dag: act_named(key).roles


def _nobody(_dag: str | None) -> frozenset[Role]:
    return NOBODY


def _everybody(_dag: str | None) -> frozenset[Role]:
    return EVERYBODY


_PUBLIC = re.compile(r"/api/v2/(monitor/health|version|auth/log(in|out))")
_GET, _WRITE = "GET", "POST|PUT|PATCH|DELETE"
OTHERS = (
    ("GET", "/fex/"),
    ("GET", "/fex/reports"),
    ("GET", "/fex/reports/{study}"),
    ("GET", "/fex/reports/{study}/{recording}/report.html"),
    ("GET", "/fex/reports/{study}/{recording}/annotated.mp4"),
    ("GET", "/fex/faces"),
    ("GET", "/fex/faces/{queue}"),
    ("GET", "/fex/faces/{queue}/{picture}"),
    ("GET", "/fex/audits"),
    ("GET", "/fex/audits/{sha256}"),
    ("GET", "/fex/audit-log"),
    ("POST", "/fex/requeue"),
    *((method, "/fex/set-aside") for method in ("GET", "POST")),
    *((method, "/auth/fab/v1/users") for method in ("GET", "POST")),
    *((method, "/auth/fab/v1/users/{name}") for method in ("GET", "PATCH", "DELETE")),
    *((method, "/auth/fab/v1/roles") for method in ("GET", "POST")),
    *((method, "/auth/fab/v1/roles/{name}") for method in ("GET", "PATCH", "DELETE")),
    ("GET", "/auth/fab/v1/permissions"),
)
"""Routes beside those of Airflow's own API: our pages, FAB's users and roles."""

_RULES: tuple[tuple[str, str, Callable[[str | None], frozenset[Role]]], ...] = (
    # Teams are a mode of Airflow that is off here.
    (".*", r"/ui/teams", _nobody),
    (".*", r"/ui/(config|auth/(me|menus|token))", _everybody),
    (_GET, r"/fex/", _everybody),
    (_GET, r"/fex/reports/.*/annotated.mp4", lambda _dag: FACES.roles & REPORTS.roles),
    (_GET, r"/fex/reports.*", _act("reports")),
    (_GET, r"/fex/faces.*", _act("faces")),
    (_GET, r"/fex/audits.*", _act("audits")),
    (_GET, r"/fex/audit-log", _act("audit log")),
    ("POST", r"/fex/requeue", _act("requeue")),
    (".*", r"/fex/set-aside", _act("requeue")),
    (".*", r"/auth/fab/v1/users.*", _act("users")),
    (_GET, r"/auth/fab/v1/(roles|permissions).*", _act("users")),
    (_WRITE, r"/auth/fab/v1/roles.*", _act("roles")),
    (".*", r"/api/v2/connections/enqueue-test", _act("connections")),
    (".*", r"/(api/v2|ui)/connections.*", _act("connections")),
    (".*", r"/api/v2/variables.*", _act("variables")),
    (".*", r"/api/v2/(config|providers).*", _act("configuration")),
    (_GET, r"/api/v2/plugins.*", _everybody),
    (_GET, r"/api/v2/(pools|jobs|importErrors).*", _act("state of the platform")),
    (_WRITE, r"/api/v2/pools.*", _act("pools and assets")),
    (_GET, r"/api/v2/eventLogs.*", _act("event log")),
    (_GET, r"/api/v2/dagSources/.*", _act("code")),
    (_WRITE, r".*/queuedEvents", _act("pools and assets")),
    (_WRITE, r"/api/v2/assets.*", _act("pools and assets")),
    (_GET, r"/api/v2/assets.*", _act("all runs")),
    (_GET, r"/ui/(partitioned_dag_runs|(pending|next_run).*)", _act("all runs")),
    (_GET, r".*(queuedEvents|upstreamAssetEvents)", _act("all runs")),
    (_GET, r"/(api/v2|ui)/backfills", readers),
    (".*", r"/api/v2/backfills/\{backfill_id\}.*", _nobody),
    ("POST", r"/api/v2/backfills.*", _nobody),
    ("PUT", r"/api/v2/parseDagFile/.*", _nobody),
    ("PATCH", r".*/hitlDetails", answerers),
    (_GET, r".*/hitlDetails.*", readers),
    ("POST|PATCH|DELETE", r".*/xcomEntries.*", _act("forge results")),
    ("DELETE", r"/api/v2/dags.*", _act("delete")),
    ("POST", r"/api/v2/dags/\{dag_id\}/dagRuns", starters),
    ("POST", r".*/(list|favorite|unfavorite)", readers),
    (_WRITE, r"/api/v2/dags", _act("every DAG")),
    (_WRITE, r"/api/v2/dags/.*", editors),
    (_GET, r"/ui/(structure/structure_data|dependencies)", _act("all runs")),
    (_GET, r"/api/v2/(dags|dagStats|dagTags|dagWarnings)(/.*)?", readers),
    (_GET, r"/ui/(dag|dags|dashboard|grid|gantt|calendar)(/.*)?", readers),
)  # fmt: skip


def expected(method: str, template: str, dag: str | None) -> Expected:
    """Return who may use a route.

    Args:
        method: GET, POST, ...
        template: Path as Airflow writes it, with `{dag_id}` and the like.
        dag: The DAG that is asked about; None where the path names none.

    Raises:
        ConfigurationError: No rule knows the route.
    """
    if _PUBLIC.fullmatch(template):
        return Expected(EVERYBODY, anonymous=True)
    for methods, pattern, roles in _RULES:
        if re.fullmatch(methods, method) and re.fullmatch(pattern, template):
            return Expected(roles(dag))
    raise ConfigurationError(
        "include/governance/access/routes.py", f"no rule says who may use {method} {template}"
    )
