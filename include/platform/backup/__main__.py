"""`python -m include.platform.backup save FOLDER | restore BACKUP [--replace] | check BACKUP`.

Without `--from-environment` it is the embedded platform of this checkout (or `FEX_HOME`). With
it, the platform that the environment describes, as in docker-compose.yaml.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from include.contracts.errors import ConfigurationError, PlatformError
from include.platform.backup import objects
from include.platform.backup.parts import parts_of
from include.platform.backup.run import back_up, open_backup, restore
from include.platform.supervisor import Platform
from include.settings import load_settings


def main(arguments: Sequence[str]) -> int:
    """Do what the command line says; return the exit status."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="backup: %(message)s")
    try:
        if options.command == "check":
            return _check(options.backup)
        environ = _environment(
            installed=options.from_environment, stopped=options.command != "save"
        )
        settings = load_settings(environ)
        parts = parts_of(settings, environ)
        now = datetime.now(UTC)
        if options.command == "save":
            made = back_up(settings, parts, options.folder, now=now)
            sys.stdout.write(f"{made.folder}\n")
            return 0
        backup = open_backup(options.backup)
        found = restore(backup, settings, parts, replace=options.replace, now=now)
    except PlatformError as error:
        sys.stderr.write(f"backup: {error}\n")
        return error.exit_status
    sys.stdout.write(f"{json.dumps(found, indent=1)}\n")
    if found["erased_again"]["open"]:
        sys.stderr.write("backup: not done: an erasure found something left, see erasures/open/\n")
        return 1
    return 0


def _check(folder: Path) -> int:
    """Read a whole backup and hold everything to its sha256."""
    backup = open_backup(folder)
    for name in backup.inventory.stores:
        objects.check(objects.read_listing(backup.listing(name)), backup.pool)
    sys.stdout.write(f"{folder}: complete, every file as written\n")
    return 0


def _environment(*, installed: bool, stopped: bool) -> Mapping[str, str]:
    """Return the environment of the platform that is meant.

    Raises:
        ConfigurationError: It must be stopped and is not.
    """
    if installed:
        return os.environ
    platform = Platform.from_environment(os.environ)
    running = [item.name for item in platform.components if platform.manager.find(item.name)]
    if stopped and running:
        raise ConfigurationError("restore", f"{', '.join(running)} run: `make down` first")
    return platform.environment()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="backup", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    save = commands.add_parser("save", help="copy everything, while it works or not")
    save.add_argument("folder", type=Path, help="folder of backups, on another disk")
    back = commands.add_parser("restore", help="put everything back into a stopped platform")
    back.add_argument("backup", type=Path, help="one backup: FOLDER/20261129T120000.000000Z")
    back.add_argument("--replace", action="store_true", help="what is there may go")
    check = commands.add_parser("check", help="read a whole backup and its checksums")
    check.add_argument("backup", type=Path)
    for command in (save, back):
        command.add_argument(
            "--from-environment", action="store_true", help="not the embedded platform"
        )
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
