"""From a batch to the answers of all its shards, however often the process is killed.

The ledger says which job was meant to run, the backend whether it does, and the
lake what it has answered; each is asked again after a restart. A job's name is
in the ledger before the job is created, so that a second process adopts the
first one's job. Whether a job succeeded is read from its `.out` files alone.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from include.contracts.errors import PlatformError
from include.inference.answers import AnswerIndex, extraction_of, shard_key
from include.inference.backend import InferenceBackend, TransformDescription
from include.inference.spec import TransformSpec, basename, build_spec
from include.jobs.coordination import JobStoppedError, Patience, Submission, create_or_adopt
from include.jobs.state import JobStatus
from include.lake import keys
from include.ledger.models import JobStatus as LedgerJobStatus

if TYPE_CHECKING:
    from include.lake.store import Lake
    from include.ledger.ledger import Ledger
    from include.ledger.models import Batch, TransformJob
    from include.settings import TransformSettings

log = logging.getLogger(__name__)

_LOOKUPS_AT_ONCE = 8
_TAKEN_OVER = "recorded for another lake or model than the batch has now"


def _ignore(_news: object) -> None:
    """Nobody is listening."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchAnswers:
    """What a batch's shards have come to."""

    answers: Mapping[str, str]
    """Lake key of the answer by shard basename."""
    missing: tuple[str, ...]
    """Basenames of shards without an answer, sorted."""


class TransformCoordinator:
    """Plans, starts, watches and reconciles the transform jobs of batches."""

    def __init__(
        self,
        *,
        backend: InferenceBackend,
        lake: Lake,
        ledger: Ledger,
        settings: TransformSettings,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._backend = backend
        self._lake = lake
        self._ledger = ledger
        self._settings = settings
        self._patience = Patience(
            timeout_s=settings.timeout_s,
            setting="FEX_TRANSFORM__TIMEOUT_S",
            poll_interval_s=settings.poll_interval_s,
            sleep=sleep,
            clock=clock,
        )

    def plan(self, batch_id: str) -> TransformSpec | None:
        """Return the job that the batch needs next.

        A job that is recorded and not closed comes first, exactly as it was.
        None: every shard is answered, or as many jobs as allowed have failed.

        Raises:
            TransientError: The lake failed for now.
            PlatformError: No model is pinned to the batch.
        """
        batch = self._ledger.batch(batch_id)
        jobs = self._ledger.jobs(batch_id)
        if jobs and jobs[-1].status is LedgerJobStatus.RECORDED:
            spec = self._spec(batch, jobs[-1].generation, map(shard_key, jobs[-1].shards))
            if (spec.name, spec.spec_hash) == (jobs[-1].name, jobs[-1].spec_hash):
                return spec
            self._close(jobs[-1].name, LedgerJobStatus.FAILED, _TAKEN_OVER)
            jobs = self._ledger.jobs(batch_id)
        missing = self.answers(batch_id).missing
        if not missing or _failures(jobs) >= self._settings.max_generations:
            return None
        return self._spec(batch, len(jobs), map(shard_key, missing))

    def submit_or_adopt(self, spec: TransformSpec) -> Submission:
        """Make sure that the job exists; safe to repeat after a crash at any point.

        Raises:
            TransientError: The backend failed for now; the job may exist.
            ConfigurationError: The backend refuses the job; a setting is named.
        """
        self._ledger.record_job(
            spec.name,
            batch_id=spec.batch_id,
            generation=spec.generation,
            spec_hash=spec.spec_hash,
            shards=spec.shard_basenames,
        )
        close = partial(self._close, spec.name, LedgerJobStatus.FAILED)
        return create_or_adopt(spec, self._backend, close)

    def poll(self, name: str) -> TransformDescription:
        """Return the present state of a job.

        Raises:
            JobNotFoundError: No job of this name was ever created.
            TransientError: The backend failed for now.
        """
        return self._backend.describe(name)

    def stop(self, name: str) -> None:
        """Ask a job to end early.

        Raises:
            TransientError: The backend failed for now.
        """
        self._backend.stop(name)

    def reconcile(self, spec: TransformSpec) -> tuple[str, ...]:
        """Compare an ended job's shards with its `.out` files; return the basenames that lack one.

        Notes what was answered and closes the job in the ledger: completed when
        nothing is missing, whatever the backend calls it.

        Raises:
            ValueError: The job has not ended.
            TransientError: The lake or the backend failed for now.
        """
        ended = self._backend.describe(spec.name)
        if not ended.status.is_terminal:
            raise ValueError(f"{spec.name} is still {ended.status}")
        outputs = self._backend.list_outputs(spec)
        AnswerIndex(self._lake, spec.model_sha256).add(outputs)
        missing = tuple(name for name in spec.shard_basenames if name not in outputs)
        if not missing:
            self._close(spec.name, LedgerJobStatus.COMPLETED, None)
            return ()
        stopped = ended.status is JobStatus.STOPPED
        reason = ended.failure_reason or f"{ended.status} without all answers"
        self._close(
            spec.name, LedgerJobStatus.STOPPED if stopped else LedgerJobStatus.FAILED, reason
        )
        log.warning(
            "%s ended %s: %d of %d shard(s) have no answer (%s)",
            spec.name,
            ended.status,
            len(missing),
            len(spec.shard_keys),
            reason,
        )
        return missing

    def answers(self, batch_id: str) -> BatchAnswers:
        """Return what is answered of the batch's shards, by whichever job, and what is not.

        Raises:
            TransientError: The lake failed for now.
            PlatformError: No model is pinned to the batch.
        """
        _, model_sha256 = _pinned(self._ledger.batch(batch_id))
        extractions = self._ledger.extractions(batch_id)
        index = AnswerIndex(self._lake, model_sha256)
        with ThreadPoolExecutor(max_workers=_LOOKUPS_AT_ONCE) as pool:
            shards = list(pool.map(self._shards, extractions))
            found = list(pool.map(index.find, extractions))
        wanted = {name for names in shards for name in names}
        known = {name: key for answers in found for name, key in answers.items()}
        return BatchAnswers(
            answers={name: known[name] for name in sorted(wanted) if name in known},
            missing=tuple(sorted(wanted - known.keys())),
        )

    def start(
        self, batch_id: str, on_job: Callable[[TransformSpec], None] = _ignore
    ) -> TransformSpec | None:
        """Plan, then submit or adopt; None when the batch needs no job (any more).

        Args:
            batch_id: The batch.
            on_job: Told of the job before it is created.
        """
        while (spec := self.plan(batch_id)) is not None:
            on_job(spec)
            if self.submit_or_adopt(spec) is not Submission.NAME_TAKEN:
                return spec
        return None

    def wait(
        self, name: str, on_poll: Callable[[TransformDescription], None] = _ignore
    ) -> TransformDescription:
        """Poll a job until it has ended; a poll that fails for now is repeated.

        Raises:
            TransientError: The job did not end within `timeout_s`; it was stopped.
        """
        return self._patience.until_ended(
            name, poll=partial(self.poll, name), stop=self._backend.stop, on_poll=on_poll
        )

    def run(
        self,
        batch_id: str,
        *,
        on_job: Callable[[TransformSpec], None] = _ignore,
        on_poll: Callable[[TransformDescription], None] = _ignore,
    ) -> BatchAnswers:
        """Do all of it and return what the batch's shards have come to.

        Raises:
            JobStoppedError: A person stopped the job meanwhile.
            TransientError: Something failed for now; running again goes on from there.
            ConfigurationError: A setting is wrong.
        """
        while (spec := self.start(batch_id, on_job)) is not None:
            was_ending = self.poll(spec.name).status is not JobStatus.IN_PROGRESS
            found = self.wait(spec.name, on_poll)
            self.finish(spec, found.status, was_ending=was_ending)
        return self.answers(batch_id)

    def finish(self, spec: TransformSpec, status: JobStatus, *, was_ending: bool) -> None:
        """Reconcile an ended job and decide whether to go on.

        Args:
            spec: The job.
            status: How it ended.
            was_ending: It had ended, or was being stopped, before it was waited for.
                A job that an interrupted attempt stopped is made up for; one that
                was stopped under our eyes is left alone.

        Raises:
            JobStoppedError: It was stopped under our eyes and left shards unanswered.
        """
        missing = self.reconcile(spec)
        if missing and status is JobStatus.STOPPED and not was_ending:
            raise JobStoppedError(
                f"{spec.name} was stopped with {len(missing)} shard(s) unanswered; "
                "clear the task to have those computed"
            )

    def _spec(self, batch: Batch, generation: int, shard_keys: Iterable[str]) -> TransformSpec:
        package_uri, model_sha256 = _pinned(batch)
        return build_spec(
            batch_id=batch.batch_id,
            generation=generation,
            lake_uri=self._lake.uri(""),
            model_package_uri=package_uri,
            model_sha256=model_sha256,
            shard_keys=shard_keys,
            settings=self._settings,
        )

    def _shards(self, extraction_id: str) -> list[str]:
        prefix = keys.shard(extraction_id, "").rstrip("/")
        return [
            name
            for name in map(basename, self._lake.list(prefix))
            if extraction_of(name) == extraction_id
        ]

    def _close(self, name: str, status: LedgerJobStatus, reason: str | None) -> None:
        self._ledger.close_job(name, status, failure_reason=reason)


def _failures(jobs: list[TransformJob]) -> int:
    """Stopped jobs do not count: a platform that is shut down often has not failed."""
    return sum(job.status is LedgerJobStatus.FAILED for job in jobs)


def _pinned(batch: Batch) -> tuple[str, str]:
    if batch.package_uri is None or batch.model_sha256 is None:
        raise PlatformError(f"no model is pinned to batch {batch.batch_id}")
    return batch.package_uri, batch.model_sha256
