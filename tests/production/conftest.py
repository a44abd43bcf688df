"""The stack of docker-compose.yaml on this machine, where it can run."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from include.platform.stack import machine


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything here runs services in namespaces: skipped by name where that cannot be."""
    here = Path(__file__).parent
    why = "; ".join(machine.missing())
    if os.environ.get("CI"):
        why = "a stack of services is not started in CI"
    for item in items:
        if not item.path.is_relative_to(here):
            continue
        item.add_marker(pytest.mark.production)
        if why:
            item.add_marker(pytest.mark.skip(reason=f"the stack cannot run here: {why}"))
