"""Up, down and status of the embedded platform."""

from __future__ import annotations

import contextlib
import fcntl
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial

from include.contracts.errors import PlatformError
from include.governance.access.people import decided_by, require_known
from include.platform.api import AirflowApi
from include.platform.bootstrap import has_champion
from include.platform.components import (
    API_SERVER,
    SCHEDULER,
    Component,
    Health,
    airflow_version,
    components,
    judge,
)
from include.platform.credentials import ADMIN, USERS, VIEWER, ensure_secrets, read_password
from include.platform.environment import (
    COMPONENT_VARIABLE,
    child_environment,
    fex_defaults,
    load_platform_settings,
    platform_id,
)
from include.platform.layout import PROJECT_ROOT, Layout
from include.platform.ports import require_free
from include.platform.processes import ProcessManager, ProcessRecord
from include.settings import PlatformSettings, load_settings

MIGRATE = "migrate"
BOOTSTRAP = "bootstrap"
BOOTSTRAP_MODULE = "include.platform.bootstrap"
_MIGRATE_TIMEOUT_S = 300.0
_POLL_S = 0.25
_LOG_LINES = 15


class StartError(PlatformError):
    """The platform does not get healthy."""


@dataclass(frozen=True, slots=True)
class ComponentStatus:
    """One line of the status table."""

    name: str
    health: Health
    pid: int | None
    uptime_s: float | None


Progress = Callable[[str, list[ComponentStatus]], None]
"""Told what is going on while the platform starts."""


def _is_inference_job(command_line: str) -> bool:
    """Tell a running inference job: a restarted platform adopts it instead of ending it."""
    return "include.inference.embedded_" in command_line


class Platform:
    """The embedded platform of one home."""

    def __init__(
        self, layout: Layout, settings: PlatformSettings, environ: Mapping[str, str]
    ) -> None:
        self.layout = layout
        self._environ = dict(environ)
        self.settings = settings
        self.manager = ProcessManager(
            run_dir=layout.run, logs_dir=layout.logs, platform_id=platform_id(layout)
        )
        self.components = components(settings)

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> Platform:
        """Build the platform that the environment names.

        Raises:
            ConfigurationError: A `FEX_PLATFORM__*` variable is wrong.
        """
        return cls(Layout.from_environment(environ), load_platform_settings(environ), environ)

    def api(self, user: str = ADMIN) -> AirflowApi:
        """Return a client of this platform's Airflow, as one of its users."""
        return AirflowApi(
            self.settings.base_url,
            user=user,
            read_password=partial(read_password, self.layout, user),
        )

    def environment(self) -> dict[str, str]:
        """Return the environment of the platform's processes."""
        secrets = ensure_secrets(self.layout)
        return child_environment(self.layout, self.settings, secrets, self._environ)

    def status(self) -> list[ComponentStatus]:
        """Return the state of each component."""
        records = {
            component.name: self.manager.find(component.name) for component in self.components
        }
        # Whoever answers on the port while our server is down is somebody else.
        report = None
        if records[API_SERVER]:
            with self.api() as api:
                report = api.health()
        return [
            _line(
                component,
                records[component.name],
                judge(component, records[component.name], report),
            )
            for component in self.components
        ]

    def is_up(self) -> bool:
        """Tell whether every component is healthy."""
        return all(line.health is Health.HEALTHY for line in self.status())

    def up(self, progress: Progress) -> bool:
        """Start what does not run and wait until all is healthy.

        Returns:
            False when everything was up already.

        Raises:
            ConfigurationError: A setting is wrong; nothing was started.
            PortTakenError: Another process has the port.
            StartError: A component ended or did not get healthy in time.
        """
        settings = load_settings({**fex_defaults(self.layout), **self._environ})
        require_known(decided_by(settings), {name: role != VIEWER for name, role in USERS.items()})
        self.layout.create()
        with self._exclusive():
            env = self.environment()
            registered = has_champion(env)
            if registered and self.is_up():
                return False
            missing = [item for item in self.components if not self.manager.find(item.name)]
            self._clear_leftovers(missing)
            if API_SERVER in {item.name for item in missing}:
                require_free(self.settings.api_host, self.settings.api_port)
            self._migrate(env, progress)
            self._write_down_settings(env)
            # Beside the components: it needs none of them.
            bootstrap = None
            if not registered:
                bootstrap = self._spawn(BOOTSTRAP, [BOOTSTRAP_MODULE], env)
            try:
                self._start(missing, env, progress)
            except BaseException:
                # Half a platform helps nobody and holds the port.
                self._stop([item.name for item in missing])
                raise
            # Without a model the UI and everything published stay of use: no reason to stop.
            if bootstrap:
                self._wait_for(bootstrap, self.settings.start_timeout_s, progress)
            return True

    def down(self) -> tuple[list[str], int]:
        """Stop everything; data and history stay.

        Returns:
            The components that had to be killed, and how many processes outside
            their groups were ended.
        """
        self.layout.create()
        with self._exclusive():
            killed = self._stop([item.name for item in self.components])
            return killed, self._stop_inference_jobs() + self.manager.sweep()

    def _start(self, missing: list[Component], env: dict[str, str], progress: Progress) -> None:
        for item in missing:
            self.manager.start(item.name, item.command(), env=env, cwd=PROJECT_ROOT)
        self._wait_healthy(progress)

    def _stop(self, names: list[str]) -> list[str]:
        """Stop components; return those that had to be killed."""
        timeout_s = self.settings.stop_timeout_s
        # The scheduler first: its tasks report their end through the API server.
        first = [name for name in names if name == SCHEDULER]
        killed = self.manager.stop([*first, BOOTSTRAP, MIGRATE], timeout_s=timeout_s)
        others = [name for name in names if name != SCHEDULER]
        return killed + self.manager.stop(others, timeout_s=timeout_s)

    def _stop_inference_jobs(self) -> int:
        from include.jobs.processes import stop_all

        return len(stop_all(self.layout.jobs))

    def _clear_leftovers(self, missing: list[Component]) -> None:
        """End what a component that was killed has left running; it would work twice."""
        names = [item.name for item in missing] + [BOOTSTRAP, MIGRATE]
        self.manager.sweep(components=names, keep=_is_inference_job)

    def _migrate(self, env: dict[str, str], progress: Progress) -> None:
        """Bring Airflow's database to the installed version; skipped when it is there already."""
        stamp = self.layout.run / "airflow-migrated"
        database = self.layout.airflow_home / "airflow.db"
        version = airflow_version()
        if database.exists() and stamp.exists() and stamp.read_text() == version:
            return
        migration = self._spawn(MIGRATE, ["airflow", "db", "migrate"], env)
        self._wait_for(migration, _MIGRATE_TIMEOUT_S, progress)
        stamp.write_text(version)

    def _write_down_settings(self, env: dict[str, str]) -> None:
        """Note in the audit log with which settings the platform starts."""
        # SQLAlchemy takes a moment to import, and a platform that is up needs none of it.
        from include.ledger.ledger import Ledger
        from include.pipeline.trail import person_of_this_host, settings_started_with

        settings = load_settings(env)
        ledger = Ledger.open(settings.storage.ledger_url)
        settings_started_with(ledger, settings, who=person_of_this_host())

    def _spawn(self, name: str, module: list[str], env: dict[str, str]) -> ProcessRecord:
        command = [sys.executable, "-m", *module]
        return self.manager.start(
            name, command, env={**env, COMPONENT_VARIABLE: name}, cwd=PROJECT_ROOT
        )

    def _wait_for(self, record: ProcessRecord, timeout_s: float, progress: Progress) -> None:
        """Wait until a process that only prepares something has ended well.

        Raises:
            StartError: It failed or takes too long.
        """
        started = time.monotonic()
        while (exit_status := self.manager.exit_status(record)) is None:
            if time.monotonic() - started > timeout_s:
                self.manager.stop([record.name], timeout_s=2.0)
                raise StartError(self._failure(record.name, f"took longer than {timeout_s:.0f} s"))
            progress(record.name, [])
            time.sleep(_POLL_S)
        self.manager.find(record.name)  # removes the record
        if exit_status != 0:
            raise StartError(self._failure(record.name, f"ended with status {exit_status}"))

    def _wait_healthy(self, progress: Progress) -> None:
        started = time.monotonic()
        while True:
            lines = self.status()
            progress("start", lines)
            if all(line.health is Health.HEALTHY for line in lines):
                return
            for line in lines:
                if line.health is Health.STOPPED:
                    raise StartError(self._failure(line.name, "ended while it was starting"))
            if time.monotonic() - started > self.settings.start_timeout_s:
                late = next(line.name for line in lines if line.health is not Health.HEALTHY)
                problem = f"is not healthy after {self.settings.start_timeout_s:.0f} s"
                raise StartError(self._failure(late, problem))
            time.sleep(_POLL_S)

    def _failure(self, name: str, problem: str) -> str:
        log = self.manager.log_file(name)
        with contextlib.suppress(OSError):
            tail = log.read_text(errors="replace").splitlines()[-_LOG_LINES:]
            return "\n  ".join([f"{name} {problem}. The end of {log}:", *tail])
        return f"{name} {problem}; it wrote no log"

    @contextlib.contextmanager
    def _exclusive(self) -> Iterator[None]:
        """One up or down at a time; a second one waits for the first."""
        with (self.layout.run / "platform.lock").open("w") as guard:
            fcntl.flock(guard, fcntl.LOCK_EX)
            yield


def _line(component: Component, record: ProcessRecord | None, health: Health) -> ComponentStatus:
    return ComponentStatus(
        name=component.name,
        health=health,
        pid=record.pid if record else None,
        uptime_s=max(0.0, time.time() - record.started_at_s) if record else None,
    )
