"""What the analysis made of recordings: from their crops to reports and figures."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from include.lake import keys
from include.pipeline.drift import figures
from include.pipeline.erasure.subject import Subject, originals
from include.pipeline.reprocess import report
from include.pipeline.reprocess.request import REQUEST, REQUEST_FORM, Request

if TYPE_CHECKING:
    from include.composition import Services


def erase(services: Services, subject: Subject) -> dict[str, int]:
    """Take away everything but the originals and the ledger's rows; return how much of what.

    Raises:
        TransientError: The lake failed for now; some of it may be gone.
    """
    lake = services.lake
    gone = {
        "drift_rows": figures.forget(services, subject.analysis_ids),
        "change_reports": _change_reports(services, subject),
        "data_docs": sum(lake.delete_prefix(prefix) for prefix in _data_docs(services, subject)),
        "quarantine": sum(lake.delete_prefix(keys.quarantined(*place)) for place in subject.places),
        "published": sum(
            lake.delete_prefix(keys.published_recording(*place)) for place in subject.places
        ),
        "answers": _answers(services, subject),
    }
    for analysis_id in subject.analysis_ids:
        lake.delete(keys.analysis_predictions(analysis_id))
    crops = 0
    for extraction_id in subject.extraction_ids:
        lake.delete(keys.validation_result(extraction_id))
        crops += lake.delete_prefix(keys.extraction(extraction_id))
    return {**gone, "extractions": crops}


def erase_originals(services: Services, subject: Subject) -> int:
    """Take away what people dropped; return how many files.

    Raises:
        TransientError: The lake failed for now.
    """
    # Those that are not listed any more may still have versions in a bucket that keeps them.
    found = {row.key for row in subject.uploads if row.problem is None}
    found |= set(originals(services.lake, subject.places))
    for key in sorted(found):
        services.lake.remove_original(key)
    return len(found)


def _answers(services: Services, subject: Subject) -> int:
    """Delete the answers to their shards, and what jobs were given to read.

    Outputs and index entries are named after what they answer.
    """
    lake = services.lake
    jobs = services.ledger.erasure.jobs(subject.extraction_ids)
    doomed = [key for key in lake.list(keys.TRANSFORMS) if subject.named_in(key)]
    doomed += [keys.transform_input(name) for name in jobs]
    for key in doomed:
        lake.delete(key)
    for name in jobs:
        # An embedded job's folder on this machine: its specification lists their shards.
        shutil.rmtree(services.settings.transform.jobs_dir / name, ignore_errors=True)
    return len(doomed)


def _data_docs(services: Services, subject: Subject) -> set[str]:
    """Data Docs have a page per extraction, named after it, and an index of all in the batch."""
    return {
        "/".join(key.split("/")[:2])
        for key in services.lake.list(keys.DATA_DOCS)
        if subject.named_in(key)
    }


def _change_reports(services: Services, subject: Subject) -> int:
    """Write the reports of re-analyses again without these recordings.

    The rows of their re-analyses go first: a report is made of the rows there are.
    """
    services.ledger.erasure.forget_analyses(subject.upload_ids)
    count = 0
    for key, request in _requests(services):
        asked = [*request.scope, *(number for number, _ in request.chosen)]
        left = [place for place in request.remaining if place not in subject.places]
        if subject.upload_ids.isdisjoint(asked) and len(left) == len(request.remaining):
            continue
        cleared = replace(
            request,
            scope=[number for number in request.scope if number not in subject.upload_ids],
            chosen=[pair for pair in request.chosen if pair[0] not in subject.upload_ids],
            remaining=left,
        )
        if services.lake.exists(keys.reprocess(request.run_id, report.DOCUMENT)):
            report.write(services, cleared)
        # Last: as long as it names them, a repeated erasure finds the report again.
        services.lake.write(REQUEST_FORM, key, cleared)
        count += 1
    return count


def _requests(services: Services) -> Iterator[tuple[str, Request]]:
    for key in services.lake.list(keys.REPROCESS):
        if key.endswith(f"/{REQUEST}"):
            yield key, services.lake.read(REQUEST_FORM, key)
