"""The platform's own record of what was asked, and its join with the answers.

The record keeps what annotators must not see: the design and the model's answers. Without
it no label can be weighted, so it is written before the tasks are.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict

import numpy as np
import numpy.typing as npt

from include.labelling.estimate import LabelledSample
from include.labelling.selection import Instant, Plan, Selected, Stratum

VERSION = 1


def queue_bytes(queue_id: str, plan: Plan, selected: Sequence[Selected]) -> bytes:
    """Return the record of one draw as JSON; same input, same bytes."""
    document = {
        "version": VERSION,
        "queue_id": queue_id,
        "plan": asdict(plan),
        "items": [asdict(item) for item in selected],
    }
    return (json.dumps(document, sort_keys=True) + "\n").encode()


def read_queue(content: bytes) -> list[Selected]:
    """Return what one draw selected.

    Raises:
        ValueError: It is no record of this version.
    """
    document = json.loads(content)
    if document.get("version") != VERSION:
        raise ValueError(f"queue record of version {document.get('version')}, not {VERSION}")
    return [
        Selected(_instant(item["instant"]), Stratum(item["stratum"]), item["inclusion_probability"])
        for item in document["items"]
    ]


def labelled_sample(
    selected: Sequence[Selected],
    votes: Mapping[str, npt.NDArray[np.int64]],
    *,
    abstained: Collection[str],
) -> LabelledSample | None:
    """Join answers with what was asked and published.

    Args:
        selected: Items of one draw, or of several whose frames do not overlap.
        votes: Answers per row id, from `votes.counts`; rows not selected are left out.
        abstained: Row ids published as "not readable" (`low_confidence`).

    Returns:
        The labelled items, or None where none has a label yet.
    """
    answered = [item for item in selected if item.instant.row_id in votes]
    if not answered:
        return None
    unreadable = frozenset(abstained)
    return LabelledSample(
        tuple(item.instant.respondent for item in answered),
        np.array([item.inclusion_probability for item in answered]),
        np.stack([votes[item.instant.row_id] for item in answered]),
        np.array([item.instant.champion for item in answered]),
        np.array([item.instant.row_id in unreadable for item in answered]),
    )


def _instant(value: Mapping[str, object]) -> Instant:
    champion, challenger = value["champion"], value["challenger"]
    return Instant(
        row_id=str(value["row_id"]),
        study=str(value["study"]),
        recording=str(value["recording"]),
        respondent=str(value["respondent"]),
        face_id=str(value["face_id"]),
        champion=_probabilities(champion),
        challenger=None if challenger is None else _probabilities(challenger),
    )


def _probabilities(value: object) -> tuple[float, ...]:
    if not isinstance(value, list):
        raise ValueError(f"{value!r} is no list of probabilities")  # noqa: TRY004 (a bad file)
    return tuple(float(number) for number in value)
