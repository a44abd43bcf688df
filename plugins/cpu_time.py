"""A listener that notes the CPU time of each task that works on a batch.

Airflow tells listeners in the process that ran the task, when it is over: what the
process and its ended children have used by then is what the task cost, imports and
all. The sum goes into the figures of the batch (`include.observability.cpu`).
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from airflow.listeners import hookimpl
from airflow.plugins_manager import AirflowPlugin

if TYPE_CHECKING:
    from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance

log = logging.getLogger(__name__)

BATCH_ID = "batch_id"
"""The parameter of DAGs whose runs work on one batch."""


class CpuTime:
    """Leaves a note at the end of each try. A try that failed cost money too."""

    @hookimpl
    def on_task_instance_success(self, task_instance: RuntimeTaskInstance) -> None:
        """Called by Airflow."""
        _note(task_instance)

    @hookimpl
    def on_task_instance_failed(self, task_instance: RuntimeTaskInstance) -> None:
        """Called by Airflow; by the scheduler too, for tasks whose process is gone."""
        _note(task_instance)


def _note(task_instance: object) -> None:
    from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance

    # The scheduler's own kind of task instance: this is not the process that ran the task.
    if not isinstance(task_instance, RuntimeTaskInstance):
        return
    try:
        batch_id = task_instance.get_template_context()["params"].get(BATCH_ID)
        if not batch_id:
            return
        from include.composition import build_services
        from include.observability.cpu import note, process_cpu_s

        task = f"{task_instance.task_id}/{task_instance.map_index}/{task_instance.try_number}"
        note(build_services().lake, batch_id, task, process_cpu_s())
    except Exception:  # a task must not fail for want of a note
        log.exception("no note of the CPU time of %s", task_instance.task_id)


class CpuTimePlugin(AirflowPlugin):
    """Registers the listener."""

    name = "cpu_time"
    listeners = [CpuTime()]  # noqa: RUF012 - Airflow's signature
