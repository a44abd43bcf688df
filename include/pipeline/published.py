"""Reading what was published in a window of time: the common door of every later stage.

Readers start at `published/**/manifest.json`, which is written last, so none of them sees
half a result. The manifest says when it was published; where one from before that entry
existed does not, the store's time of the object stands in for it.

The listing covers all of `published/` (a request per thousand objects on S3); only
manifests written inside the window or after it are fetched, tables when they are asked for.
"""

from __future__ import annotations

import io
import logging
import posixpath
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from include.contracts.published import PUBLISHED_MANIFEST, PublishedManifest, PublishedModel
from include.contracts.rows import MANIFEST, PREDICTIONS, with_later_columns
from include.insights.tables import PARQUET
from include.lake import keys
from include.pipeline.withdrawals import Withdrawals

if TYPE_CHECKING:
    from include.composition import Services
    from include.lake.store import Lake

log = logging.getLogger(__name__)

CLOCK_SKEW = timedelta(hours=1)
"""How far a worker's clock may run ahead of the store's."""


@dataclass(frozen=True, slots=True)
class PublishedRecording:
    """One recording's results as one analysis published them.

    Attributes:
        study: Name of the study, as people wrote it.
        recording: Name of the recording in it, as people wrote it.
        video_id: sha256 of the recording's bytes.
        extraction_id: Whose crops and manifest these results rest on.
        analysis_id: Identity of the analysis; one recording may have several.
        model: Who answered.
        published_at: Aware, UTC.
        prefix: Lake prefix of the result files.
    """

    study: str
    recording: str
    video_id: str
    extraction_id: str
    analysis_id: str
    model: PublishedModel
    published_at: datetime
    prefix: str
    _lake: Lake = field(repr=False, compare=False)

    def predictions(self) -> pa.Table:
        """Read the published predictions, schema `PREDICTIONS`.

        Raises:
            FileNotFoundError: They were removed, for instance erased.
            TransientError: The lake failed for now.
        """
        return with_later_columns(self._table(f"{self.prefix}/{PARQUET}"), PREDICTIONS)

    def manifest(self) -> pa.Table:
        """Read the extraction's table, schema `MANIFEST`: the same rows, with their shards.

        Raises:
            FileNotFoundError: It was removed, for instance erased.
            TransientError: The lake failed for now.
        """
        table = self._table(keys.extraction_manifest(self.extraction_id))
        return with_later_columns(table, MANIFEST)

    def _table(self, key: str) -> pa.Table:
        return pq.read_table(io.BytesIO(self._lake.get_bytes(key)))


def recordings(
    services: Services,
    since: datetime,
    until: datetime,
    withdrawals: Withdrawals | None = None,
) -> Iterator[PublishedRecording]:
    """Yield what was published in [since, until), the oldest first.

    Every analysis is one entry: a recording analysed by two models in the window comes
    twice, and so do two recordings of the same bytes. What consent was withdrawn for is left
    out, and so is all of a study whose table of respondents cannot be read: who withdrew is
    not known then.

    Args:
        services: Whose lake is read.
        since: Aware; the first moment of the window.
        until: Aware; the first moment after it.
        withdrawals: What is left out; None asks the studies' tables.

    Raises:
        ValueError: A time has no zone, or the window ends before it starts.
        TransientError: The lake failed for now.
    """
    if since.tzinfo is None or until.tzinfo is None:
        raise ValueError("a window needs times with a zone")
    if until < since:
        raise ValueError(f"the window ends {until} before it starts {since}")
    found = [
        recording
        for key, modified_at in services.lake.list_modified(keys.PUBLISHED)
        # Nothing was published after its manifest was written; copies of a lake are newer.
        if posixpath.basename(key) == keys.PUBLISHED_MANIFEST
        and modified_at >= since - CLOCK_SKEW
        and (recording := _read(services.lake, key, modified_at)) is not None
        and since <= recording.published_at < until
    ]
    left_out = withdrawals or Withdrawals(services)
    for item in sorted(found, key=lambda item: (item.published_at, item.prefix)):
        if not left_out.holds(item.study, item.recording):
            yield item


def result_at(lake: Lake, prefix: str) -> PublishedRecording | None:
    """Return the result under a prefix, None where there is none (any more) or a damaged one.

    Raises:
        TransientError: The lake failed for now.
    """
    for key, modified_at in lake.list_modified(prefix):
        if key == f"{prefix}/{keys.PUBLISHED_MANIFEST}":
            return _read(lake, key, modified_at)
    return None


def _read(lake: Lake, key: str, modified_at: datetime) -> PublishedRecording | None:
    """Return what a manifest says, or None where it is gone again or is none of ours."""
    try:
        manifest = lake.read(PUBLISHED_MANIFEST, key)
        return _recording(lake, posixpath.dirname(key), manifest, modified_at)
    except FileNotFoundError:
        return None
    except ValueError as error:
        # One damaged result must not hide all others from every report.
        log.warning("left out, no manifest of ours: %s", error)
        return None


def published_at(manifest: PublishedManifest, modified_at: datetime) -> datetime:
    """Return when a result was published: what it says, else the store's time of its manifest.

    Raises:
        ValueError: What it says is no time.
    """
    stated = manifest.published_at
    return modified_at if stated is None else datetime.fromisoformat(stated)


def _recording(
    lake: Lake, prefix: str, manifest: PublishedManifest, modified_at: datetime
) -> PublishedRecording:
    return PublishedRecording(
        study=manifest.study,
        recording=manifest.recording,
        video_id=manifest.video_id,
        extraction_id=manifest.extraction_id,
        analysis_id=manifest.analysis_id,
        model=manifest.model,
        published_at=published_at(manifest, modified_at).astimezone(UTC),
        prefix=prefix,
        _lake=lake,
    )
