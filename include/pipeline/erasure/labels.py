"""What the label queue keeps of a person: crops that annotators see, answers, votes, tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from include.labelling.folder import LABEL_FILE
from include.labelling.queue import DRAW, without
from include.labelling.votes import read_votes, votes_bytes
from include.lake import keys
from include.pipeline.labelling import queue, tables
from include.pipeline.labelling.receipts import COPY, VOTES, known_objects
from include.pipeline.labelling.records import read_draws

if TYPE_CHECKING:
    from include.composition import Services
    from include.pipeline.erasure.subject import Subject


def erase(services: Services, subject: Subject) -> dict[str, int]:
    """Take away pictures, items of draws and votes; make pages and tables anew.

    Raises:
        TransientError: The lake failed for now; some of it may be gone.
    """
    pictures = list(tables.pictures_of(services.lake, subject.owns_row))
    for key in pictures:
        services.lake.delete(key)
    queues = _queues(services, subject)
    votes = _votes(services, subject)
    if pictures or queues or votes or _in_table(services, subject):
        tables.remake(services)
    return {"label_pictures": len(pictures), "label_queues": queues, "label_votes": votes}


def _in_table(services: Services, subject: Subject) -> bool:
    """Whether an erasure that was killed left the table for training as it was."""
    try:
        table = services.lake.get_bytes(f"{keys.LABEL_ANNOTATIONS}/{LABEL_FILE}")
    except FileNotFoundError:
        return False
    return subject.named_in(table.decode())


def _queues(services: Services, subject: Subject) -> int:
    """Take their faces out of every draw, and out of what annotators are shown."""
    count = 0
    for draw in read_draws(services.lake):
        cleared = without(draw, subject.extraction_ids)
        if cleared != draw:
            queue.lay_out_again(services, cleared)
            # Last: as long as it names them, a repeated erasure lays the queue out again.
            services.lake.write(DRAW, keys.label_record(draw.queue_id), cleared)
            count += 1
    return count


def _votes(services: Services, subject: Subject) -> int:
    """Take their votes out of what was read, and remove copies of files that name them."""
    count = 0
    for name in sorted(known_objects(services.lake)):
        prefix = keys.label_answer(name)
        count += _kept_votes(services, subject, f"{prefix}/{VOTES}")
        try:
            copy = services.lake.get_bytes(f"{prefix}/{COPY}")
        except FileNotFoundError:
            continue
        if subject.named_in(copy.decode("utf-8", "replace")):
            services.lake.delete(f"{prefix}/{COPY}")
            count += 1
    return count


def _kept_votes(services: Services, subject: Subject, key: str) -> int:
    try:
        votes = read_votes(services.lake.get_bytes(key), key)
    except FileNotFoundError:
        return 0
    kept = [vote for vote in votes if not subject.owns_row(vote.row_id)]
    if len(kept) < len(votes):
        services.lake.put_bytes(key, votes_bytes(kept))
    return len(votes) - len(kept)
