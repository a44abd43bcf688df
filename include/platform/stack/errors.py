"""What can be wrong with the stack before or while it runs."""

from __future__ import annotations

from include.contracts.errors import PlatformError


class ComposeError(PlatformError):
    """The compose file or the Dockerfile says something that is not understood here."""


class MachineError(PlatformError):
    """This machine cannot run the stack: rights or programs are missing."""


class StackError(PlatformError):
    """The stack does not get healthy, or does not do what it should."""
