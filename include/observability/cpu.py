"""CPU time of a batch's tasks: one small note each, added up when the batch is settled.

Airflow knows when a task began and ended, not what it used. The note is left by the
listener in `plugins/cpu_time.py` at the end of each try. A try that was killed leaves
none, so the sum is a lower bound.
"""

from __future__ import annotations

import resource
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from include.contracts.documents import Form
from include.lake import keys

if TYPE_CHECKING:
    from include.lake.store import Lake


@dataclass(frozen=True, slots=True)
class Note:
    """CPU seconds of one try of a task."""

    task: str
    cpu_s: float


NOTE = Form(Note, decimals=3)


def process_cpu_s() -> float:
    """CPU seconds of this process and of its children that have ended, user and system."""
    return sum(
        usage.ru_utime + usage.ru_stime
        for usage in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    )


def note(lake: Lake, batch_id: str, task: str, cpu_s: float) -> None:
    """Leave a note for one try of a task; the same try again replaces it.

    Args:
        lake: Where notes are.
        batch_id: The batch the task worked on.
        task: Identity of the try in the batch: task, map index, try number.
        cpu_s: CPU seconds.

    Raises:
        TransientError: The lake failed for now.
    """
    lake.write(NOTE, keys.cpu_note(batch_id, task), Note(task, cpu_s))


def noted_cpu_s(lake: Lake, batch_id: str) -> float:
    """CPU seconds of all notes of a batch.

    Raises:
        TransientError: The lake failed for now.
    """
    return float(sum(found.cpu_s for found in _notes(lake, batch_id)))


def lost_tries(lake: Lake, batch_id: str) -> list[str]:
    """Tries that left no note although a later one of the same task did, in words, sorted.

    Raises:
        TransientError: The lake failed for now.
    """
    noted: dict[tuple[str, int], set[int]] = defaultdict(set)
    for found in _notes(lake, batch_id):
        task, map_index, number = found.task.rsplit("/", 2)
        noted[task, int(map_index)].add(int(number))
    return [
        f"{task if map_index < 0 else f'{task} [{map_index}]'}, try {number}"
        for (task, map_index), numbers in sorted(noted.items())
        for number in range(1, max(numbers))
        if number not in numbers
    ]


def _notes(lake: Lake, batch_id: str) -> Iterator[Note]:
    for key in lake.list(keys.cpu_notes(batch_id)):
        yield lake.read(NOTE, key)
