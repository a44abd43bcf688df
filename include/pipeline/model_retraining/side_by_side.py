"""Side by side: both models on the crops of recent recordings, and what would change."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import timedelta

import pyarrow as pa

from include.composition import Services, build_notifier
from include.governance.release.documents import Beside, SideBySide
from include.governance.release.side_by_side import (
    Answering,
    answer,
    open_answering,
)
from include.governance.release.summary import approval_text
from include.insights.change import change_between
from include.lake import keys
from include.observability.notice import Notice, Severity
from include.pipeline.model_retraining import documents
from include.pipeline.published import PublishedRecording, recordings
from include.pipeline.scratch import working_folder

log = logging.getLogger(__name__)


def run(services: Services, request_id: str) -> str:
    """Write the comparison on recordings and the text for the approval; tell people, return it.

    Raises:
        TransientError: A package or the lake cannot be read at present.
    """
    compared = documents.find(services, request_id, documents.SIDE_BY_SIDE)
    if compared is None:
        compared = documents.write(
            services, request_id, documents.SIDE_BY_SIDE, _compare(services, request_id)
        )
    text = approval_text(
        opened=documents.read(services, request_id, documents.OPENED),
        assembled=documents.read(services, request_id, documents.ASSEMBLED),
        evaluation=documents.read(services, request_id, documents.EVALUATION),
        audit=documents.read(services, request_id, documents.AUDIT),
        gates=documents.read(services, request_id, documents.GATES).gates,
        registered=documents.read(services, request_id, documents.REGISTERED),
        side_by_side=compared,
    )
    key = keys.retraining_document(request_id, documents.COMPARISON)
    services.lake.put_bytes(key, text.encode())
    build_notifier(services).send(
        Notice(
            key=f"approval/{request_id}",
            severity=Severity.WARNING,
            title="A new model waits for approval",
            body=text,
            link=services.lake.uri(key),
        )
    )
    return text


def _compare(services: Services, request_id: str) -> SideBySide:
    settings = services.settings.release
    until = services.ledger.clock()
    since = until - timedelta(days=settings.side_by_side_days)
    chosen = latest(recordings(services, since, until), settings.side_by_side_recordings)
    opened = documents.read(services, request_id, documents.OPENED)
    found: list[Beside] = []
    with working_folder(services) as folder:
        _, _, first = documents.champion_package(services, opened, folder)
        second = documents.challenger_package(services, request_id, folder)
        champion, challenger = (open_answering(path, folder) for path in (first, second))
        for item in chosen:
            try:
                found.append(_one(services, item, champion, challenger))
            except FileNotFoundError:
                # Erased meanwhile, at a respondent's request for instance.
                log.warning("left out: the crops of %s / %s are gone", item.study, item.recording)
    return SideBySide(since.isoformat(), until.isoformat(), found)


def latest(published: Iterable[PublishedRecording], count: int) -> list[PublishedRecording]:
    """Return the newest recordings, each video once, the newest first."""
    by_extraction: dict[str, PublishedRecording] = {}
    for item in published:  # oldest first: a later analysis replaces an earlier one
        by_extraction.pop(item.extraction_id, None)
        by_extraction[item.extraction_id] = item
    return list(reversed(by_extraction.values()))[:count]


def _one(
    services: Services,
    item: PublishedRecording,
    champion: Answering,
    challenger: Answering,
) -> Beside:
    manifest = item.manifest()
    shards = read_shards(services, item.extraction_id, manifest)
    before, after = (answer(model, manifest, shards) for model in (champion, challenger))
    return Beside(
        study=item.study,
        recording=item.recording,
        analysis_id=item.analysis_id,
        prefix=item.prefix,
        change=change_between(before, after),
    )


def read_shards(services: Services, extraction_id: str, manifest: pa.Table) -> dict[str, bytes]:
    """Return the shards of a recording that its manifest names, by basename.

    Raises:
        FileNotFoundError: One is gone.
        TransientError: The lake failed for now.
    """
    names = [name for name in manifest["shard"].unique().to_pylist() if name]
    return {name: services.lake.get_bytes(keys.shard(extraction_id, name)) for name in names}
