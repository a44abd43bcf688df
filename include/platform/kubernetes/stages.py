"""The kinds of worker: what each takes, and how much of a machine it is given."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Stage:
    """Workers, or task pods, for tasks that need the same.

    Attributes:
        name: What tasks say they need; also the queue, the worker set and the pod template.
        setting: The setting that names its queue.
        replicas: Celery workers of the set.
        concurrency: Tasks at a time of one worker.
        cpu: Processors that one task is given, and may use at most.
        memory_mib: Memory that one task is given, and may use at most.
        also: Further queues that its workers take from.
    """

    name: str
    setting: str
    replicas: int
    concurrency: int
    cpu: tuple[float, float]
    memory_mib: tuple[int, int]
    also: tuple[str, ...] = ()

    @property
    def queues(self) -> str:
        """The queues of its workers, as `airflow celery worker --queues` takes them."""
        return ",".join((self.name, *self.also))


WORKER_MIB = 512
"""A Celery worker without a task: its process and its log server."""

STAGES = (
    # They wait: four of them share a core. What is in no queue of ours goes here as well.
    Stage("io", "FEX_QUEUES__IO_BOUND", 1, 4, (0.1, 0.5), (512, 1024), also=("default",)),
    # A recording at a time on one core, with a decoding child beside it that
    # FEX_LIMITS__DECODER_MEMORY_BYTES bounds at 600 MiB.
    Stage("cpu", "FEX_QUEUES__CPU_BOUND", 2, 2, (1.0, 2.0), (1024, 2560)),
    # One worker: an embedded transform job is a process of the worker that started it.
    Stage("gpu", "FEX_QUEUES__ACCELERATED", 1, 1, (2.0, 4.0), (2048, 6144)),
)
