"""`python -m include.platform.stack`: the production stack on this machine, without an engine.

Without a command: start, analyse a made study, check, show, stop.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
from pathlib import Path

from rich.console import Console
from rich.table import Table

from include.contracts.errors import PlatformError
from include.platform.console import Ticker, duration
from include.platform.credentials import USERS
from include.platform.stack import home as homes
from include.platform.stack.control import COMPOSE_FILE, PORT_VARIABLE, Stack
from include.platform.stack.home import StackHome
from include.platform.stack.state import StackState, Status, read_state
from include.platform.stack.supervisor import Supervisor

OK, FAILED, INTERRUPTED = 0, 1, 130
START_TIMEOUT_S = 300.0
_MIB = 1 << 20


def main(arguments: list[str] | None = None) -> int:
    """Run one command and return its exit status."""
    chosen = _parser().parse_args(arguments)
    console = Console(width=None if sys.stdout.isatty() else 120, soft_wrap=True, markup=False)
    problems = Console(stderr=True, soft_wrap=True, markup=False, highlight=False)
    # Ended from outside like interrupted at the keyboard: what was started is stopped first.
    if chosen.command != "supervise":
        signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        return _run(_stack(chosen), chosen, console)
    except PlatformError as error:
        problems.print(str(error), style="red")
        return error.exit_status
    except KeyboardInterrupt:
        problems.print("interrupted; `make production ARGS=down` stops what is running")
        return INTERRUPTED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make production ARGS=...", description=__doc__)
    parser.add_argument("--home", type=Path, default=homes.DEFAULT, help="data, logs, secrets")
    parser.add_argument("--file", type=Path, default=COMPOSE_FILE, help="the compose file")
    parser.add_argument("--workers", type=int, default=2, help="how many Celery workers")
    parser.add_argument("--port", type=int, help="of the API server, instead of 8080")
    parser.add_argument("--stay", action="store_true", help="leave the stack running at the end")
    parser.add_argument("--keep", action="store_true", help="keep data and logs at the end")
    commands = parser.add_subparsers(dest="command")
    commands.add_parser("up", help="start and leave running")
    commands.add_parser("study", help="analyse a made study on the running stack, and check")
    commands.add_parser("down", help="stop; data and logs stay")
    commands.add_parser("erase", help="stop, and remove data, logs and secrets")
    commands.add_parser("status", help="every service with its health and memory")
    commands.add_parser("supervise", help=argparse.SUPPRESS)
    for name in ("logs", "kill", "stop", "start", "unplug", "plug_in"):
        commands.add_parser(name).add_argument("service")
    execute = commands.add_parser("exec", help="a command inside a service")
    execute.add_argument("service")
    execute.add_argument("words", nargs=argparse.REMAINDER)
    return parser


def _stack(chosen: argparse.Namespace) -> Stack:
    variables = {name: os.environ[name] for name in (PORT_VARIABLE,) if os.environ.get(name)}
    if chosen.port:
        variables[PORT_VARIABLE] = str(chosen.port)
    home = StackHome(chosen.home.expanduser().resolve())
    running = read_state(home)
    workers = chosen.workers
    if running is not None and chosen.command != "supervise":
        workers = sum(item.name.startswith("worker-") for item in running.instances)
    return Stack(home, workers, variables, chosen.file.resolve())


def _run(stack: Stack, chosen: argparse.Namespace, console: Console) -> int:
    match chosen.command:
        case "supervise":
            Supervisor(
                stack.home, stack.compose, stack.instances, stack.sandbox, stack.network
            ).run()
        case "up":
            return up(stack, console)
        case "down":
            return down(stack, console)
        case "erase":
            status = down(stack, console)
            stack.erase()
            return status
        case "status":
            state = stack.state()
            console.print(services_table(stack, state))
            return OK if state.is_up else FAILED
        case "logs":
            log = stack.home.log(chosen.service)
            sys.stdout.write(log.read_text(errors="replace") if log.exists() else "")
        case "kill" | "stop" | "start" | "unplug" | "plug_in" as name:
            getattr(stack, name)(chosen.service)
        case "exec":
            return subprocess.call(stack.execute(chosen.service, chosen.words))
        case "study":
            from include.platform.stack.scenario import run_study

            return run_study(stack, console)
        case _:
            from include.platform.stack.scenario import run_scenario

            return run_scenario(stack, console, stay=chosen.stay, keep=chosen.keep)
    return OK


def up(stack: Stack, console: Console) -> int:
    """Start the stack, wait until it is up, and say where it is."""
    with Ticker(console) as ticker:
        start(stack, ticker)
        took = duration(ticker.elapsed_s)
    console.print(f"The stack is up in {took}.")
    print_addresses(stack, console)
    return OK


def start(stack: Stack, ticker: Ticker) -> StackState:
    """Start the stack; what does not come up is stopped again.

    Raises:
        PlatformError: It does not come up.
    """

    def show(state: StackState) -> None:
        late = [item for item in state.instances if not item.is_good]
        running = [item.name for item in late if item.status is not Status.WAITING]
        text = f"starting {', '.join(running)}; {len(late) - len(running)} wait for them"
        ticker.show(text if late else "all services are healthy")

    try:
        return stack.up(show, timeout_s=START_TIMEOUT_S)
    except BaseException:
        stack.down()
        raise


def down(stack: Stack, console: Console) -> int:
    """Stop the stack and say what is left; fail where anything is."""
    with Ticker(console) as ticker:
        ticker.show("stopping")
        left = stack.down()
    for item in left:
        console.print(f"left behind: {item}")
    console.print(f"The stack is down ({duration(ticker.elapsed_s)}).")
    return FAILED if left else OK


def services_table(stack: Stack, state: StackState) -> Table:
    """Return every service with how it stands, its start time and its memory."""
    table = Table(
        *("service", "image here", "status", "health", "start", "starts"),
        *("memory now", "most", "limit", "processes"),
        title="Services",
        title_justify="left",
    )
    for item in state.instances:
        instance, usage = stack.instances[item.name], stack.usage(item.name)
        table.add_row(
            item.name,
            instance.image.stands_in,
            str(item.status),
            str(item.health),
            "-" if item.took_s is None else f"{item.took_s:.0f} s",
            str(item.starts),
            _mib(usage.now_bytes),
            _mib(usage.most_bytes),
            _mib(instance.service.limits.memory_bytes),
            str(usage.processes),
        )
    return table


def print_addresses(stack: Stack, console: Console) -> None:
    """Say where the UI is and where its password is."""
    for name, address in stack.state().ports.items():
        console.print(f"  {name}   http://{address}")
    console.print(f"  users        {', '.join(USERS)}: {stack.home.secrets}/NAME_password")
    console.print(f"  logs         {stack.home.logs}")
    console.print("  stop         make production ARGS=down")


def _mib(value: int | None) -> str:
    return "-" if value is None else f"{value / _MIB:.0f} MiB"
