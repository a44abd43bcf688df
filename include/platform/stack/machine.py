"""What this machine has to have, asked before anything starts."""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys

from include.platform.stack.errors import MachineError
from include.platform.stack.images import postgres_programs

PACKAGES_SCRIPT = "scripts/production_packages.sh"
_PROGRAMS = {
    "redis-server": "redis-server",
    "redis-cli": "redis-tools",
    "tini": "tini",
    "ip": "iproute2",
    "unshare": "util-linux",
    "nsenter": "util-linux",
    "setpriv": "util-linux",
}
"""Programs and the Debian packages they are in."""


def missing() -> list[str]:
    """Return what is missing, in words; nothing where the stack can run."""
    found = []
    if sys.platform != "linux":
        return ["Linux: namespaces are its own"]
    if os.geteuid() != 0:
        found.append("root: each service gets a user and namespaces of its own")
    packages = {package for name, package in _PROGRAMS.items() if not shutil.which(name)}
    try:
        postgres_programs()
    except MachineError:
        packages.add("postgresql")
    if packages:
        found.append(f"Debian's {', '.join(sorted(packages))} ({PACKAGES_SCRIPT})")
    if importlib.util.find_spec("localbucket") is None:
        found.append("localbucket (make setup)")
    return found


def require() -> None:
    """Check that the stack can run here.

    Raises:
        MachineError: Names everything that is missing, and the script that brings it.
    """
    if lacking := missing():
        raise MachineError("The stack cannot run here. Missing: " + "; ".join(lacking) + ".")
