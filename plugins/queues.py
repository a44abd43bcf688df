"""Which queue a task waits in: by what it needs of its worker, where a setting names one."""

from __future__ import annotations

from typing import Literal

from include.settings import load_settings

Needs = Literal["io", "cpu", "gpu"]


def on(needs: Needs) -> dict[str, str]:
    """Return the `queue` of a task, as arguments of its decorator or operator.

    Args:
        needs: `io` waits for a store or a service, `cpu` computes for minutes, `gpu` runs or
            trains the model.

    Returns:
        Nothing where `FEX_QUEUES__*` names no queue: then it is Airflow's default queue, which
        every worker takes from. The embedded platform's executor knows no queues.
    """
    queues = load_settings().queues
    named = {"io": queues.io_bound, "cpu": queues.cpu_bound, "gpu": queues.accelerated}
    name = named[needs]
    return {"queue": name} if name else {}
