"""`python -m plugins.access`: make FAB's roles what the access matrix says.

sync [--user NAME=ROLE:PASSWORD_FILE ...]   roles, users that are missing, names in settings
check                                       what sync would change, and names in settings
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import airflow  # noqa: F401 - puts the plugins on the path

from access import roles
from include.contracts.errors import PlatformError
from include.governance.access.matrix import role_named
from include.governance.access.people import decided_by
from include.settings import load_settings


def main(arguments: Sequence[str]) -> int:
    """Do what the command line says; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m plugins.access", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    sync = commands.add_parser("sync")
    sync.add_argument("--user", action="append", default=[], metavar="NAME=ROLE:PASSWORD_FILE")
    commands.add_parser("check")
    asked = parser.parse_args(arguments)
    try:
        deciders = decided_by(load_settings())
        with roles.security_manager() as manager:
            if asked.command == "check":
                return _check(manager, deciders)
            accounts = [_account(text) for text in asked.user]
            _tell(roles.sync_roles(manager))
            for name in roles.ensure_accounts(manager, accounts):
                print(f"created {name}")
            _tell_idle(manager)
            roles.require_deciders(manager, deciders)
    except PlatformError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_status
    return 0


def _check(manager: object, deciders: dict[str, tuple[str, ...]]) -> int:
    found = roles.deviations(manager)
    _tell(found)
    _tell_idle(manager)
    roles.require_deciders(manager, deciders)
    return 1 if found else 0


def _account(text: str) -> roles.Account:
    name, _, rest = text.partition("=")
    role, _, path = rest.partition(":")
    return roles.Account(name, role_named(role), Path(path))


def _tell(changes: list[roles.Change]) -> None:
    for change in changes:
        print(f"{change.role}: +{len(change.added)} -{len(change.removed)}")
        for action, resource in change.removed:
            print(f"  removed {action} on {resource}")


def _tell_idle(manager: object) -> None:
    for name in roles.without_a_role(manager):
        print(f"{name} has no role of the platform and may do nothing: give one in Users")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
