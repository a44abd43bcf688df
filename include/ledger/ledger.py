"""The ledger: which version of which recording stands where, and who holds it.

Every change is one transaction with the state it expects in its condition. A
change that is repeated is a no-op; a change that contradicts what the ledger
holds raises `LedgerConflictError`. Times come from the injected clock or as `now`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Engine, and_, func, select, update

from include.ledger import intake, published, queue, transitions
from include.ledger.audit_log import AuditLog
from include.ledger.engine import intake_lock, open_engine, writing
from include.ledger.erasure import ErasureBook
from include.ledger.intake import ObserveSummary
from include.ledger.jobs import TRANSFORM_JOBS
from include.ledger.models import (
    ATTEMPTS_EXHAUSTED,
    FINAL,
    IN_WORK,
    SUPERSEDED,
    Batch,
    JobStatus,
    LedgerConflictError,
    Observed,
    Recording,
    State,
    TransformJob,
    batches,
    recordings,
)
from include.ledger.queue import Queue
from include.ledger.reanalysis import ReanalysisBook
from include.ledger.retraining import RetrainingBook
from include.ledger.rows import RECORDING, batch_where, recording_of
from include.ledger.transitions import Transition

if TYPE_CHECKING:
    from include.settings import DiscoverySettings

__all__ = [
    "ATTEMPTS_EXHAUSTED",
    "FINAL",
    "IN_WORK",
    "SUPERSEDED",
    "Batch",
    "JobStatus",
    "Ledger",
    "LedgerConflictError",
    "ObserveSummary",
    "Queue",
    "Recording",
    "State",
    "TransformJob",
]

_COLUMNS = recordings.c


def utc_now() -> datetime:
    """The wall clock, the default of `Ledger.open`."""
    return datetime.now(UTC)


class Ledger:
    """The work queue. Safe to share between threads and to inherit over a fork.

    Where a change takes a `batch_id`, it is refused when another batch holds
    the recording by now.
    """

    def __init__(self, engine: Engine, clock: Callable[[], datetime]) -> None:
        self._engine = engine
        self.clock = clock
        """Aware UTC time of the changes that stages make."""

    @classmethod
    def open(cls, url: str, *, clock: Callable[[], datetime] = utc_now) -> Ledger:
        """Open the database and migrate it to head; several processes may do so at once.

        Raises:
            ConfigurationError: The URL names neither a SQLite file nor PostgreSQL.
        """
        return cls(open_engine(url), clock)

    @property
    def retraining(self) -> RetrainingBook:
        """Requests for retraining and their training jobs."""
        return RetrainingBook(self._engine, self.clock)

    @property
    def reanalyses(self) -> ReanalysisBook:
        """Published recordings that another model answers once more."""
        return ReanalysisBook(self._engine, self.clock)

    @property
    def erasure(self) -> ErasureBook:
        """What is known of recordings that are to be forgotten."""
        return ErasureBook(self._engine, self.clock)

    @property
    def audit(self) -> AuditLog:
        """Who looked at what, who decided what."""
        return AuditLog(self._engine, self.clock)

    # --- intake ---

    def observe(self, objects: Iterable[Observed], now: datetime) -> ObserveSummary:
        """Enter one complete listing of `incoming/`.

        An object that is not claimed yet keeps one row while it changes; its
        stability starts again. A new version of an object that was claimed
        before is a new row. What is not listed any longer is not claimed.
        """
        with intake_lock(self._engine) as connection:
            return intake.observe(connection, objects, now)

    def claim(
        self,
        run_key: str,
        now: datetime,
        settings: DiscoverySettings,
        studies: Collection[str] | None = None,
    ) -> list[str]:
        """Open the batches of one intake run and return their ids.

        The same `run_key` gets the same batches, also after a crash: they are
        opened in one transaction. Dead claims come first, then the oldest
        stable recordings, at most `max_videos_per_batch` x `max_batches_per_run`.

        Args:
            run_key: Identity of the intake run.
            now: Aware time; decides stability and leases.
            settings: Bounds, stability (s), lease (s), attempts.
            studies: Studies cleared for processing; None clears all.
        """
        with intake_lock(self._engine) as connection:
            return intake.claim(connection, run_key, now, settings, studies)

    def claimable_studies(self, now: datetime, settings: DiscoverySettings) -> list[str]:
        """Studies with recordings that `claim` would take, sorted."""
        with self._engine.connect() as connection:
            query = select(_COLUMNS.study).where(intake.claimable(now, settings)).distinct()
            return sorted(connection.scalars(query))

    def claimable(self, study: str, now: datetime, settings: DiscoverySettings) -> list[Recording]:
        """Recordings of a study that `claim` would take."""
        return self._select(intake.claimable(now, settings), _COLUMNS.study == study)

    def quarantined_studies(self, codes: Collection[str]) -> list[str]:
        """Studies with recordings that were set aside for one of these codes, sorted."""
        with self._engine.connect() as connection:
            query = select(_COLUMNS.study).where(_quarantined(codes)).distinct()
            return sorted(connection.scalars(query))

    def quarantined(self, study: str, codes: Collection[str]) -> list[Recording]:
        """Recordings of a study that were set aside for one of these codes."""
        return self._select(_quarantined(codes), _COLUMNS.study == study)

    def published(self, study: str) -> list[Recording]:
        """Every published version of the recordings of a study."""
        return self._select(_COLUMNS.state == State.PUBLISHED, _COLUMNS.study == study)

    def published_studies(self) -> list[str]:
        """Studies with published recordings, sorted."""
        query = select(_COLUMNS.study).where(_COLUMNS.state == State.PUBLISHED).distinct()
        with self._engine.connect() as connection:
            return sorted(connection.scalars(query))

    def queue(self, now: datetime, settings: DiscoverySettings) -> Queue:
        """What waits for a batch and what is in work, at `now`."""
        with self._engine.connect() as connection:
            return queue.read(connection, now, settings)

    def unusable(self) -> list[Recording]:
        """Discovered objects that no stage can read; they wait for quarantine."""
        return self._select(_COLUMNS.state == State.DISCOVERED, _COLUMNS.problem.is_not(None))

    def set_aside(self, *, without: Collection[str], limit: int) -> list[Recording]:
        """The newest versions that failed or are in quarantine, the newest first.

        Args:
            without: Reason codes that are left out.
            limit: How many at most.
        """
        later = recordings.alias()
        replaced = (
            select(later.c.id)
            .where(
                later.c.study == _COLUMNS.study,
                later.c.recording == _COLUMNS.recording,
                later.c.id > _COLUMNS.id,
            )
            .exists()
        )
        query = (
            select(*RECORDING)
            .where(
                _COLUMNS.state.in_((State.FAILED, State.QUARANTINED)),
                _COLUMNS.reason_code.not_in(sorted(without)),
                ~replaced,
            )
            .order_by(_COLUMNS.id.desc())
            .limit(limit)
        )
        with self._engine.connect() as connection:
            return [recording_of(row) for row in connection.execute(query).mappings()]

    def names(self, study: str) -> frozenset[str]:
        """Names of every recording of a study that was ever seen and is not erased."""
        with self._engine.connect() as connection:
            query = select(_COLUMNS.recording).where(_COLUMNS.study == study).distinct()
            return frozenset(connection.scalars(query))

    # --- batches ---

    def batch(self, batch_id: str) -> Batch:
        """One batch.

        Raises:
            KeyError: There is no such batch.
        """
        with self._engine.connect() as connection:
            return _batch(connection, batch_id)

    def pin_model(
        self, batch_id: str, *, name: str, version: str, package_uri: str, sha256: str
    ) -> Batch:
        """Pin the model of a batch; the first to do so wins, everyone gets what is pinned.

        Raises:
            KeyError: There is no such batch.
        """
        with writing(self._engine) as connection:
            connection.execute(
                update(batches)
                .where(batches.c.batch_id == batch_id, batches.c.model_sha256.is_(None))
                .values(
                    model_name=name,
                    model_version=version,
                    package_uri=package_uri,
                    model_sha256=sha256,
                )
            )
            return _batch(connection, batch_id)

    def renew_lease(self, batch_id: str, lease_s: float) -> int:
        """Extend the lease of what the batch still works on; return how many recordings."""
        now = self.clock()
        with writing(self._engine) as connection:
            return connection.execute(
                update(recordings)
                .where(_COLUMNS.batch_id == batch_id, _COLUMNS.state.in_(IN_WORK))
                .values(lease_until=now + timedelta(seconds=lease_s), updated_at=now)
            ).rowcount

    # --- reading ---

    def recordings(self, batch_id: str, states: Collection[State] | None = None) -> list[Recording]:
        """Recordings of a batch, released ones included until another batch takes them."""
        conditions = [_COLUMNS.batch_id == batch_id]
        if states is not None:
            conditions.append(_COLUMNS.state.in_(list(states)))
        return self._select(*conditions)

    def extractions(self, batch_id: str) -> list[str]:
        """Extractions that the batch has answered: of what it holds, and of its re-analyses."""
        with self._engine.connect() as connection:
            return published.extractions(connection, batch_id)

    def recording(self, recording_id: int) -> Recording:
        """One recording.

        Raises:
            KeyError: There is no such recording.
        """
        found = self._select(_COLUMNS.id == recording_id)
        if not found:
            raise KeyError(recording_id)
        return found[0]

    def versions_of(self, uris: Collection[str]) -> list[Recording]:
        """Every version of these objects that was listed, in the order they were first seen."""
        return self._select(_COLUMNS.uri.in_(list(uris)))

    def versions_named(self, study: str, recording: str) -> list[Recording]:
        """Every version of a recording of a study, in the order they were first seen."""
        return self._select(_COLUMNS.study == study, _COLUMNS.recording == recording)

    def held(self) -> list[Recording]:
        """What batches work on now, by id."""
        return self._select(_COLUMNS.state.in_(IN_WORK))

    def with_ids(self, recording_ids: Collection[int]) -> list[Recording]:
        """Recordings by id; an id that nobody has is passed over."""
        return self._select(_COLUMNS.id.in_(list(recording_ids)))

    def counts(self) -> dict[State, int]:
        """How many recordings stand in each state."""
        with self._engine.connect() as connection:
            rows = connection.execute(
                select(_COLUMNS.state, func.count()).group_by(_COLUMNS.state)
            ).tuples()
            found = {State(state): count for state, count in rows}
        return {state: found.get(state, 0) for state in State}

    # --- changes of state ---

    def identify(
        self, recording_id: int, *, video_id: str, extraction_id: str, batch_id: str | None = None
    ) -> None:
        """Note whose bytes a claimed recording has. Its state stays.

        Raises:
            LedgerConflictError: The recording is not claimed.
        """
        values = {"video_id": video_id, "extraction_id": extraction_id}
        self._move(transitions.IDENTIFY, recording_id, values, batch_id)

    def mark_extracted(self, recording_id: int, *, batch_id: str | None = None) -> None:
        """Claimed and identified, its extraction is complete in the lake.

        Raises:
            LedgerConflictError: The recording was not claimed or is held by nobody.
        """
        self._move(transitions.EXTRACT, recording_id, {}, batch_id)

    def mark_transformed(
        self, recording_id: int, *, analysis_id: str, batch_id: str | None = None
    ) -> None:
        """Extracted, its predictions are complete in the lake.

        Raises:
            LedgerConflictError: The recording was not extracted, or has another analysis.
        """
        self._move(transitions.TRANSFORM, recording_id, {"analysis_id": analysis_id}, batch_id)

    def mark_published(
        self, recording_id: int, *, result_key: str, batch_id: str | None = None
    ) -> None:
        """Transformed, its results are published under `result_key`.

        Raises:
            LedgerConflictError: The recording was not transformed, or is published elsewhere.
        """
        self._move(transitions.PUBLISH, recording_id, {"result_key": result_key}, batch_id)

    def quarantine(self, recording_id: int, *, code: str, reason: str, result_key: str) -> None:
        """Set a recording aside for good; `result_key` holds the reason for people.

        Raises:
            LedgerConflictError: The recording is published, failed, or set aside otherwise.
        """
        values = {"reason_code": code, "reason": reason, "result_key": result_key}
        self._move(transitions.QUARANTINE, recording_id, values)

    def withdraw(self, recording_id: int, *, code: str, reason: str, result_key: str) -> None:
        """Set a published recording aside: consent was taken back after it was analysed.

        Raises:
            LedgerConflictError: The recording is not published, or was set aside otherwise.
        """
        values = {"reason_code": code, "reason": reason, "result_key": result_key}
        self._move(transitions.WITHDRAW, recording_id, values)

    def release_or_fail(self, recording_id: int, *, reason: str, max_attempts: int) -> State:
        """Give an unfinished recording back to the queue, or fail it for good.

        It fails when a newer version took its place or its attempts are used up.

        Returns:
            The state it has now.

        Raises:
            LedgerConflictError: The recording is in a final state other than failed.
        """
        with writing(self._engine) as connection:
            return transitions.release_or_fail(
                connection, recording_id, reason, max_attempts, self.clock()
            )

    def reopen(self, recording_id: int) -> None:
        """Put a quarantined or failed recording back into the queue, as if new.

        It is claimed after the next listing that holds it, once it is stable.

        Raises:
            LedgerConflictError: The recording is in work or published.
        """
        cleared = ("reason_code", "reason", "result_key", "batch_id")
        values = {"attempts": 0, "listed": False, **dict.fromkeys(cleared)}
        self._move(transitions.REOPEN, recording_id, values)

    # --- transform jobs ---

    def record_job(
        self,
        name: str,
        *,
        batch_id: str,
        generation: int,
        spec_hash: str,
        shards: Sequence[str],
    ) -> TransformJob:
        """Store a job's name before the job is created; the same job again is a no-op.

        Args:
            name: Unique for ever.
            batch_id: The batch it serves.
            generation: 0, 1, 2, ...; rises only after the one before failed or was stopped.
            spec_hash: Identity of what is asked of it.
            shards: Basenames of the shards it reads.

        Raises:
            LedgerConflictError: The name has another specification, or the generation may not rise.
        """
        values = {
            "name": name,
            "batch_id": batch_id,
            "generation": generation,
            "spec_hash": spec_hash,
            "shards": list(shards),
        }
        with writing(self._engine) as connection:
            return TRANSFORM_JOBS.record(connection, values, self.clock())

    def job(self, name: str) -> TransformJob | None:
        """The job of that name, or None."""
        with self._engine.connect() as connection:
            return TRANSFORM_JOBS.find(connection, name)

    def jobs(self, batch_id: str) -> list[TransformJob]:
        """Jobs of a batch by rising generation."""
        with self._engine.connect() as connection:
            return TRANSFORM_JOBS.of(connection, batch_id)

    def close_job(
        self, name: str, status: JobStatus, *, failure_reason: str | None = None
    ) -> TransformJob:
        """Record how a job ended; the same end again is a no-op.

        Raises:
            LedgerConflictError: There is no such job, or it ended otherwise.
            ValueError: The status is not terminal.
        """
        with writing(self._engine) as connection:
            return TRANSFORM_JOBS.close(connection, name, status, failure_reason, self.clock())

    # --- inside ---

    def _select(self, *conditions: Any) -> list[Recording]:
        with self._engine.connect() as connection:
            rows = connection.execute(
                select(*RECORDING).where(*conditions).order_by(_COLUMNS.id)
            ).mappings()
            return [recording_of(row) for row in rows]

    def _move(
        self,
        transition: Transition,
        recording_id: int,
        values: dict[str, Any],
        batch_id: str | None = None,
    ) -> None:
        with writing(self._engine) as connection:
            transitions.move(connection, transition, recording_id, values, self.clock(), batch_id)


def _quarantined(codes: Collection[str]) -> Any:
    return and_(_COLUMNS.state == State.QUARANTINED, _COLUMNS.reason_code.in_(sorted(codes)))


def _batch(connection: Connection, batch_id: str) -> Batch:
    found = batch_where(connection, batches.c.batch_id == batch_id)
    if found is None:
        raise KeyError(batch_id)
    return found
