"""What all answers together say: the folder for training, the summary and page for people.

All of it is a function of the receipts. The summary names those it was made of and is
written last: when it is behind, everything is made anew, whoever crashed in between.
"""

from __future__ import annotations

import posixpath
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from include.composition import build_metric_sink
from include.contracts.identity import stable_hash
from include.labelling.agreement import Agreement, agreement
from include.labelling.folder import IMAGE_FOLDER, LABEL_FILE, label_table, picture_file
from include.labelling.overview import render_overview
from include.labelling.queue import Draw
from include.labelling.summary import SUMMARY, FileRead, LabelSummary, QueueAnswered
from include.labelling.tasks import picture_name
from include.labelling.votes import counts
from include.lake import keys
from include.observability.sink import Metric, Unit
from include.pipeline.labelling.queue import PICTURES
from include.pipeline.labelling.receipts import Receipt, all_votes, known_objects, read_receipts
from include.pipeline.labelling.records import read_draws, read_standing_draws

if TYPE_CHECKING:
    from include.composition import Services
    from include.lake.store import Lake

VERSION = 2
"""Raised when the same answers would be written in another form."""

_PICTURE = picture_name("")

Votes = Mapping[str, npt.NDArray[np.int64]]


def refresh(services: Services) -> tuple[bool, int]:
    """Make the tables anew where they are behind the receipts, or consent was withdrawn.

    Returns:
        Whether the labels are others than before, and how many faces have a label.

    Raises:
        TransientError: The lake failed for now.
    """
    before = read_summary(services.lake)
    known = sorted(known_objects(services.lake))
    if not known:
        return False, 0
    draws = read_standing_draws(services)
    withdrawn = _asked(read_draws(services.lake)) - _asked(draws)
    state = stable_hash({"version": VERSION, "receipts": known, "withdrawn": sorted(withdrawn)})
    if before.state == state:
        return False, before.faces
    receipts = read_receipts(services.lake)
    votes = [vote for vote in all_votes(services.lake, receipts) if vote.row_id not in withdrawn]
    pictures = _copy_pictures(services.lake, draws, {vote.row_id for vote in votes})
    table = label_table(votes, pictures)
    services.lake.put_bytes(f"{keys.LABEL_ANNOTATIONS}/{LABEL_FILE}", table)
    labels_id = stable_hash({"table": table.decode()}) if votes else ""
    counted = counts(votes)
    summary = LabelSummary(
        state=state,
        labels_id=labels_id,
        updated_at=services.ledger.clock().isoformat(),
        faces=len(counted),
        faces_without_picture=len(counted.keys() - pictures),
        votes=len(votes),
        annotators=len({vote.annotator for vote in votes}),
        answers=dict(Counter(vote.label for vote in votes)),
        agreement=_agreement(draws, counted),
        queues=tuple(_queue(draw, counted) for draw in reversed(draws)),
        files=tuple(_file(receipt) for receipt in reversed(receipts)),
    )
    services.lake.put_bytes(keys.LABEL_PAGE, render_overview(summary))
    services.lake.write(SUMMARY, keys.LABEL_SUMMARY, summary)
    _emit(services, summary)
    return labels_id != before.labels_id, len(counted)


def _asked(draws: Sequence[Draw]) -> set[str]:
    return {row_id for draw in draws for row_id in draw.asked}


def _copy_pictures(lake: Lake, draws: Sequence[Draw], row_ids: set[str]) -> set[str]:
    """Put the shown crop of each labelled face into the folder; return those that are there."""
    folder = f"{keys.LABEL_ANNOTATIONS}/{IMAGE_FOLDER}"
    there = {key.rpartition("/")[2] for key in lake.list(folder)}
    found: set[str] = set()
    for draw in draws:
        for row_id in draw.asked & row_ids:
            name = picture_file(row_id)
            if name not in there:
                shown = f"{keys.label_queue(draw.queue_id)}/{PICTURES}/{picture_name(row_id)}"
                try:
                    lake.put_bytes(f"{folder}/{name}", lake.get_bytes(shown))
                except FileNotFoundError:
                    continue
            found.add(row_id)
    return found


def _agreement(draws: Sequence[Draw], votes: Votes) -> Agreement | None:
    """How far annotators agree, over the labelled faces of these draws."""
    people = {
        item.instant.row_id: item.instant.respondent
        for draw in draws
        for item in draw.selected
        if item.instant.row_id in votes
    }
    if not people:
        return None
    stacked = np.stack([votes[row_id] for row_id in people])
    return agreement(stacked, list(people.values()))


def _queue(draw: Draw, votes: Votes) -> QueueAnswered:
    answered = [votes[row_id].sum() for row_id in draw.asked if row_id in votes]
    return QueueAnswered(
        queue_id=draw.queue_id,
        since=draw.since.isoformat(),
        until=draw.until.isoformat(),
        frame=draw.frame_n,
        asked=len(draw.selected),
        labelled=len(answered),
        labelled_twice=sum(int(number >= 2) for number in answered),
        agreement=_agreement([draw], votes),
    )


def _file(receipt: Receipt) -> FileRead:
    return FileRead(
        key=receipt.key,
        received_at=receipt.received_at,
        votes=receipt.votes,
        unknown_rows=receipt.unknown_rows,
        ignored=receipt.ignored,
        superseded=receipt.superseded,
        reason=receipt.reason,
    )


def _emit(services: Services, summary: LabelSummary) -> None:
    now = services.ledger.clock()
    metrics = [
        Metric("LabelledFaces", summary.faces, Unit.COUNT, now),
        Metric("LabelAnnotators", summary.annotators, Unit.COUNT, now),
    ]
    found = summary.agreement
    if found is not None and found.alpha.is_defined:
        metrics.append(Metric("LabelAgreementAlpha", found.alpha.value, Unit.NONE, now))
    build_metric_sink(services).emit(metrics)


def remake(services: Services) -> None:
    """Make the tables anew although no receipt is new: votes or pictures were erased.

    Raises:
        TransientError: The lake failed for now; the next refresh makes them anew, then.
    """
    services.lake.delete(keys.LABEL_SUMMARY)
    refresh(services)


def pictures_of(lake: Lake, owns: Callable[[str], bool]) -> Iterator[str]:
    """Yield the keys of crops that annotators were shown, and of their copies for training.

    Args:
        lake: The lake.
        owns: Whether a row id is one of those looked for.

    Raises:
        TransientError: The lake failed for now.
    """
    for prefix in (keys.LABEL_QUEUES, f"{keys.LABEL_ANNOTATIONS}/{IMAGE_FOLDER}"):
        for key in lake.list(prefix):
            name = posixpath.basename(key)
            if name.endswith(_PICTURE) and owns(name.removesuffix(_PICTURE)):
                yield key


def read_summary(lake: Lake) -> LabelSummary:
    """Return the summary, empty before the first answer.

    Raises:
        DocumentError: It is none; names the field.
        TransientError: The lake failed for now.
    """
    return lake.find(SUMMARY, keys.LABEL_SUMMARY) or LabelSummary()
