"""FAB's roles made from the access matrix, and the users that the platform waits for.

What somebody added to one of our roles by hand is taken away again. FAB's own roles (`Admin`,
`Op`, `User`, `Viewer`, `Public`) are emptied: `Op` and `User` may edit the questions of others,
`Viewer` reads code, `Admin` everything. `AIRFLOW__FAB__UPDATE_FAB_PERMS=False` keeps FAB from
filling them again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from include.contracts.errors import ConfigurationError
from include.governance.access.matrix import EDIT, Permission, Role, permissions_of
from include.governance.access.people import require_known

STOCK = ("Admin", "Op", "User", "Viewer", "Public")
ANSWER = (EDIT, "HITL Detail")


@dataclass(frozen=True, slots=True)
class Account:
    """A user who is to be there."""

    name: str
    role: Role
    password_file: Path


@dataclass(frozen=True, slots=True)
class Change:
    """What was done to one role."""

    role: str
    added: tuple[Permission, ...]
    removed: tuple[Permission, ...]


@contextmanager
def security_manager() -> Iterator[Any]:
    """FAB's security manager on Airflow's database.

    Raises:
        ConfigurationError: Airflow uses another auth manager.
    """
    from airflow.configuration import conf
    from airflow.providers.fab.auth_manager.cli_commands.utils import get_application_builder

    manager = conf.get("core", "auth_manager")
    if "fab" not in manager.lower():
        raise ConfigurationError(
            "AIRFLOW__CORE__AUTH_MANAGER",
            f"{manager} keeps no roles in a database: they are made for FAB alone, with "
            "access.auth_manager.NamedFabAuthManager",
        )
    with get_application_builder() as builder:
        yield builder.sm


def sync_roles(manager: Any) -> list[Change]:
    """Make every role what the matrix says and FAB's own roles empty; return what changed.

    Safe to repeat: a second call changes nothing.
    """
    wanted = {role.fab_name: permissions_of(role) for role in Role}
    wanted |= dict.fromkeys(STOCK, frozenset())
    return [change for name, pairs in wanted.items() if (change := _sync(manager, name, pairs))]


def deviations(manager: Any) -> list[Change]:
    """Return what `sync_roles` would change, and change nothing."""
    wanted = {role.fab_name: permissions_of(role) for role in Role}
    wanted |= dict.fromkeys(STOCK, frozenset())
    return [change for name, pairs in wanted.items() if (change := _change(manager, name, pairs))]


def ensure_accounts(manager: Any, accounts: Collection[Account]) -> list[str]:
    """Create the users that are not there; return their names. Those that are stay as they are.

    Raises:
        ConfigurationError: A password's file cannot be read or is empty, or FAB refuses a user.
    """
    made = []
    for account in accounts:
        if manager.find_user(username=account.name):
            continue
        user = manager.add_user(
            username=account.name,
            first_name=account.name,
            last_name=account.role.value,
            email=f"{account.name}@localhost",
            role=manager.find_role(account.role.fab_name),
            password=_password(account),
        )
        if not user:
            raise ConfigurationError(account.name, "FAB did not create this user: see its log")
        made.append(account.name)
    return made


def answerers(manager: Any) -> dict[str, bool]:
    """Return the active users by name; true for those whose roles may answer questions."""
    return {
        user.username: any(ANSWER in _pairs(role) for role in user.roles)
        for user in manager.get_all_users()
        if user.is_active
    }


def require_deciders(manager: Any, asked: Mapping[str, Collection[str]]) -> None:
    """Make sure that whomever the settings name is there and may answer.

    Raises:
        ConfigurationError: The first name that is wrong, and who there is.
    """
    require_known(asked, answerers(manager))


def without_a_role(manager: Any) -> list[str]:
    """Return the names of active users who have no role of ours: they may do nothing."""
    ours = {role.fab_name for role in Role}
    return sorted(
        user.username
        for user in manager.get_all_users()
        if user.is_active and not ours & {role.name for role in user.roles}
    )


def _pairs(role: Any) -> set[Permission]:
    return {(held.action.name, held.resource.name) for held in role.permissions}


def _change(manager: Any, name: str, wanted: frozenset[Permission]) -> Change | None:
    role = manager.find_role(name)
    held = _pairs(role) if role else set()
    added, removed = sorted(wanted - held), sorted(held - wanted)
    return Change(name, tuple(added), tuple(removed)) if added or removed else None


def _sync(manager: Any, name: str, wanted: frozenset[Permission]) -> Change | None:
    change = _change(manager, name, wanted)
    role = manager.find_role(name) or manager.add_role(name)
    if change is None:
        return None
    keep = [held for held in role.permissions if (held.action.name, held.resource.name) in wanted]
    role.permissions = keep + [manager.create_permission(*pair) for pair in change.added]
    manager.session.commit()
    return change


def _password(account: Account) -> str:
    try:
        password = account.password_file.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ConfigurationError(
            account.name, f"the password's file cannot be read: {error.strerror}"
        ) from None
    if not password:
        raise ConfigurationError(account.name, "the password's file is empty")
    return password
