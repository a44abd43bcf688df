"""From sealed data to trained weights, however often a process is killed on the way.

The ledger says which job was meant to run and the backend whether it does; each is asked
again after a restart. A job's name is in the ledger before the job is created, so that a
second process adopts the first one's job. Every job of a request goes on from the same
checkpoint: what was learnt before an interruption is not learnt again.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from include.contracts.errors import PlatformError
from include.jobs.coordination import JobStoppedError, Patience, Submission, create_or_adopt
from include.jobs.state import JobNotFoundError, JobStatus
from include.ledger.models import JobStatus as LedgerJobStatus
from include.training_jobs.backend import TrainingBackend, TrainingDescription
from include.training_jobs.interrupt import stopping_on_signal
from include.training_jobs.spec import TrainingSpec, build_spec

if TYPE_CHECKING:
    from include.ledger.retraining import RetrainingBook
    from include.ledger.retraining_tables import TrainingJob
    from include.settings import TrainingSettings

log = logging.getLogger(__name__)

Report = Callable[[str], None]

_OTHER_DATA = "recorded for other data than the request has now"


class TrainingFailedError(PlatformError):
    """The training cannot succeed as it stands: every allowed job failed, or one for good."""


class TrainingCoordinator:
    """Starts, adopts, watches and closes the training jobs of requests."""

    def __init__(
        self,
        *,
        backend: TrainingBackend,
        book: RetrainingBook,
        settings: TrainingSettings,
        lake_uri: str,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._backend = backend
        self._book = book
        self._settings = settings
        self._lake_uri = lake_uri
        self._patience = Patience(
            timeout_s=settings.timeout_s,
            setting="FEX_TRAINING__TIMEOUT_S",
            poll_interval_s=settings.poll_interval_s,
            sleep=sleep,
            clock=clock,
        )

    def run(self, request_id: str, data_sha256: str, report: Report) -> TrainingSpec:
        """Return the completed job of a request, after making and awaiting what it takes.

        While this waits, a SIGTERM to the process (the task was killed by a person)
        stops the job first.

        Args:
            request_id: The request in the ledger.
            data_sha256: Seal of the data that it learns from.
            report: Told each line of the job's log.

        Raises:
            TrainingFailedError: Every allowed job failed, or one did for good.
            JobStoppedError: A person stopped the job meanwhile.
            TransientError: Something failed for now; running again goes on from there.
            ConfigurationError: A setting is wrong.
        """
        while True:
            spec, job = self._next(request_id, data_sha256)
            if job is not None and job.status is LedgerJobStatus.COMPLETED:
                return spec
            if not self._submit_or_adopt(spec):
                continue
            was_ending = self._backend.describe(spec.name).status is not JobStatus.IN_PROGRESS
            with stopping_on_signal(partial(self._backend.stop, spec.name)):
                ended = self._wait(spec.name, report)
            self._finish(spec, ended, was_ending=was_ending)

    def stop_all(self, request_id: str) -> list[str]:
        """Stop what still runs for a request and close it in the ledger; return the names.

        Raises:
            TransientError: The backend failed for now.
        """
        stopped = []
        for job in self._book.jobs(request_id):
            if job.status is not LedgerJobStatus.RECORDED:
                continue
            try:
                found = self._backend.describe(job.name)
                if not found.status.is_terminal:
                    self._backend.stop(job.name)
                    stopped.append(job.name)
            except JobNotFoundError:
                log.info("%s had not been created", job.name)
            self._close(job.name, LedgerJobStatus.STOPPED, "its run has ended")
        return stopped

    def _next(self, request_id: str, data_sha256: str) -> tuple[TrainingSpec, TrainingJob | None]:
        """Return the job to wait for: one that completed, is recorded, or is to be made."""
        jobs = self._book.jobs(request_id)
        if jobs and jobs[-1].status in (LedgerJobStatus.RECORDED, LedgerJobStatus.COMPLETED):
            spec = self._spec(request_id, jobs[-1].generation, data_sha256)
            if spec.spec_hash == jobs[-1].spec_hash:
                return spec, jobs[-1]
            if jobs[-1].status is LedgerJobStatus.COMPLETED:
                raise TrainingFailedError(f"{jobs[-1].name} was trained on other data")
            self._close(jobs[-1].name, LedgerJobStatus.FAILED, _OTHER_DATA)
        # Stopped jobs do not count: a platform that is shut down often has not failed.
        failed = [job for job in self._book.jobs(request_id) if job.status == "failed"]
        if len(failed) >= self._settings.max_generations:
            raise TrainingFailedError(
                f"{len(failed)} training job(s) failed, the last one because: "
                f"{failed[-1].failure_reason} (FEX_TRAINING__MAX_GENERATIONS="
                f"{self._settings.max_generations})"
            )
        return self._spec(request_id, len(jobs), data_sha256), None

    def _submit_or_adopt(self, spec: TrainingSpec) -> bool:
        """Make sure that the job exists; False where somebody else's has its name."""
        self._book.record_job(
            spec.name,
            request_id=spec.request_id,
            generation=spec.generation,
            spec_hash=spec.spec_hash,
        )
        close = partial(self._close, spec.name, LedgerJobStatus.FAILED)
        return create_or_adopt(spec, self._backend, close) is not Submission.NAME_TAKEN

    def _wait(self, name: str, report: Report) -> TrainingDescription:
        """Wait until a job has ended, and pass on its stages and its log meanwhile.

        Raises:
            TransientError: The job did not end within `timeout_s`; it was stopped.
        """
        stage = None

        def poll() -> TrainingDescription:
            nonlocal stage
            found = self._backend.describe(name)
            if found.stage not in (stage, None):
                stage = found.stage
                report(f"{name}: {stage}")
            for line in self._backend.news(name):
                report(line)
            return found

        return self._patience.until_ended(name, poll=poll, stop=self._backend.stop)

    def _finish(self, spec: TrainingSpec, ended: TrainingDescription, *, was_ending: bool) -> None:
        """Close an ended job; raise where another one must not follow by itself."""
        if ended.status is JobStatus.COMPLETED:
            self._close(spec.name, LedgerJobStatus.COMPLETED, None)
            return
        reason = ended.failure_reason or str(ended.status)
        if ended.status is JobStatus.STOPPED:
            self._close(spec.name, LedgerJobStatus.STOPPED, reason)
            if not was_ending:
                raise JobStoppedError(
                    f"{spec.name} was stopped; clear the task to go on from its checkpoint"
                )
            return
        log.warning("%s failed: %s", spec.name, reason)
        self._close(spec.name, LedgerJobStatus.FAILED, reason)
        if ended.permanent:
            raise TrainingFailedError(f"{spec.name} failed: {reason}")

    def _spec(self, request_id: str, generation: int, data_sha256: str) -> TrainingSpec:
        return build_spec(
            request_id=request_id,
            generation=generation,
            lake_uri=self._lake_uri,
            data_sha256=data_sha256,
        )

    def _close(self, name: str, status: LedgerJobStatus, reason: str | None) -> None:
        self._book.close_job(name, status, failure_reason=reason)
