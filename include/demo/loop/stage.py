"""What every step of the demonstration works with, and what it leaves behind."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from include.contracts.errors import PlatformError, TransientError
from include.lake.store import Lake
from include.ledger.ledger import Ledger
from include.platform.api import AirflowApi, NotThereError, RefusedError
from include.platform.console import Ticker
from include.platform.following import until
from include.platform.supervisor import Platform
from include.settings import StorageSettings
from include.statistics.estimate import Estimate
from ml.registry.mlflow import MlflowRegistry
from ml.registry.protocol import ModelRegistry

RUN_TIMEOUT_S = 3600.0
"""Of one wait: a busy machine is slow, and what is going on is shown meanwhile."""
_ANSWER_TIMEOUT_S = 180.0
"""Until Airflow answers one request."""
_ENDED = ("success", "failed")
_PARKED = "awaiting_input"


class StepFailedError(PlatformError):
    """A step did not come out as it is told."""


@dataclass(frozen=True, slots=True)
class Told:
    """What a step did, from what the platform wrote.

    Attributes:
        step: Its name.
        decided: What was found or decided, with figures.
        run: DAG and run to look at in Airflow, if there is one.
        path: File in the lake to look at, if there is one.
        figures: The same for machines.
        took_s: How long the step took.
    """

    step: str
    decided: str
    run: tuple[str, str] | None = None
    path: Path | None = None
    figures: dict[str, Any] = field(default_factory=dict)
    took_s: float = 0.0


class Stage:
    """The platform of the demonstration, seen from outside: REST, lake, ledger, registry.

    Args:
        platform: Up.
        api: Its Airflow, as admin.
        ticker: Where progress is shown.
        model: Name of the registered model.
    """

    def __init__(self, platform: Platform, api: AirflowApi, ticker: Ticker, model: str) -> None:
        layout = platform.layout
        self.platform = platform
        self.api = api
        self.ticker = ticker
        self.model = model
        self.folder: Path = layout.lake
        self.lake = Lake.open(StorageSettings(lake_url=layout.lake.as_uri()))
        self.ledger = Ledger.open(f"sqlite:///{layout.ledger}")

    def registry(self) -> ModelRegistry:
        """Return the embedded registry."""
        layout = self.platform.layout
        return MlflowRegistry(
            tracking_uri=f"sqlite:///{layout.mlflow_database}",
            artifact_uri=layout.mlflow_artifacts.as_uri(),
        )

    def path(self, key: str) -> Path:
        """Return where a key of the lake lies on this machine."""
        return self.folder / key

    # --- runs ---

    def run(self, dag_id: str, conf: dict[str, object] | None = None) -> str:
        """Start a run and wait for its good end; return its id."""
        run_id = self.api.trigger(dag_id, conf)
        self.finish(dag_id, run_id)
        return run_id

    def finish(self, dag_id: str, run_id: str) -> None:
        """Wait for the good end of a run.

        Raises:
            StepFailedError: It failed, or takes too long.
        """
        state = self.wait(lambda: self.ended(dag_id, run_id), dag_id, run_id)
        if state != "success":
            raise self.failed(dag_id, run_id, f"ended as {state}")

    def wait(self, look: Callable[[], Any], dag_id: str, run_id: str) -> Any:
        """Wait for something about a run, showing which task runs.

        Raises:
            StepFailedError: It takes too long.
        """

        def showing() -> Any:
            self.ticker.show(f"{dag_id}: {self._working(dag_id, run_id)}")
            return look()

        found = until(self.platform, showing, self.ticker, RUN_TIMEOUT_S)
        if found is None:
            raise self.failed(dag_id, run_id, f"is not there after {RUN_TIMEOUT_S:.0f} s")
        return found

    def ended(self, dag_id: str, run_id: str) -> str | None:
        """Return how a run ended, None while it has not."""
        for run in self.api.dag_runs(dag_id):
            if run["dag_run_id"] == run_id:
                return str(run["state"]) if run["state"] in _ENDED else None
        return None

    def started_since(self, dag_id: str, moment: datetime) -> str:
        """Wait for a run that the platform starts by itself; return its id."""

        def look() -> str | None:
            runs = self.api.dag_runs(dag_id, since=moment)
            return str(runs[0]["dag_run_id"]) if runs else None

        self.ticker.show(f"waiting for {dag_id} to start by itself")
        found = until(self.platform, look, self.ticker, RUN_TIMEOUT_S)
        if found is None:
            raise StepFailedError(f"{dag_id} did not start within {RUN_TIMEOUT_S:.0f} s.")
        return found

    def returned(self, dag_id: str, run_id: str, task_id: str) -> Any:
        """Return what a task returned.

        Raises:
            StepFailedError: It returned nothing.
        """

        def look() -> tuple[Any] | None:
            return (self.api.returned(dag_id, run_id, task_id),)

        found = until(self.platform, look, self.ticker, _ANSWER_TIMEOUT_S)
        if found is None:
            raise self.failed(dag_id, run_id, f"has no result of {task_id}")
        return found[0]

    # --- what people are asked ---

    def asked(self, dag_id: str, run_id: str, task_id: str) -> dict[str, Any] | None:
        """Return what a task asks people; None while the run has not come to it.

        Raises:
            StepFailedError: The run ended without asking.
        """
        try:
            return self.api.asked(dag_id, run_id, task_id)
        except NotThereError:
            state = self.ended(dag_id, run_id)
            if state is not None:
                problem = f"ended as {state} without asking {task_id}"
                raise self.failed(dag_id, run_id, problem) from None
            return None

    def require_refusal(self, user: str, dag_id: str, run_id: str, task_id: str) -> None:
        """Have somebody answer who may not, and hold that Airflow refuses it.

        Raises:
            StepFailedError: The answer was taken, or Airflow says neither.
        """
        option = str(self.api.asked(dag_id, run_id, task_id)["options"][0])

        def give() -> bool:
            try:
                client.answer(dag_id, run_id, task_id, option, "")
            except RefusedError:
                return True
            return False

        with self.platform.api(user) as client:
            refused = until(self.platform, give, self.ticker, _ANSWER_TIMEOUT_S)
        if not refused:
            raise self.failed(dag_id, run_id, f"took an answer of {user}, who may not give it")

    def decide(
        self, user: str, dag_id: str, run_id: str, task_id: str, option: str, comment: str
    ) -> None:
        """Answer as a user whenever the task asks, and wait for the good end of the run.

        Airflow asks again when it loses an answer: one that comes within about a second of the
        question is taken, and then the scheduler takes the paused process for a lost one and
        repeats the task.

        Raises:
            StepFailedError: The answer is refused, or the run does not end well.
        """

        def look() -> str | None:
            tasks = self.api.task_instances(dag_id, run_id)
            if any((task["task_id"], task["state"]) == (task_id, _PARKED) for task in tasks):
                try:
                    client.answer(dag_id, run_id, task_id, option, comment)
                except RefusedError as error:
                    raise self.failed(dag_id, run_id, f"refuses the answer of {user}") from error
            return self.ended(dag_id, run_id)

        with self.platform.api(user) as client:
            state = self.wait(look, dag_id, run_id)
        if state != "success":
            raise self.failed(dag_id, run_id, f"ended as {state}")

    # --- where to look ---

    def failed(self, dag_id: str, run_id: str, problem: str) -> StepFailedError:
        """Say what is wrong with a run, and where its logs are."""
        tasks: list[dict[str, Any]] = []
        with suppress(TransientError):
            tasks = self.api.task_instances(dag_id, run_id)
        failed = [str(task["task_id"]) for task in tasks if task["state"] == "failed"]
        logs = self.platform.layout.airflow_home / "logs" / f"dag_id={dag_id}" / f"run_id={run_id}"
        named = f" (failed: {', '.join(failed)})" if failed else ""
        where = f"{self.url(dag_id, run_id)}\n  {logs}"
        return StepFailedError(f"{dag_id} {problem}{named}.\n  {where}")

    def url(self, dag_id: str, run_id: str) -> str:
        """Return where a run is in Airflow's UI."""
        base = self.platform.settings.base_url
        return f"{base}/dags/{dag_id}/runs/{quote(run_id, safe='')}"

    def _working(self, dag_id: str, run_id: str) -> str:
        tasks = self.api.task_instances(dag_id, run_id)
        busy = [str(task["task_id"]) for task in tasks if task["state"] == "running"]
        return ", ".join(busy) or "between two tasks"


def require(held: bool, sentence: str) -> None:  # noqa: FBT001 - reads as a sentence
    """Go on only if what was told came out.

    Raises:
        StepFailedError: It did not.
    """
    if not held:
        raise StepFailedError(sentence)


def timed(step: Callable[[], Told]) -> Told:
    """Do a step and say how long it took."""
    began = time.monotonic()
    told = step()
    return replace(told, took_s=round(time.monotonic() - began, 1))


def to_json(told: Sequence[Told]) -> list[dict[str, Any]]:
    """Return the steps as plain values."""
    return [
        {
            "step": item.step,
            "decided": item.decided,
            "dag": item.run[0] if item.run else None,
            "run": item.run[1] if item.run else None,
            "path": str(item.path) if item.path else None,
            "figures": {name: _plain(figure) for name, figure in item.figures.items()},
            "took_s": item.took_s,
        }
        for item in told
    ]


def _plain(figure: Any) -> Any:
    return figure.to_json() if isinstance(figure, Estimate) else figure
