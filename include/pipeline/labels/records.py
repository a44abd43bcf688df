"""The records of all draws, read back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from include.labelling.queue import Draw, read_draw
from include.lake import keys

if TYPE_CHECKING:
    from include.lake.store import Lake


def read_record(lake: Lake, queue_id: str) -> Draw | None:
    """Return one draw, None where there is none of this id.

    Raises:
        ValueError: The record is of another version.
        TransientError: The lake failed for now.
    """
    try:
        return read_draw(lake.get_bytes(keys.label_record(queue_id)))
    except FileNotFoundError:
        return None


def read_draws(lake: Lake) -> list[Draw]:
    """Return every draw, the oldest window first.

    Raises:
        ValueError: A record is of another version.
        TransientError: The lake failed for now.
    """
    found = [read_draw(lake.get_bytes(key)) for key in lake.list(keys.LABEL_RECORDS)]
    return sorted(found, key=lambda draw: (draw.until, draw.queue_id))
