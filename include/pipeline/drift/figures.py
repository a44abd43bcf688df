"""One table for each day: the figures of every recording first published on it.

A day that is over does not change, so its table is written once and read by every later
day. It holds figures and ids only: neither names of recordings nor anything of a face.

A recording that is analysed again (another model, a `reprocess`) is published beside its
first results. It is no new recording: it counts on the day of its first publication.
"""

from __future__ import annotations

import io
import logging
import posixpath
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

import pyarrow as pa
import pyarrow.parquet as pq

from include.composition import Services
from include.contracts.errors import ConfigurationError
from include.contracts.identity import stable_hash
from include.contracts.published import PUBLISHED_MANIFEST
from include.lake import keys
from include.monitoring.watched import COLUMNS, RecordingFigures, Sample, as_sample, read_recording
from include.pipeline.published import PublishedRecording, published_at, recordings
from include.pipeline.withdrawals import Withdrawals

log = logging.getLogger(__name__)

SCHEMA = pa.schema(
    [
        pa.field("analysis_id", pa.string(), nullable=False),
        pa.field("study_id", pa.string(), nullable=False),  # a hash: studies differ, no more
        pa.field("model_version", pa.string(), nullable=False),
        pa.field("model_sha256", pa.string(), nullable=False),
        *[pa.field(name, pa.float64()) for name in COLUMNS],
    ]
)


@dataclass(frozen=True, slots=True)
class DayFigures:
    """The recordings of some days.

    Attributes:
        sample: Their figures.
        model_versions: Recordings by the version that answered, of all those days.
    """

    sample: Sample
    model_versions: Mapping[str, int]


def collect(services: Services, first: date, last: date) -> int:
    """Write the table of each day from `first` to `last` that has none; return how many.

    Raises:
        ConfigurationError: The last day is not over.
        TransientError: The lake failed for now; the tables written stay.
    """
    if last >= services.ledger.clock().astimezone(UTC).date():
        raise ConfigurationError("day", f"{last} is not over: its figures would change")
    missing = [
        day for day in _days(first, last) if not services.lake.exists(keys.drift_figures(day))
    ]
    if not missing:
        return 0
    by_day: dict[date, list[PublishedRecording]] = defaultdict(list)
    # A day is written once: a table that cannot be read tonight must not cost it a study.
    # What was withdrawn and is not known yet is taken out by `forget` when it is.
    withdrawals = Withdrawals(services, unread_stay_out=False)
    first_moment, end = _midnight(missing[0]), _midnight(missing[-1], 1)
    for recording in recordings(services, first_moment, end, withdrawals):
        by_day[recording.published_at.date()].append(recording)
    for day in missing:
        rows = [row for item in by_day[day] if (row := _row(services, item, day)) is not None]
        services.lake.put_if_absent(keys.drift_figures(day), _parquet(rows))
        log.info("%s: %d recording(s)", day, len(rows))
    return len(missing)


def read(services: Services, first: date, last: date) -> DayFigures:
    """Read the tables of the days from `first` to `last`; a day without one has no recordings.

    Raises:
        TransientError: The lake failed for now.
    """
    figures: list[RecordingFigures] = []
    versions: dict[str, int] = defaultdict(int)
    for day in _days(first, last):
        try:
            content = services.lake.get_bytes(keys.drift_figures(day))
        except FileNotFoundError:
            continue
        for row in pq.read_table(io.BytesIO(content)).to_pylist():
            versions[row["model_version"]] += 1
            values = tuple(float("nan") if row[c] is None else row[c] for c in COLUMNS)
            figures.append(RecordingFigures(row["analysis_id"], row["study_id"], day, values))
    return DayFigures(as_sample(figures), dict(sorted(versions.items())))


def forget(services: Services, analysis_ids: Collection[str]) -> int:
    """Take the lines of erased analyses out of every day; return how many.

    References keep their identity: they are the days that people accepted, less one person.

    Raises:
        TransientError: The lake failed for now.
    """
    count = 0
    for key in services.lake.list(keys.DRIFT_FIGURES):
        rows = pq.read_table(io.BytesIO(services.lake.get_bytes(key))).to_pylist()
        kept = [row for row in rows if row["analysis_id"] not in analysis_ids]
        if len(kept) < len(rows):
            services.lake.put_bytes(key, _parquet(kept))
            count += len(rows) - len(kept)
    return count


def _row(services: Services, recording: PublishedRecording, day: date) -> dict[str, object] | None:
    """One line, or None for what does not count."""
    if not _is_first(services, recording):
        return None
    study = stable_hash({"study": recording.study})
    try:
        table = recording.predictions()
    except FileNotFoundError:
        log.info("left out %s: its results were removed", recording.analysis_id)
        return None
    found = read_recording(table, recording=recording.analysis_id, study=study, day=day)
    return {
        "analysis_id": recording.analysis_id,
        "study_id": study,
        "model_version": recording.model.version,
        "model_sha256": recording.model.sha256,
        **dict(zip(COLUMNS, found.values, strict=True)),
    }


def _is_first(services: Services, recording: PublishedRecording) -> bool:
    """Whether no other analysis of the same bytes was published here before."""
    folder = posixpath.dirname(recording.prefix)
    own = f"{recording.prefix}/{keys.PUBLISHED_MANIFEST}"
    for key, modified_at in services.lake.list_modified(folder):
        if posixpath.basename(key) != keys.PUBLISHED_MANIFEST or key == own:
            continue
        try:
            manifest = services.lake.read(PUBLISHED_MANIFEST, key)
            at = published_at(manifest, modified_at)
        except (FileNotFoundError, ValueError):
            continue
        if manifest.video_id == recording.video_id and (at, key) < (recording.published_at, own):
            return False
    return True


def _parquet(rows: list[dict[str, object]]) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows, schema=SCHEMA), sink, compression="zstd")
    return sink.getvalue()


def _days(first: date, last: date) -> Iterable[date]:
    return (first + timedelta(days=index) for index in range((last - first).days + 1))


def _midnight(day: date, days_later: int = 0) -> datetime:
    return datetime.combine(day + timedelta(days=days_later), time(), UTC)
