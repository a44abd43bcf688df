"""`make production`: the stack from nothing to published reports, and back to nothing."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console
from rich.table import Table

from include.contracts.errors import TransientError
from include.platform.api import AirflowApi
from include.platform.console import Ticker, duration
from include.platform.credentials import USERS
from include.platform.stack.checks import (
    ANALYSIS,
    INTAKE,
    not_once,
    undone,
    workers_of,
)
from include.platform.stack.cli import FAILED, OK, down, print_addresses, services_table, start
from include.platform.stack.control import Stack
from include.platform.stack.errors import StackError
from include.platform.stack.instances import SCALED
from include.platform.stack.leaks import ChildWatch, leaks, secrets_of
from include.platform.stack.observer import Observer, Outcome
from include.platform.stack.study import Expected, surprises, write_study

OPERATOR = "operator"
"""Data operations: the user who starts and watches runs."""
_FOLDER = "study"
_RECORDINGS = 2
_SETTLE_S = 300.0
_DAGS_S = 90.0
_UNDONE_S = 30.0
_POLL_S = 1.0


def run_scenario(stack: Stack, console: Console, *, stay: bool, keep: bool) -> int:
    """Start, analyse a made study, check, show; stop unless it is to stay.

    Returns:
        0 when everything became what it had to and, once stopped, nothing is left.

    Raises:
        PlatformError: The stack does not start.
    """
    stack.home.create()
    status = FAILED
    with made_folder(stack) as made, ExitStack() as ending:
        with ThreadPoolExecutor(1) as pool, Ticker(console) as ticker:
            study = pool.submit(write_study, made / _FOLDER, _RECORDINGS)
            start(stack, ticker)
            ending.callback(down, stack, console)
            console.print(f"The stack is up after {duration(ticker.elapsed_s)}.")
            status = _analyse(stack, made, study, ticker, console)
        console.print(services_table(stack, stack.state()))
        ending.pop_all()
    if stay:
        print_addresses(stack, console)
    elif down(stack, console) != OK:
        status = FAILED
    elif status == OK and not keep:
        stack.erase()
    else:
        console.print(f"Data and logs stay in {stack.home.folder}.")
    return status


@contextmanager
def made_folder(stack: Stack) -> Iterator[Path]:
    """Give a folder for recordings that the stack's user may read; removed at the end."""
    with TemporaryDirectory(prefix="made-", dir=stack.home.folder) as made:
        folder = Path(made)
        folder.chmod(0o755)  # inside a home that is its owner's alone
        yield folder


def run_study(stack: Stack, console: Console) -> int:
    """Analyse a made study on a stack that runs, and check.

    Raises:
        StackError: None runs.
    """
    stack.state()
    with made_folder(stack) as made, Ticker(console) as ticker:
        study: Future[Expected] = Future()
        study.set_result(write_study(made / _FOLDER, _RECORDINGS))
        return _analyse(stack, made, study, ticker, console)


def _analyse(
    stack: Stack, shared: Path, made: Future[Expected], ticker: Ticker, console: Console
) -> int:
    """Drop the study, follow it and check; say what is wrong."""
    name = f"study-{datetime.now(UTC):%H%M%S}"
    told = refused(stack)
    watch = ChildWatch(stack.home)
    with api_of(stack) as api, Observer(stack, shared) as observer, watch:
        wait_for_dags(api, ticker)
        expected = made.result()
        observer.drop(name, _FOLDER)
        dropped_s = time.monotonic()
        outcomes = follow(api, observer, name, expected, ticker, _SETTLE_S)
        took = duration(time.monotonic() - dropped_s)
        console.print(outcome_table(outcomes))
        console.print(f"{took} after they were dropped.")
        told += surprises(expected, outcomes)
        told += wait_until_done(api, observer, ticker)
        rows = list(outcomes.values())
        told += not_once(observer, rows)
        hosts = workers_of(api, rows)
        told += observer.tables_holding(secrets_of(stack.home))
    console.print("Tasks ran on " + ", ".join(f"{h} ({n})" for h, n in sorted(hosts.items())))
    known = {name for name, item in stack.instances.items() if item.service.name == SCALED}
    told += [f"a task names {host}, which is no worker" for host in hosts.keys() - known]
    told += [] if hosts else ["no task names its worker"]
    told += [*leaks(stack.home), *watch.told()]
    for problem in told:
        console.print(f"wrong: {problem}")
    return FAILED if told else OK


def api_of(stack: Stack, user: str = OPERATOR) -> AirflowApi:
    """Return a client of the stack's Airflow, through its published port, as one of its users."""
    address = stack.state().ports["api-server"]
    password = stack.home.secrets / f"{user}_password"
    return AirflowApi(f"http://{address}", user=user, read_password=password.read_text)


def refused(stack: Stack) -> list[str]:
    """Log in as every user; return those who cannot, in words."""
    told = []
    for user in USERS:
        with api_of(stack, user) as api:
            try:
                api.log_in()
            except TransientError as error:
                told.append(f"{user} cannot log in: {error}")
    return told


def wait_for_dags(api: AirflowApi, ticker: Ticker) -> None:
    """Log in and wait until the DAGs are known.

    Raises:
        StackError: They do not come.
    """
    deadline = time.monotonic() + _DAGS_S
    while True:
        ticker.show("waiting for the DAGs to be read")
        problem = ""
        try:
            known = api.dags()
        except TransientError as error:
            known, problem = {}, str(error)
        if {INTAKE, ANALYSIS} <= known.keys():
            return
        if time.monotonic() > deadline:
            raise StackError(f"The DAGs do not appear: {problem or sorted(known)}")
        time.sleep(_POLL_S)


def follow(
    api: AirflowApi,
    observer: Observer,
    study: str,
    expected: Expected,
    ticker: Ticker,
    timeout_s: float,
) -> dict[str, Outcome]:
    """Wait until every recording of a study has reached an end; return where each stands then.

    Faults of the stack meanwhile are waited out: whether it recovers is what is watched.
    """
    deadline = time.monotonic() + timeout_s
    since = datetime.now(UTC)
    outcomes: dict[str, Outcome] = {}
    while time.monotonic() < deadline:
        try:
            outcomes = observer.recordings(study)
            if expected.keys() <= outcomes.keys() and all(
                outcomes[name].is_final for name in expected
            ):
                break
            wake_intake(api, since)
        except TransientError as error:
            ticker.show(f"waiting: {str(error)[:100]}")
        else:
            ticker.show("recordings: " + _counted(outcomes))
        time.sleep(_POLL_S)
    return outcomes


def wake_intake(api: AirflowApi, since: datetime) -> None:
    """Start an intake unless one is on its way: its own schedule is once a minute."""
    runs = api.dag_runs(INTAKE, since=since)
    if not any(run["state"] in ("queued", "running") for run in runs):
        api.trigger(INTAKE)


def wait_until_done(api: AirflowApi, observer: Observer, ticker: Ticker) -> list[str]:
    """Give runs the time to close their books; return what is still undone then."""
    deadline = time.monotonic() + _UNDONE_S
    while (left := undone(api, observer)) and time.monotonic() < deadline:
        ticker.show("closing the runs")
        time.sleep(_POLL_S)
    return left


def _counted(outcomes: Mapping[str, Outcome]) -> str:
    states = [str(outcome.state) for outcome in outcomes.values()]
    return (
        ", ".join(f"{states.count(state)} {state}" for state in sorted(set(states))) or "none yet"
    )


def outcome_table(outcomes: Mapping[str, Outcome]) -> Table:
    """Return where each recording stands."""
    table = Table("recording", "state", "reason", "attempts", title="Study", title_justify="left")
    for name, row in sorted(outcomes.items()):
        table.add_row(name, str(row.state), row.reason_code or "-", str(row.attempts))
    return table
