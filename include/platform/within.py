"""`python -m include.platform.within MODULE [ARGUMENT ...]`: a command on this platform's data.

Runs the module with the settings that the platform of this checkout (or `FEX_HOME`) runs with;
variables that are set win, as they do for the platform. Without it a command takes the places
of an image, under `/var/lib/fex`: it would find an empty ledger there and say that all is well.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from include.contracts.errors import PlatformError
from include.platform.supervisor import Platform


def main(arguments: Sequence[str]) -> NoReturn:
    """Become the command, or end with a sentence where that is not possible."""
    if not arguments:
        sys.stderr.write("usage: python -m include.platform.within MODULE [ARGUMENT ...]\n")
        sys.exit(2)
    try:
        platform = Platform.from_environment(os.environ)
        platform.layout.create()
        environment = platform.environment()
    except PlatformError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(error.exit_status)
    command = [sys.executable, "-m", *arguments]
    os.execve(sys.executable, command, environment)  # noqa: S606 - a list, no shell


if __name__ == "__main__":
    main(sys.argv[1:])
