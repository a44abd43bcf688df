"""The components of Airflow that make up the platform, and how each is found healthy."""

from __future__ import annotations

import importlib.metadata
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from include.platform.api import ComponentHealth
from include.platform.processes import ProcessRecord
from include.settings import PlatformSettings


class Health(StrEnum):
    """State of a component."""

    STOPPED = "stopped"
    STARTING = "starting"
    HEALTHY = "healthy"


@dataclass(frozen=True, slots=True)
class Component:
    """One long-running Airflow process.

    Args:
        name: Its name on the command line, in records and logs.
        health_key: Its key in Airflow's health report.
        options: Command-line options.
    """

    name: str
    health_key: str
    options: tuple[str, ...] = ()

    def command(self) -> list[str]:
        """Return the command that starts it."""
        return [sys.executable, "-m", "airflow", self.name, *self.options]


API_SERVER = "api-server"
SCHEDULER = "scheduler"


def components(settings: PlatformSettings) -> tuple[Component, ...]:
    """Return the components in the order of their start.

    Task logs are read from this machine's disk, so nobody serves them and the
    API's port stays the only one.
    """
    return (
        Component(
            API_SERVER,
            "metadatabase",
            ("--host", settings.api_host, "--port", str(settings.api_port), "--workers", "1"),
        ),
        Component(SCHEDULER, "scheduler", ("--skip-serve-logs",)),
        Component("dag-processor", "dag_processor"),
        Component("triggerer", "triggerer", ("--skip-serve-logs",)),
    )


def judge(
    component: Component,
    record: ProcessRecord | None,
    report: Mapping[str, ComponentHealth] | None,
) -> Health:
    """Combine the process and Airflow's report.

    A heartbeat from before the process started is its predecessor's: Airflow
    would call the component healthy although it still starts.
    """
    if record is None:
        return Health.STOPPED
    entry = (report or {}).get(component.health_key)
    if entry is None or entry.status != "healthy":
        return Health.STARTING
    if component.name != API_SERVER:
        started = datetime.fromtimestamp(record.started_at_s, UTC)
        if entry.latest_heartbeat is None or entry.latest_heartbeat < started:
            return Health.STARTING
    return Health.HEALTHY


def airflow_version() -> str:
    """Return the installed Airflow's version without importing it."""
    return importlib.metadata.version("apache-airflow-core")
