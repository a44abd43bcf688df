"""Champion and challenger on the same frozen faces, paired.

Each frozen set is measured alone, and all of them as one pool: the pool has the power to
show that little was lost, a single set shows where. The statistics are those of
`ml.evaluation.compare` (paired bootstrap, McNemar's exact test).
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from include.governance.release.documents import Compared, Speed
from ml.data.records import FaceRecord, ImageArray, VoteArray
from ml.data.votes import majority
from ml.evaluation.answers import Answers, OpenPackage
from ml.evaluation.compare import compare
from ml.evaluation.rows import ScoredRows

POOL = "all frozen faces together"

_TIMED_PICTURES = 64
_ROUNDS = 7


def scored_rows(name: str, records: Sequence[FaceRecord], votes: VoteArray) -> ScoredRows | None:
    """Return the faces with a unique majority, None where there are none.

    Args:
        name: What they are, for people.
        records: Faces.
        votes: Theirs, shape (N, 10).
    """
    labels = majority(votes)
    rows = np.flatnonzero(labels >= 0)
    if not len(rows):
        return None
    return ScoredRows(
        name,
        tuple(records[i].key for i in rows.tolist()),
        tuple(records[i].pixels for i in rows.tolist()),
        votes[rows],
        labels[rows],
        len(records) - len(rows),
    )


def pool(sets: Sequence[ScoredRows]) -> ScoredRows:
    """Return all sets as one, a face that is in several of them once."""
    seen: dict[str, tuple[ImageArray, Any, int]] = {}
    for rows in sets:
        for key, image, votes, label in zip(
            rows.keys, rows.images, rows.votes, rows.labels.tolist(), strict=True
        ):
            seen.setdefault(key, (image, votes, label))
    images, votes, labels = zip(*seen.values(), strict=True)
    return ScoredRows(
        POOL,
        tuple(seen),
        tuple(images),
        np.stack(votes),
        np.array(labels, np.int64),
        sum(rows.left_out for rows in sets),
    )


def compare_on(rows: ScoredRows, champion: OpenPackage, challenger: OpenPackage) -> Compared:
    """Let both answer the faces and compare them."""
    answers = [
        Answers(package.name, package.probabilities(rows.images))
        for package in (champion, challenger)
    ]
    first, second = compare(answers, rows.labels)
    return Compared(rows.name, len(rows), first, second)


def measure_speed(
    champion: OpenPackage, challenger: OpenPackage, pictures: Sequence[ImageArray]
) -> Speed:
    """Time both on the same faces, in turns, so that a busy machine is as busy for both.

    Args:
        champion: The model that answers today.
        challenger: The one that may.
        pictures: Faces; the first 64 are used.
    """
    batch = list(pictures[:_TIMED_PICTURES])
    taken: dict[bool, list[float]] = {False: [], True: []}
    for _ in range(_ROUNDS + 1):
        for is_challenger, package in ((False, champion), (True, challenger)):
            started = time.perf_counter()
            package.probabilities(batch)
            taken[is_challenger].append((time.perf_counter() - started) / len(batch) * 1000)
    # The first round of each warms up caches and thread pools.
    return Speed(statistics.median(taken[False][1:]), statistics.median(taken[True][1:]))
