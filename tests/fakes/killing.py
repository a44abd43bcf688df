"""Processes that are killed at a chosen step of what they write: SIGKILL, for real.

A step is a write to the lake, to the ledger's books of retraining and re-analyses, to MLflow's
store or to AWS. `survive` makes a world for each step of a job: there it is killed before
that write, what the death left is checked, and the job is repeated to its end.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

_MLFLOW = ("set_model_version_tag", "set_registered_model_alias", "delete_registered_model_alias")
_BOOK = ("finish", "close_job", "start")
_REANALYSES = ("open", "mark_published", "leave_out", "mark_in_front")
_LAKE = ("put_bytes", "put_if_absent", "put_file", "delete_prefix")
_AWS = ("UpdateModelPackage", "CreateModelPackage", "PutObject", "StopTrainingJob")
_MOST_STEPS = 60
_LAKE_THREADS = "tokio-rt-worker"

Step = Callable[[], None]


def survive(
    enter: Callable[[int], None], prepare: Step, job: Step, check: Step, ended: Step
) -> int:
    """Kill a job before each of its steps, and repeat it; return how many steps it has.

    Every function runs in forked children alone: this process must not have used the lake,
    whose threads do not survive a fork. It fails at once where they are there.

    Args:
        enter: Names a world of its own by the environment, for the step of that number.
        prepare: Makes the world.
        job: What is killed and repeated.
        check: What must hold after the death.
        ended: What must hold at the end.
    """
    threads = {path.read_text().strip() for path in Path("/proc/self/task").glob("*/comm")}
    assert _LAKE_THREADS not in threads, "run this file of tests in a process of its own"
    for step in range(1, _MOST_STEPS):
        enter(step)
        assert not _run(0, prepare)
        died = _run(step, job)
        if died:
            assert not _run(0, job, before=check)
        assert not _run(0, ended)
        if not died:
            return step - 1
    raise AssertionError(f"no end within {_MOST_STEPS} steps")


def _run(step: int, job: Step, before: Step | None = None) -> bool:
    """Run a job in a child; True when it was killed before its `step`-th write."""
    child = multiprocessing.get_context("fork").Process(target=_child, args=(step, job, before))
    child.start()
    child.join()
    if child.exitcode == -signal.SIGKILL:
        return True
    assert child.exitcode == 0, f"{job} ended with {child.exitcode}"
    return False


def _child(step: int, job: Step, before: Step | None) -> None:
    if before is not None:
        before()
    _arm(step)
    job()


def _arm(step: int) -> None:
    """Let this process die before its `step`-th write; 0: never."""
    import botocore.client

    from include.lake.store import Lake
    from include.ledger.reanalysis import ReanalysisBook
    from include.ledger.retraining import RetrainingBook

    left = step

    def count() -> None:
        nonlocal left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def counted(owner: type, name: str) -> None:
        original = getattr(owner, name)

        def method(*arguments: Any, **named: Any) -> Any:
            count()
            return original(*arguments, **named)

        setattr(owner, name, method)

    owners = [(Lake, _LAKE), (RetrainingBook, _BOOK), (ReanalysisBook, _REANALYSES)]
    if "mlflow" in sys.modules:
        owners.append((sys.modules["mlflow"].MlflowClient, _MLFLOW))
    for owner, names in owners:
        for name in names:
            counted(owner, name)
    call = botocore.client.BaseClient._make_api_call

    def make_api_call(client: Any, operation: str, parameters: Any) -> Any:
        if operation in _AWS:
            count()
        return call(client, operation, parameters)

    botocore.client.BaseClient._make_api_call = make_api_call
