"""Label intake: read answers back from `labels/incoming/`, whoever dropped them.

Each version of a file is read once. Its original stays where it is; a copy, its votes and
a receipt go under `labels/answers/`, the receipt last. A file that cannot be read goes to
quarantine with the line named. The tables for training and for people are made anew from
all receipts whenever they are behind (`labels.tables`).
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from include.composition import Services, build_metric_sink, build_notifier
from include.contracts.errors import PermanentInputError, TransientError
from include.contracts.identity import stable_hash
from include.contracts.quarantine import QUARANTINE_REASON, Original, QuarantineReason
from include.contracts.reasons import QuarantineCode
from include.labelling.exports import MAX_BYTES, read_answers
from include.labelling.votes import votes_bytes
from include.lake import keys
from include.observability.notice import Notice, Severity
from include.observability.sink import Metric, Unit
from include.pipeline.labelling import tables
from include.pipeline.labelling.queue import pseudonym_key
from include.pipeline.labelling.receipts import COPY, RECEIPT, VOTES, Receipt, known_objects
from include.pipeline.labelling.records import read_draws
from include.pipeline.scratch import working_folder

if TYPE_CHECKING:
    from include.lake.originals import IncomingObject

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class IntakeSummary:
    """What one run did.

    Attributes:
        read: Files read and accepted.
        quarantined: Files set aside.
        waiting: Files that still change, or could not be read for now.
        votes: Answers accepted from the files of this run.
        changed: Whether the tables were made anew.
        faces: Labelled faces in all.
    """

    read: int
    quarantined: int
    waiting: int
    votes: int
    changed: bool
    faces: int


def run(services: Services) -> dict[str, Any]:
    """Read every new file of answers, then bring the tables up to date.

    Returns:
        The fields of `IntakeSummary`.

    Raises:
        ConfigurationError: There is no pseudonym key.
        TransientError: The lake failed for now; nothing is lost, run again.
    """
    found, waiting = _new_files(services)
    receipts: list[Receipt] = []
    if found:
        key = pseudonym_key(services)
        asked = {row_id for draw in read_draws(services.lake) for row_id in draw.asked}
        for item in found:
            receipt = _read(services, item, asked, key)
            if receipt is None:
                waiting += 1
            else:
                receipts.append(receipt)
    if receipts:
        build_metric_sink(services).emit(list(_metrics(services, receipts)))
    # Last: a run that ends here is repeated, and must find the tables behind to say so.
    changed, faces = tables.refresh(services)
    quarantined = sum(receipt.reason is not None for receipt in receipts)
    return asdict(
        IntakeSummary(
            read=len(receipts) - quarantined,
            quarantined=quarantined,
            waiting=waiting,
            votes=sum(receipt.votes for receipt in receipts),
            changed=changed,
            faces=faces,
        )
    )


def _new_files(services: Services) -> tuple[list[IncomingObject], int]:
    """Return versions without a receipt that have stopped changing, and how many have not."""
    known = known_objects(services.lake)
    stable_for = timedelta(seconds=services.settings.discovery.stable_for_s)
    now = services.ledger.clock()
    new = [item for item in services.lake.list_label_files() if _object_id(item) not in known]
    # Bytes that are still being copied would be a bad file now and a good one in a minute.
    ready = [
        item for item in new if item.modified_at is None or now - item.modified_at >= stable_for
    ]
    return ready, len(new) - len(ready)


def _object_id(item: IncomingObject) -> str:
    return stable_hash({"uri": item.uri, "version": item.version})


def _read(
    services: Services, item: IncomingObject, asked: Collection[str], key: bytes
) -> Receipt | None:
    """Take one file in; None where it could not be read for now."""
    prefix = keys.label_answer(_object_id(item))
    try:
        content = _content(services, item)
        services.lake.put_bytes(f"{prefix}/{COPY}", content)
        reading = read_answers(item.recording, content, asked=asked, pseudonym_key=key)
    except PermanentInputError as error:
        return _quarantine(services, item, error)
    except (FileNotFoundError, TransientError) as error:
        log.warning("will try %r again: %s", item.key, error)
        return None
    services.lake.put_bytes(f"{prefix}/{VOTES}", votes_bytes(reading.votes))
    receipt = Receipt(
        object_id=_object_id(item),
        key=item.key,
        version=item.version,
        received_at=services.ledger.clock().isoformat(),
        votes=len(reading.votes),
        unknown_rows=len(reading.unknown_rows),
        ignored=reading.ignored,
        superseded=reading.superseded,
    )
    services.lake.write(RECEIPT, f"{prefix}/{keys.LABEL_RECEIPT}", receipt)
    if reading.unknown_rows:
        shown = ", ".join(reading.unknown_rows[:3])
        log.warning("%r: %d rows were never asked: %s", item.key, receipt.unknown_rows, shown)
    return receipt


def _content(services: Services, item: IncomingObject) -> bytes:
    if not item.usable:
        raise PermanentInputError(
            QuarantineCode.UNUSABLE_KEY,
            f"{item.key!r} cannot be read: {item.problem}.",
            "Drop the file itself under a plain name.",
        )
    if item.size_bytes > MAX_BYTES:
        raise PermanentInputError(
            QuarantineCode.BAD_LABEL_FILE,
            f"{item.key!r} is larger than {MAX_BYTES >> 20} MiB.",
            "Export one project at a time.",
        )
    with working_folder(services) as scratch:
        path = scratch / "answers"
        services.lake.fetch(item.key, path, version=item.version)
        return path.read_bytes()


def _quarantine(services: Services, item: IncomingObject, error: PermanentInputError) -> Receipt:
    """Write the reason for people, then the receipt that closes the file."""
    object_id = _object_id(item)
    reason_key = keys.quarantine_reason("labels", item.key, object_id)
    original = Original(item.uri, item.key, item.version, item.size_bytes)
    at = services.ledger.clock().isoformat()
    services.lake.write(QUARANTINE_REASON, reason_key, QuarantineReason.of(error, original, at))
    receipt = Receipt(
        object_id=object_id,
        key=item.key,
        version=item.version,
        received_at=at,
        reason=f"{error.sentence} {error.remedy}",
        reason_key=reason_key,
    )
    log.warning("quarantined %r: %s", item.key, error)
    # Each notice is sent once, so it may stand before the receipt and is never forgotten.
    build_notifier(services).send(
        Notice(
            key=f"label-file/{object_id}",
            severity=Severity.WARNING,
            title="A file of labels cannot be read",
            body=f"{item.key}: {receipt.reason}",
            link=services.lake.uri(reason_key),
        )
    )
    prefix = keys.label_answer(object_id)
    services.lake.write(RECEIPT, f"{prefix}/{keys.LABEL_RECEIPT}", receipt)
    return receipt


def _metrics(services: Services, receipts: list[Receipt]) -> Iterator[Metric]:
    now = services.ledger.clock()
    quarantined = sum(receipt.reason is not None for receipt in receipts)
    votes = sum(receipt.votes for receipt in receipts)
    yield Metric("LabelVotes", votes, Unit.COUNT, now, adds_up=True)
    yield Metric("LabelFilesQuarantined", quarantined, Unit.COUNT, now, adds_up=True)
