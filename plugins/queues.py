"""Where a task runs, by what it needs of its worker: a queue, or the template of its pod."""

from __future__ import annotations

from typing import Any, Literal

from include.settings import load_settings

Needs = Literal["io", "cpu", "gpu"]


def on(needs: Needs) -> dict[str, Any]:
    """Return where a task runs, as arguments of its decorator or operator.

    Args:
        needs: `io` waits for a store or a service, `cpu` computes for minutes, `gpu` runs or
            trains the model.

    Returns:
        A `queue` where `FEX_QUEUES__*` names one; else it is Airflow's default queue, which
        every worker takes from. An `executor_config` where `FEX_QUEUES__POD_TEMPLATES` names a
        folder: the KubernetesExecutor knows no queues. The embedded platform's executor knows
        neither.
    """
    queues = load_settings().queues
    where: dict[str, Any] = {}
    if name := queues.by_need.get(needs):
        where["queue"] = name
    if queues.pod_templates:
        where["executor_config"] = {"pod_template_file": f"{queues.pod_templates}/{needs}.yaml"}
    return where
