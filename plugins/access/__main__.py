"""`python -m plugins.access`: make FAB's roles what the access matrix says.

sync [--user NAME=ROLE:PASSWORD_FILE ...]   roles, users that are missing, names in settings
check                                       what sync would change, and names in settings
routes --url URL --passwords FOLDER         every route as every role: the matrix and the server
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

# Airflow puts the plugins on the path where it knows its folder of them; a check from outside
# knows it by this file.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from access import roles
from include.contracts.errors import ConfigurationError, PlatformError
from include.governance.access.matrix import Role, role_named
from include.governance.access.people import decided_by
from include.settings import load_settings


def main(arguments: Sequence[str]) -> int:
    """Do what the command line says; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m plugins.access", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    sync = commands.add_parser("sync")
    sync.add_argument("--user", action="append", default=[], metavar="NAME=ROLE:PASSWORD_FILE")
    commands.add_parser("check")
    asking = commands.add_parser("routes")
    asking.add_argument("--url", required=True, help="of the API server")
    asking.add_argument(
        "--passwords",
        required=True,
        type=Path,
        help="folder with a file ROLE or ROLE_password for a user of each role's name",
    )
    asked = parser.parse_args(arguments)
    try:
        if asked.command == "routes":
            return _routes(asked.url, asked.passwords)
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


def _routes(url: str, folder: Path) -> int:
    from access.probe import probe, sign_in, table

    found = list(probe(sign_in(url, {role: _password(folder, role) for role in Role})))
    wrong = [one for one in found if one.wrong]
    print(table(found))
    asked = sum(len(one.statuses) for one in found)
    print(f"{len(found)} routes, {asked} requests, {len(wrong)} differ from the matrix")
    return 1 if wrong else 0


def _password(folder: Path, role: Role) -> str:
    for name in (role.value, f"{role.value}_password"):
        if (folder / name).is_file():
            return (folder / name).read_text(encoding="utf-8").strip()
    raise ConfigurationError("--passwords", f"{folder} has no file {role}_password")


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
