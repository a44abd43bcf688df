"""The people a decision waits for, by their names as Airflow users.

Airflow's auth managers know a user by an id as well: FAB's are numbers. Names are what
settings, records and people use, and both managers keep them unique.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

from include.contracts.errors import ConfigurationError

if TYPE_CHECKING:
    from include.settings import Settings

APPROVERS = "FEX_RELEASE__APPROVERS"
SIGNERS = "FEX_AUDIT__SIGNERS"


def answered_by(answer: Mapping[str, Any]) -> str:
    """Return the name of the user who answered a question, empty where nobody did in time.

    Args:
        answer: What Airflow's human-in-the-loop operator returned. Its `id` is the auth
            manager's own, its `name` the user's name under each of them.
    """
    user = answer.get("responded_by_user")
    return str(user.get("name") or "") if isinstance(user, Mapping) else ""


def approvers_of(approvers: Collection[str], asked_by: Collection[str]) -> tuple[str, ...]:
    """Return who may approve what somebody asked for: nobody approves that themselves.

    Args:
        approvers: `FEX_RELEASE__APPROVERS`.
        asked_by: Names of those who asked; empty where no person did.

    Raises:
        ConfigurationError: Nobody is left.
    """
    left = tuple(name for name in approvers if name not in asked_by)
    if not left:
        asked = ", ".join(sorted(set(asked_by) & set(approvers)))
        raise ConfigurationError(
            APPROVERS,
            f"{asked} asked for it, and no other user may approve it: name somebody else as "
            "well, or have somebody else ask",
        )
    return left


def decided_by(settings: Settings) -> dict[str, tuple[str, ...]]:
    """Return whose answers the settings wait for, by the setting's name."""
    return {APPROVERS: settings.release.approvers, SIGNERS: settings.audit.signers}


def require_known(settings: Mapping[str, Collection[str]], users: Mapping[str, bool]) -> None:
    """Make sure that everybody whom a decision waits for is there and may answer.

    Args:
        settings: Names by setting.
        users: Names of Airflow's users; true for those whose role lets them answer.

    Raises:
        ConfigurationError: A name that no user has, or whose user may not answer.
    """
    for setting, names in settings.items():
        for name in names:
            if name not in users:
                there = ", ".join(sorted(users)) or "nobody"
                raise ConfigurationError(
                    setting,
                    f"no Airflow user is called {name!r}; there are {there}. It takes user names, "
                    "neither ids nor full names: correct it, or create the user",
                )
            if not users[name]:
                raise ConfigurationError(
                    setting,
                    f"{name!r} has no role that may answer a question: give the user the role for "
                    "it (docs/access.md), or name somebody else",
                )
