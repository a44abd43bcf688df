"""What every command of the model's rooms does with its user's mistakes."""

from __future__ import annotations

import sys
from collections.abc import Callable

from include.contracts.errors import ConfigurationError


def run_command(main: Callable[[], None]) -> None:
    """Run a command; what its user got wrong is one line on stderr and exit status 2."""
    try:
        main()
    except ConfigurationError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(2)
