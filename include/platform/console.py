"""What the platform commands show: live on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.status import Status
from rich.table import Table

from include.platform.components import Health
from include.platform.credentials import ADMIN
from include.platform.supervisor import BOOTSTRAP, MIGRATE, ComponentStatus, Platform

_STYLES = {Health.HEALTHY: "green", Health.STARTING: "yellow", Health.STOPPED: "red"}
_PHASES = {MIGRATE: "preparing Airflow's database", BOOTSTRAP: "registering the model"}


class Ticker:
    """One line of progress: a spinner on a terminal, else a line whenever the text changes."""

    def __init__(self, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
        self._console = console
        self._clock = clock
        self._started_s = clock()
        self._last = ""
        self._status: Status | None = console.status("") if console.is_terminal else None

    def __enter__(self) -> Self:
        if self._status:
            self._status.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._status:
            self._status.stop()

    @property
    def elapsed_s(self) -> float:
        """Seconds since the ticker was made."""
        return self._clock() - self._started_s

    def show(self, text: str) -> None:
        """Show what is going on now."""
        if self._status:
            self._status.update(f"{text} [dim]{self.elapsed_s:.0f} s[/dim]")
        elif text != self._last:
            self._console.print(f"[{self.elapsed_s:5.1f} s] {text}", markup=False, highlight=False)
        self._last = text

    def starting(self, phase: str, lines: list[ComponentStatus]) -> None:
        """Show how far the start is."""
        if phase in _PHASES:
            self.show(_PHASES[phase])
            return
        done = [line.name for line in lines if line.health is Health.HEALTHY]
        waiting = [line.name for line in lines if line.health is not Health.HEALTHY]
        text = f"healthy: {', '.join(done) or 'none yet'}"
        self.show(text + (f"; starting: {', '.join(waiting)}" if waiting else ""))


def components_table(lines: Sequence[ComponentStatus]) -> Table:
    """Return the table of components."""
    table = Table("component", "health", "pid", "uptime", title="Platform", title_justify="left")
    for line in lines:
        table.add_row(
            line.name,
            f"[{_STYLES[line.health]}]{line.health}[/]",
            str(line.pid or "-"),
            "-" if line.uptime_s is None else duration(line.uptime_s),
        )
    return table


def duration(seconds: float) -> str:
    """Return a duration as people say it: `42 s`, `3 min 5 s`, `2 h 10 min`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min"


def print_addresses(platform: Platform, console: Console) -> None:
    """Say where the UI is, where its password is, and where to drop recordings."""
    layout = platform.layout
    console.print(f"  Airflow    {platform.settings.base_url}", highlight=False)
    console.print(f"  user       {ADMIN}, password in {layout.passwords_file}", highlight=False)
    console.print(f"  drop here  {layout.lake / 'incoming'}/<study>/", highlight=False)
    console.print(f"  logs       {layout.logs}", highlight=False)
