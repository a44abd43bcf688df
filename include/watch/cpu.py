"""CPU time of a batch's tasks: one small note each, added up when the batch is settled.

Airflow knows when a task began and ended, not what it used. The note is left by the
listener in `plugins/cpu_time.py` at the end of each try. A try that was killed leaves
none, so the sum is a lower bound.
"""

from __future__ import annotations

import json
import resource
from typing import TYPE_CHECKING

from include.lake import keys

if TYPE_CHECKING:
    from include.lake.store import Lake


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
    content = json.dumps({"task": task, "cpu_s": round(cpu_s, 3)})
    lake.put_bytes(keys.cpu_note(batch_id, task), content.encode())


def noted_cpu_s(lake: Lake, batch_id: str) -> float:
    """CPU seconds of all notes of a batch.

    Raises:
        TransientError: The lake failed for now.
    """
    return float(
        sum(json.loads(lake.get_bytes(key))["cpu_s"] for key in lake.list(keys.cpu_notes(batch_id)))
    )
