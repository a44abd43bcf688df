"""What retraining keeps of a person: faces in its data, a line in a comparison.

A sealed bundle cannot lose one face: its hash is what the job was made for. Bundles and sets
that hold a face go whole. The weights that were learnt from it stay (see the decision).
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from include.lake import keys
from include.ledger.retraining_tables import OPEN, STARTED, RetrainingRequest
from include.pipeline.labelling.tables import pictures_of
from include.pipeline.model_retraining import documents
from ml.data import bundle, frozen
from ml.data.records import content_key
from ml.data.sources import decode_picture

if TYPE_CHECKING:
    from include.composition import Services
    from include.pipeline.erasure.subject import Subject


def labelled_faces(services: Services, subject: Subject) -> frozenset[str]:
    """Return the content keys of their labelled faces, as training data names them.

    Raises:
        TransientError: The lake failed for now.
    """
    found = set()
    for key in pictures_of(services.lake, subject.owns_row):
        pixels = decode_picture(services.lake.get_bytes(key))
        if pixels is not None:
            found.add(content_key(pixels))
    return frozenset(found)


def under_way(services: Services, faces: frozenset[str]) -> list[str]:
    """Return the ids of retrainings that have not ended and hold one of the faces.

    Raises:
        TransientError: The lake failed for now.
    """
    requests = services.ledger.retraining.requests(OPEN)
    return [item.request_id for item in requests if list(_holding(services, item, faces))]


def erase(services: Services, subject: Subject, faces: frozenset[str]) -> int:
    """Delete data and frozen sets with one of the faces, and lines of comparisons; count them.

    Raises:
        TransientError: The lake failed for now; some of it may be gone.
    """
    count = 0
    for request in services.ledger.retraining.requests(STARTED):
        for held in list(_holding(services, request, faces)):
            # Data is a folder, a frozen set one file: a prefix never means the file itself.
            if not services.lake.delete_prefix(held):
                services.lake.delete(held)
            count += 1
        count += _side_by_side(services, subject, request.request_id)
    return count


def _holding(
    services: Services, request: RetrainingRequest, faces: frozenset[str]
) -> Iterator[str]:
    """Yield data and frozen sets of a request that hold one of the faces."""
    data = keys.retraining_data(request.request_id)
    if not faces.isdisjoint(_bundled(services, f"{data}/{bundle.ROWS}")):
        yield data
    for key in services.lake.list(keys.retraining_frozen_sets(request.request_id)):
        if not faces.isdisjoint(_frozen(services.lake.get_bytes(key))):
            yield key


def _bundled(services: Services, key: str) -> Iterable[str]:
    try:
        rows = bundle.BUNDLE_ROWS.read(services.lake.get_bytes(key), key)
    except FileNotFoundError:
        return ()
    return (*rows.train.keys, *rows.validation.keys)


def _frozen(content: bytes) -> list[str]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        rows = frozen.FROZEN_ROWS.read(archive.read(frozen.ROWS), frozen.ROWS).rows
    return [row.key for row in rows]


def _side_by_side(services: Services, subject: Subject, request_id: str) -> int:
    """Take their lines out of the comparison on recordings."""
    compared = documents.find(services, request_id, documents.SIDE_BY_SIDE)
    if compared is None:
        return 0
    kept = [
        item for item in compared.recordings if (item.study, item.recording) not in subject.places
    ]
    gone = len(compared.recordings) - len(kept)
    if gone:
        documents.write(
            services, request_id, documents.SIDE_BY_SIDE, replace(compared, recordings=kept)
        )
    return gone
