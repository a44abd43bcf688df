"""The records of all draws, read back."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from include.labelling.queue import DRAW, Draw
from include.lake import keys
from include.pipeline.withdrawals import Withdrawals

if TYPE_CHECKING:
    from include.composition import Services
    from include.lake.store import Lake


def read_record(lake: Lake, queue_id: str) -> Draw | None:
    """Return one draw, None where there is none of this id.

    Raises:
        DocumentError: The record is none; names the field.
        TransientError: The lake failed for now.
    """
    return lake.find(DRAW, keys.label_record(queue_id))


def read_standing_draws(services: Services) -> list[Draw]:
    """Return every draw without the faces of recordings whose consent was withdrawn.

    What is known counts: a table of respondents that cannot be read for a while would take
    labels away and bring them back.

    Raises:
        DocumentError: A record is none; names key and field.
        TransientError: The lake failed for now.
    """
    withdrawals = Withdrawals(services, unread_stay_out=False)
    return [_standing(draw, withdrawals) for draw in read_draws(services.lake)]


def _standing(draw: Draw, withdrawals: Withdrawals) -> Draw:
    kept = tuple(
        item
        for item in draw.selected
        if not withdrawals.holds(item.instant.study, item.instant.recording)
    )
    row_ids = {item.instant.row_id for item in kept}
    return replace(draw, selected=kept, abstained=draw.abstained & row_ids)


def read_draws(lake: Lake) -> list[Draw]:
    """Return every draw, the oldest window first.

    Raises:
        DocumentError: A record is none; names key and field.
        TransientError: The lake failed for now.
    """
    found = [lake.read(DRAW, key) for key in lake.list(keys.LABEL_RECORDS)]
    return sorted(found, key=lambda draw: (draw.until, draw.queue_id))
