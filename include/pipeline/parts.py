"""Parts of a batch: recordings that one task of a stage takes while others take the rest."""

from __future__ import annotations

import math
from collections.abc import Collection
from itertools import pairwise

from include.composition import Services
from include.ledger.ledger import Recording, State

PART_LENGTH = 20
"""Recordings: a task of `validate` imports for five seconds and judges these in six."""


def parts_of(services: Services, batch_id: str) -> list[list[int]]:
    """Return the ids of a batch's recordings in parts of about equal length, in order.

    Every recording is in one, whatever became of it: a stage that is cleared and run again
    is given the same parts, and takes of each what is in the state that it works on.
    """
    ids = sorted(recording.id for recording in services.ledger.recordings(batch_id))
    count = math.ceil(len(ids) / PART_LENGTH)
    bounds = [len(ids) * number // count for number in range(count + 1)] if count else [0]
    return [ids[start:end] for start, end in pairwise(bounds)]


def of_part(
    services: Services, batch_id: str, part: Collection[int] | None, state: State
) -> list[Recording]:
    """Return the recordings of a part that are in a state.

    Args:
        services: Collaborators.
        batch_id: Whose recordings.
        part: Their ids; None: the whole batch.
        state: The one that a stage works on.
    """
    found = services.ledger.recordings(batch_id, states=(state,))
    if part is None:
        return found
    wanted = set(part)
    return [recording for recording in found if recording.id in wanted]
