"""The demonstration's platform: a home of its own, and the few settings that make it short.

Everything that judges keeps the product's defaults: the rule of health, the audit, the
margins of a release. What differs is listed in `SHORTENED` with its reason.
"""

from __future__ import annotations

import shutil
import socket
from collections.abc import Mapping
from pathlib import Path

from include.contracts.errors import PlatformError
from include.demo.quick import QUICK
from include.platform.environment import PREFIX, load_platform_settings
from include.platform.layout import HOME_VARIABLE, Layout
from include.platform.supervisor import Platform

APPROVER, AUDITOR = "approver", "auditor"
"""Who decides about models, and who signs audits."""

MADE_HERE = ".made-by-demo-loop"
"""In the home: it may be removed by the next run."""

_PORTS = 50

SHORTENED: Mapping[str, str] = {
    **QUICK,
    # The archive is small.
    "FEX_RETRAINING__RECIPE": "retraining_small",
    # Two threads that wait for each other are slower than one where others work as well.
    "FEX_TRAINING__EMBEDDED_THREADS": "1",
    # Robustness figures of the model card, on fewer pictures.
    "FEX_RELEASE__VARIED_PICTURES": "8",
    # Time per face is measured on a machine that does other things as well.
    "FEX_RELEASE__MAX_SLOWDOWN": "3",
    # As in production: no model goes out that was not audited.
    "FEX_AUDIT__REQUIRED_FOR_PROMOTION": "true",
    "FEX_AUDIT__SIGNERS": f'["{AUDITOR}"]',
    "FEX_RELEASE__APPROVERS": f'["{APPROVER}"]',
}


class HomeError(PlatformError):
    """The demonstration's home holds something that it did not make."""


def home_of(environ: Mapping[str, str]) -> Path:
    """Return the demonstration's home: `demo-loop` in the platform's home."""
    return Layout.from_environment(environ).home / "demo-loop"


def fresh_home(home: Path) -> None:
    """Remove what an earlier demonstration left; its platform is stopped first.

    Raises:
        HomeError: Something else is there.
    """
    if home.exists():
        if not (home / MADE_HERE).exists() and any(home.iterdir()):
            raise HomeError(f"{home} was not made by this demonstration: move it away first.")
        Platform(Layout(home), load_platform_settings(), {}).down()
        shutil.rmtree(home)
    home.mkdir(parents=True, mode=0o700)
    (home / MADE_HERE).touch()


def open_platform(home: Path, sets: Mapping[str, str], environ: Mapping[str, str]) -> Platform:
    """Return the platform of the demonstration.

    Of the user's own settings only those of the platform itself count (`FEX_PLATFORM__...`):
    a demonstration must not write into somebody's lake or registry.

    Args:
        home: Where everything goes.
        sets: Settings that name the made data sets.
        environ: The user's environment.
    """
    own = {
        name: value
        for name, value in environ.items()
        if not name.startswith("FEX_") or name.startswith(PREFIX)
    }
    settings = load_platform_settings()
    if f"{PREFIX}API_PORT" not in environ:
        port = _free_port(settings.api_host, settings.api_port)
        settings = settings.model_copy(update={"api_port": port})
    layout = Layout(home)
    return Platform(layout, settings, {**own, **SHORTENED, **sets, HOME_VARIABLE: str(home)})


def _free_port(host: str, first: int) -> int:
    """Return the first port that is free: the user's own platform may be up beside this one."""
    for port in range(first, first + _PORTS):
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError:
                continue
            return port
    return first
