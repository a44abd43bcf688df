"""The access matrix: five roles, what each may see and do, and what nobody may.

One table for everything: FAB's roles are made from it (`plugins/access/roles.py`), the pages
ask it, `docs/access.md` shows it, and the check against a running server expects it.
Permissions are FAB's pairs of an action and a resource; resources that begin with "FEX" are
ours.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from include.contracts.errors import ConfigurationError

Permission = tuple[str, str]
"""FAB's action and resource."""

READ, CREATE, EDIT, DELETE, MENU = (
    "can_read",
    "can_create",
    "can_edit",
    "can_delete",
    "menu_access",
)


class Role(StrEnum):
    """Who somebody is at work; one user may have several."""

    MARKETER = "marketer"
    OPERATOR = "operator"
    AUDITOR = "auditor"
    APPROVER = "approver"
    ADMIN = "admin"

    @property
    def fab_name(self) -> str:
        """Name of the role in Airflow; FAB has an `Admin` of its own."""
        return f"fex-{self.value}"


EVERYBODY = frozenset(Role)
OPERATED = (
    "drift_monitor",
    "erase_respondent",
    "label_intake",
    "label_queue",
    "model_comparison",
    "model_evaluation",
    "model_retraining",
    "reprocess",
    "video_analysis",
    "video_intake",
)
"""DAGs that operators start, pause and repeat."""
AUDITED = ("bias_audit",)
"""DAGs that auditors start; operators repeat what fails in them."""
RELEASED = ("model_rollback",)
"""DAGs that approvers start: what they do is a release."""
SEEN_BY_AUDITORS = (*AUDITED, "drift_monitor", "model_evaluation")
SEEN_BY_APPROVERS = (*RELEASED, "model_comparison", "model_retraining")


@dataclass(frozen=True, slots=True)
class Act:
    """One thing that may be seen or done."""

    key: str
    what: str
    """For people, as the end of "may ..."."""
    roles: frozenset[Role]
    permissions: tuple[Permission, ...]


def _read(*resources: str) -> tuple[Permission, ...]:
    return tuple((READ, resource) for resource in resources)


def _dags(action: str, names: tuple[str, ...]) -> tuple[Permission, ...]:
    return tuple((action, f"DAG:{name}") for name in names)


def _starts(names: tuple[str, ...]) -> tuple[Permission, ...]:
    """What `NamedFabAuthManager` asks of who starts a run: FAB alone asks to edit the DAG."""
    return tuple((CREATE, f"DAG Run:{name}") for name in names)


def _any(*actions: str, of: tuple[str, ...]) -> tuple[Permission, ...]:
    return tuple((action, resource) for action in actions for resource in of)


_RUNS = _read("DAG Runs", "Task Instances", "Task Logs", "XComs", "DAG Versions", "DAG Warnings")
_RUNS_MENU = tuple((MENU, resource) for resource in ("Browse", "DAGs", "DAG Runs"))

REPORTS = Act(
    "reports",
    "read the reports of studies",
    frozenset({Role.MARKETER, Role.OPERATOR, Role.AUDITOR, Role.APPROVER}),
    _read("FEX Reports"),
)
FACES = Act(
    "faces",
    "look at label pictures, crops and annotated copies",
    frozenset({Role.OPERATOR, Role.AUDITOR}),
    _read("FEX Faces"),
)
AUDITS = Act(
    "audits",
    "read bias audits and their signatures",
    frozenset({Role.AUDITOR, Role.APPROVER}),
    _read("FEX Audits"),
)
REQUEUE = Act(
    "requeue",
    "put a recording that failed or was set aside back into the queue",
    frozenset({Role.OPERATOR}),
    ((CREATE, "FEX Requeue"),),
)
AUDIT_LOG = Act(
    "audit log",
    "read who looked at what and who decided what",
    frozenset({Role.AUDITOR, Role.ADMIN}),
    _read("FEX Audit Log"),
)

OURS = (REPORTS, FACES, AUDITS, REQUEUE, AUDIT_LOG)
"""Acts that our own pages ask for."""

ACTS: tuple[Act, ...] = (
    Act(
        "sign in",
        "sign in, change their own password, and see which pages the menu has",
        EVERYBODY,
        (
            # Airflow's menu is made from its list of plugins.
            *_read("Website", "My Profile", "My Password", "Plugins"),
            (EDIT, "My Password"),
        ),
    ),
    *OURS,
    Act(
        "all runs",
        "follow every run: states, logs, results of tasks",
        frozenset({Role.OPERATOR}),
        (
            *_read("DAGs"),
            *_RUNS,
            # Airflow's list of DAGs shows the questions that wait, and asks for this.
            *_read("HITL Detail", "DAG Dependencies", "Assets", "Asset Aliases"),
            *_RUNS_MENU,
        ),
    ),
    Act(
        "audit runs",
        "follow the runs of audits, of evaluations and of the drift monitor",
        frozenset({Role.AUDITOR}),
        (*_dags(READ, SEEN_BY_AUDITORS), *_RUNS, *_RUNS_MENU),
    ),
    Act(
        "release runs",
        "follow the runs of retraining, comparison and rollback",
        frozenset({Role.APPROVER}),
        (*_dags(READ, SEEN_BY_APPROVERS), *_RUNS, *_RUNS_MENU),
    ),
    Act(
        "event log",
        "read Airflow's own event log, of the DAGs that they may see",
        frozenset({Role.AUDITOR}),
        (*_read("Audit Logs"), (MENU, "Audit Logs")),
    ),
    Act("code", "read the code of DAGs", frozenset({Role.OPERATOR}), _read("DAG Code")),
    Act(
        "operate",
        "start, pause and repeat what analyses, labels, trains and erases; repeat audits",
        frozenset({Role.OPERATOR}),
        (
            *_starts(OPERATED),
            *_dags(EDIT, (*OPERATED, *AUDITED)),
            *_any(EDIT, of=("DAG Runs", "Task Instances")),
        ),
    ),
    Act(
        "start an audit",
        "start a bias audit",
        frozenset({Role.AUDITOR}),
        _starts(AUDITED),
    ),
    Act(
        "roll back",
        "start a rollback, in their own name",
        frozenset({Role.APPROVER}),
        _starts(RELEASED),
    ),
    Act(
        "answer",
        "answer the questions that name them: auditors those of audits, approvers those of "
        "releases that they did not ask for",
        frozenset({Role.AUDITOR, Role.APPROVER}),
        (*_any(READ, EDIT, MENU, of=("HITL Detail",)),),
    ),
    Act(
        "state of the platform",
        "see whether components and queues are well, and which DAG files are broken",
        frozenset({Role.OPERATOR, Role.ADMIN}),
        _read("Jobs", "Cluster Activity", "ImportError", "Pools"),
    ),
    Act(
        "users",
        "create, change and close accounts, and give them roles",
        frozenset({Role.ADMIN}),
        (
            *_any(READ, CREATE, EDIT, DELETE, of=("Users",)),
            *_any(READ, EDIT, of=("Passwords",)),
            *_read("Roles"),
            (MENU, "Security"),
            (MENU, "List Users"),
        ),
    ),
    # What nobody may. The permissions are FAB's, for the check that no role has them.
    Act(
        "connections",
        "see or change connections",
        frozenset(),
        _any(READ, CREATE, EDIT, DELETE, MENU, of=("Connections",)),
    ),
    Act(
        "variables",
        "see or change variables",
        frozenset(),
        _any(READ, CREATE, EDIT, DELETE, MENU, of=("Variables",)),
    ),
    Act(
        "configuration",
        "see the configuration or providers",
        frozenset(),
        _read("Configurations", "Providers"),
    ),
    Act(
        "forge results",
        "write results of tasks, an answer to a question among them",
        frozenset(),
        _any(CREATE, EDIT, DELETE, of=("XComs",)),
    ),
    Act(
        "delete",
        "delete DAGs, runs and the history of tasks",
        frozenset(),
        _any(DELETE, of=("DAGs", "DAG Runs", "Task Instances")),
    ),
    Act(
        "every DAG",
        "change or start every DAG, whoever it belongs to",
        frozenset(),
        ((EDIT, "DAGs"), (CREATE, "DAG Runs")),
    ),
    Act(
        "roles",
        "change what a role may: this table says it",
        frozenset(),
        _any(CREATE, EDIT, DELETE, of=("Roles",)),
    ),
    Act(
        "pools and assets",
        "change pools, write or delete events of assets",
        frozenset(),
        _any(CREATE, EDIT, DELETE, of=("Pools", "Assets")),
    ),
)


def permissions_of(role: Role) -> frozenset[Permission]:
    """Return everything a role may, as FAB's pairs."""
    return frozenset(pair for act in ACTS if role in act.roles for pair in act.permissions)


def act_named(key: str) -> Act:
    """Return an act by its key.

    Raises:
        ConfigurationError: There is none.
    """
    for act in ACTS:
        if act.key == key:
            return act
    raise ConfigurationError("act", f"{key!r} is none of {', '.join(act.key for act in ACTS)}")


def role_named(name: str) -> Role:
    """Return a role by the name it has in the matrix or in Airflow.

    Raises:
        ConfigurationError: There is none.
    """
    try:
        return Role(name.removeprefix("fex-"))
    except ValueError:
        raise ConfigurationError("role", f"{name!r} is none of {', '.join(Role)}") from None
