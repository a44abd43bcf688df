"""Whose recordings: every name, upload, extraction and analysis that belongs to one person."""

from __future__ import annotations

import posixpath
from collections.abc import Collection, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from include.contracts.extraction import EXTRACTION
from include.contracts.identity import analysis_id
from include.insights.collect import COLLECT_VERSION
from include.labelling.votes import extraction_of
from include.lake import keys
from include.pipeline.probe import extraction_identity
from include.pipeline.published import PublishedRecording, result_at

if TYPE_CHECKING:
    from include.composition import Services
    from include.lake.store import Lake
    from include.ledger.ledger import Recording

_LOOKUPS_AT_ONCE = 16


@dataclass(frozen=True, slots=True)
class Subject:
    """What is to be erased.

    Attributes:
        places: Study and name of every recording, as people wrote them.
        uploads: Rows of the ledger: every version of them.
        extraction_ids: Extractions of these bytes, under whatever settings.
        analysis_ids: Analyses of these extractions, by whatever model.
    """

    places: frozenset[tuple[str, str]]
    uploads: tuple[Recording, ...]
    extraction_ids: frozenset[str]
    analysis_ids: frozenset[str]

    @property
    def upload_ids(self) -> frozenset[int]:
        """Ids of the ledger's rows."""
        return frozenset(row.id for row in self.uploads)

    def owns_row(self, row_id: str) -> bool:
        """Whether a face's row in the lake is of one of the recordings."""
        return extraction_of(row_id) in self.extraction_ids

    def named_in(self, text: str) -> bool:
        """Whether a key or a document holds the id of one of the extractions."""
        return any(identity in text for identity in self.extraction_ids)


def find(services: Services, study: str, names: Collection[str]) -> Subject:
    """Return everything that belongs to recordings of a study.

    Recordings of the same bytes are of the same person, whatever they are called and
    whichever study they lie in.

    Args:
        services: Collaborators.
        study: Name of the study, as it is in the lake.
        names: Names of recordings, as they are in the lake.

    Raises:
        TransientError: The lake failed for now.
    """
    uploads = tuple(services.ledger.erasure.uploads(study, names))
    places = {(study, name) for name in names} | {(row.study, row.recording) for row in uploads}
    published = [item for place in sorted(places) for item in _published(services.lake, *place)]
    extractions = _extractions(services, uploads, published)
    return Subject(
        frozenset(places),
        uploads,
        frozenset(extractions),
        frozenset(_analyses(services, uploads, published, extractions)),
    )


def originals(lake: Lake, places: Collection[tuple[str, str]]) -> list[str]:
    """Return the keys under `incoming/` of recordings; their ledger rows may be gone.

    Raises:
        TransientError: The lake failed for now.
    """
    return [item.key for item in lake.list_incoming() if (item.study, item.recording) in places]


def _published(lake: Lake, study: str, recording: str) -> Iterator[PublishedRecording]:
    for key in lake.list(keys.published_recording(study, recording)):
        if posixpath.basename(key) == keys.PUBLISHED_MANIFEST:
            result = result_at(lake, posixpath.dirname(key))
            if result is not None:
                yield result


def _extractions(
    services: Services, uploads: Iterable[Recording], published: Iterable[PublishedRecording]
) -> set[str]:
    """Look at every extraction there is: settings change, and the ledger keeps the last one."""
    uploads, published = list(uploads), list(published)
    videos = {row.video_id for row in uploads} | {item.video_id for item in published}
    videos.discard(None)
    found = {row.extraction_id for row in uploads if row.extraction_id}
    found |= {item.extraction_id for item in published}
    # Killed before its marker was written: under today's settings, at least.
    found |= {extraction_identity(services.settings, video) for video in videos if video}
    markers = [
        key
        for key in services.lake.list(keys.EXTRACTIONS)
        if posixpath.basename(key) == keys.EXTRACTION_MARKER
    ]
    with ThreadPoolExecutor(_LOOKUPS_AT_ONCE) as pool:
        of = zip(markers, pool.map(lambda key: _video(services.lake, key), markers), strict=True)
        found |= {key.split("/")[1] for key, video in of if video in videos}
    return found


def _video(lake: Lake, marker: str) -> str | None:
    found = lake.find(EXTRACTION, marker)
    return None if found is None else found.video_id


def _analyses(
    services: Services,
    uploads: Iterable[Recording],
    published: Iterable[PublishedRecording],
    extractions: Iterable[str],
) -> set[str]:
    found = services.ledger.erasure.analyses([row.id for row in uploads])
    found |= {item.analysis_id for item in published}
    models = services.ledger.erasure.models()
    return found | {
        analysis_id(identity, sha256, version)
        for identity in extractions
        for sha256 in models
        for version in range(1, COLLECT_VERSION + 1)
    }
