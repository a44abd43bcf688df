"""The batch inference job as one task that may be killed, retried and cleared at any point."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator

from expression_transform.backend import build_backend
from expression_transform.logs import JobLogLink, job_log
from expression_transform.trigger import ExpressionTransformTrigger, progress_line
from include.contracts.errors import TransientError
from include.inference.backend import InferenceBackend, TransformDescription
from include.inference.coordinator import TransformCoordinator
from include.inference.spec import TransformSpec
from include.jobs.coordination import JobStoppedError
from include.jobs.state import JobNotFoundError, JobStatus

if TYPE_CHECKING:
    from airflow.sdk import Context

    from include.composition import Services


class ExpressionTransformOperator(BaseOperator):
    """Computes the displayed expressions of a batch's face crops in one transform job.

    * A try finds the job of the try before it and waits for that: there is
      never a second paid job for the same shards.
    * A job with missing answers is followed by one for exactly those, up to
      `FEX_TRANSFORM__MAX_GENERATIONS`. What is missing then is returned, and
      costs those recordings alone.
    * Killing the task stops the job, deferred or not; what it answered is kept.

    Args:
        batch_id: Batch in the ledger (templated).
        deferrable: Wait in the triggerer; None asks `FEX_TRANSFORM__DEFERRABLE`.

    Returns (XCom):
        `job` (name of the last job, or None when none was needed), `log` (URL of its
        log), `shards` (number), `missing` (basenames). The answers themselves are found in the
        lake by what they answer: `include.inference.answers`.
    """

    template_fields: Sequence[str] = ("batch_id",)
    operator_extra_links = (JobLogLink(),)
    ui_color = "#e3ecf7"

    def __init__(self, *, batch_id: str, deferrable: bool | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.batch_id = batch_id
        self.deferrable = deferrable
        self._services: Services | None = None
        self._backend: InferenceBackend | None = None
        self._job: str | None = None
        self._task_instance: Any = None
        self.job_log = ""
        """URL of the log of the job; empty before there is one."""
        self._shown = ""
        self._killed = False

    def execute(self, context: Context) -> dict[str, object]:
        """Start or adopt the batch's job and wait for it, here or in the triggerer."""
        self._task_instance = context.get("ti")
        services, coordinator = self._open()
        if self._defers(services):
            return self._start_and_defer(services, coordinator)
        try:
            coordinator.run(self.batch_id, on_job=self._on_job, on_poll=self._on_poll)
        except JobStoppedError as error:
            self._leave_if_killed(error)
            raise
        return self._result(services, coordinator)

    def execute_complete(
        self,
        context: Context,
        event: dict[str, str],
        *,
        was_ending: bool = False,
    ) -> dict[str, object]:
        """Go on where the trigger left off.

        Args:
            context: Airflow's.
            event: What the trigger found.
            was_ending: The job was being stopped already when the task deferred.

        Raises:
            TransientError: The job took too long and was stopped, or cannot be watched.
            JobStoppedError: A person stopped the job.
        """
        self._task_instance = context.get("ti")
        services, coordinator = self._open()
        job = event["job"]
        if event["outcome"] == "timeout":
            coordinator.stop(job)
            raise TransientError(
                f"{job} was stopped: it did not end within "
                f"FEX_TRANSFORM__TIMEOUT_S={services.settings.transform.timeout_s:g}"
            )
        if event["outcome"] == "error":
            raise TransientError(event["reason"])
        spec = coordinator.plan(self.batch_id)
        if spec is not None and spec.name == job:
            self._on_job(spec)
            coordinator.finish(spec, JobStatus(event["status"]), was_ending=was_ending)
        return self._start_and_defer(services, coordinator)

    def on_kill(self) -> None:
        """Stop the job: nobody waits for it any more.

        Airflow calls this from a signal handler and lets `execute` go on, which
        then leaves by itself.
        """
        self._killed = True
        if self._backend is None or self._job is None:
            return
        self.log.info("stopping %s: its task was killed", self._job)
        try:
            self._backend.stop(self._job)
        except JobNotFoundError:
            self.log.info("%s had not been created", self._job)

    def _open(self) -> tuple[Services, TransformCoordinator]:
        """Build the collaborators; nothing is opened when the DAG file is parsed."""
        from include.composition import build_services

        services = self._services = build_services()
        self._backend = build_backend(services)
        coordinator = TransformCoordinator(
            backend=self._backend,
            lake=services.lake,
            ledger=services.ledger,
            settings=services.settings.transform,
        )
        return services, coordinator

    def _defers(self, services: Services) -> bool:
        if self.deferrable is None:
            return services.settings.transform.deferrable
        return self.deferrable

    def _start_and_defer(
        self, services: Services, coordinator: TransformCoordinator
    ) -> dict[str, object]:
        """Defer to the trigger as often as there is a job to wait for."""
        settings = services.settings.transform
        while (spec := coordinator.start(self.batch_id, self._on_job)) is not None:
            found = coordinator.poll(spec.name)
            self._on_poll(found)
            if found.status.is_terminal:
                coordinator.finish(spec, found.status, was_ending=True)
                continue
            self.defer(
                trigger=ExpressionTransformTrigger(
                    job_name=spec.name,
                    poll_interval_s=settings.poll_interval_s,
                    deadline_s=time.time() + settings.timeout_s,
                ),
                method_name=self.execute_complete.__name__,
                kwargs={"was_ending": found.status is not JobStatus.IN_PROGRESS},
            )
        return self._result(services, coordinator)

    def _on_job(self, spec: TransformSpec) -> None:
        assert self._services
        self._leave_if_killed()
        self._job = spec.name
        # A job may take as long as a lease: nobody else must take the recordings meanwhile.
        self._services.ledger.renew_lease(self.batch_id, self._services.settings.discovery.lease_s)
        self.log.info(
            "job %s, generation %d: %d shard(s)",
            spec.name,
            spec.generation,
            len(spec.shard_keys),
        )
        self.job_log = job_log(self._services.settings, spec.name)
        self.log.info("log of the job: %s", self.job_log)
        self._show_log_link()

    def _show_log_link(self) -> None:
        """Show the button while the job runs: by itself Airflow does so when the task is over."""
        if self._task_instance is not None and self.job_log.startswith("https://"):
            self._task_instance.xcom_push(key=JobLogLink().xcom_key, value=self.job_log)

    def _on_poll(self, found: TransformDescription) -> None:
        if self._killed and not found.status.is_terminal:
            self.on_kill()  # the first call may have come before there was a job to stop
            self._leave_if_killed()
        if (line := progress_line(found)) != self._shown:
            self.log.info(line)
            self._shown = line

    def _leave_if_killed(self, error: Exception | None = None) -> None:
        """Let the next try, if there is one, compute what this one left.

        Raises:
            TransientError: This task was killed, by a person or by a worker that shuts down.
        """
        if self._killed:
            raise TransientError("the task was killed and has stopped its job") from error

    def _result(self, services: Services, coordinator: TransformCoordinator) -> dict[str, object]:
        jobs = services.ledger.jobs(self.batch_id)
        outcome = coordinator.answers(self.batch_id)
        if outcome.missing:
            self.log.error(
                "%d shard(s) have no answer: %s", len(outcome.missing), ", ".join(outcome.missing)
            )
        if jobs:
            self.job_log = job_log(services.settings, jobs[-1].name)
        return {
            "job": jobs[-1].name if jobs else None,
            "log": self.job_log,
            "shards": len(outcome.answers) + len(outcome.missing),
            "missing": list(outcome.missing),
        }
