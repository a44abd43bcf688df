"""A platform in a folder: lake, ledger and scratch on this machine."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from include.composition import Services, build_services
from include.settings import Settings, StorageSettings


def storage_in(home: Path, **changes: Any) -> StorageSettings:
    """Settings of a store that lies in a folder."""
    return StorageSettings(
        **{
            "lake_url": (home / "lake").as_uri(),
            "ledger_url": f"sqlite:///{home}/ledger.sqlite",
            "scratch_dir": home / "scratch",
            **changes,
        }
    )


def services_in(
    home: Path, *, clock: Callable[[], datetime] | None = None, **groups: Any
) -> Services:
    """Services in a folder; groups of settings other than the defaults by name."""
    services = build_services(Settings(**{"storage": storage_in(home), **groups}))
    if clock is not None:
        services.ledger.clock = clock
    return services
