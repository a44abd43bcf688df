"""`python -m include.platform up | down | status`."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Callable

from rich.console import Console
from rich.table import Table

from include.contracts.errors import ConfigurationError, PlatformError
from include.platform.components import SCHEDULER, Health
from include.platform.console import Ticker, components_table, duration, print_addresses
from include.platform.environment import fex_defaults
from include.platform.supervisor import Platform

OK, FAILED, MISUSED, INTERRUPTED = 0, 1, ConfigurationError.exit_status, 130


def main(arguments: list[str] | None = None) -> int:
    """Run one command and return its exit status."""
    parser = argparse.ArgumentParser(prog="python -m include.platform", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("up", help="start the platform and leave it running")
    commands.add_parser("down", help="stop the platform; data and history stay")
    commands.add_parser("status", help="show components, health and recordings")
    chosen = parser.parse_args(arguments)
    command = {"up": up, "down": down, "status": status}[chosen.command]
    return run_command(lambda console: command(Platform.from_environment(os.environ), console))


def run_command(command: Callable[[Console], int]) -> int:
    """Run a command that may start the platform; say in a sentence why it ended early."""
    # Ended from outside like interrupted at the keyboard: what was started is stopped first.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    # In a pipe there is no window to fit a table into.
    width = None if sys.stdout.isatty() else 140
    console, problems = Console(width=width, soft_wrap=True), Console(stderr=True, soft_wrap=True)
    try:
        return command(console)
    except PlatformError as error:
        problems.print(str(error), style="red", markup=False, highlight=False)
        return error.exit_status
    except KeyboardInterrupt:
        problems.print("interrupted; `make down` stops what is running")
        return INTERRUPTED


def up(platform: Platform, console: Console) -> int:
    """Start the platform and say where it is."""
    with Ticker(console) as ticker:
        started = platform.up(ticker.starting)
    took = f"in {duration(ticker.elapsed_s)}" if started else "already"
    console.print(f"The platform is up {took}.")
    print_addresses(platform, console)
    return OK


def down(platform: Platform, console: Console) -> int:
    """Stop the platform."""
    with Ticker(console) as ticker:
        ticker.show("stopping")
        killed, swept = platform.down()
    console.print(f"The platform is down ({duration(ticker.elapsed_s)}).")
    if killed:
        console.print(f"Did not stop in time and was killed: {', '.join(killed)}")
    if SCHEDULER in killed:
        console.print("Tasks that were running start again at the next make up.")
    if swept:
        console.print(f"Ended outside the components' groups: {swept} process(es)")
    return OK


def status(platform: Platform, console: Console) -> int:
    """Show the components and the recordings; fail unless every component is healthy."""
    lines = platform.status()
    console.print(components_table(lines))
    recordings = recordings_table(platform)
    if recordings:
        console.print(recordings)
    if all(line.health is Health.HEALTHY for line in lines):
        print_addresses(platform, console)
        return OK
    stopped = all(line.health is Health.STOPPED for line in lines)
    console.print(
        "The platform is down: make up" if stopped else "Not healthy; make up repairs it."
    )
    return FAILED


def recordings_table(platform: Platform) -> Table | None:
    """Return how many recordings are in each state; None before the first start."""
    url = ledger_url(platform)
    if url.startswith("sqlite:") and not platform.layout.ledger.exists():
        return None
    from include.ledger.ledger import Ledger

    table = Table("recordings", "", title_justify="left")
    for state, count in Ledger.open(url).counts().items():
        table.add_row(str(state), str(count))
    return table


def ledger_url(platform: Platform) -> str:
    """Return the ledger's address as the platform's processes see it."""
    name = "FEX_STORAGE__LEDGER_URL"
    return os.environ.get(name) or fex_defaults(platform.layout)[name]
