"""Waits for a transform job in the triggerer, so that no worker slot is held meanwhile."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Protocol

from airflow.triggers.base import BaseTrigger, TriggerEvent

from include.contracts.errors import TransientError
from include.inference.backend import TransformDescription
from include.settings import Settings, load_settings


class _Watch(Protocol):
    """What the trigger asks of a backend."""

    async def describe(self, name: str) -> TransformDescription: ...

    async def stop(self, name: str) -> None: ...


class ExpressionTransformTrigger(BaseTrigger):
    """Fires once, when the job has ended or `deadline_s` is over.

    Killing the deferred task (mark failed, mark success, clear) stops the job;
    a restart of the triggerer does not.

    Args:
        job_name: The transform job.
        poll_interval_s: Seconds between two looks.
        deadline_s: Unix time after which the job has taken too long.
    """

    def __init__(self, *, job_name: str, poll_interval_s: float, deadline_s: float) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.job_name = job_name
        self.poll_interval_s = poll_interval_s
        self.deadline_s = deadline_s

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return what the triggerer needs to make this trigger again."""
        return (
            f"{type(self).__module__}.{type(self).__qualname__}",
            {
                "job_name": self.job_name,
                "poll_interval_s": self.poll_interval_s,
                "deadline_s": self.deadline_s,
            },
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Poll until the job has ended; a poll that fails for now is repeated.

        Any other fault ends the trigger with an event as well: raised here, it
        would show in the triggerer's log alone.
        """
        try:
            async with _watch(load_settings()) as backend:
                outcome = await self._poll(backend)
        except Exception as error:
            self.log.exception("cannot watch %s", self.job_name)
            outcome = {"outcome": "error", "reason": f"{type(error).__name__}: {error}"}
        event = {"job": self.job_name, **outcome}
        yield TriggerEvent(event)  # type: ignore[no-untyped-call]

    async def on_kill(self) -> None:
        """Stop the job: a person ended the task that waits for it."""
        self.log.info("stopping %s: its task was ended by a person", self.job_name)
        async with _watch(load_settings()) as backend:
            await backend.stop(self.job_name)

    async def _poll(self, backend: _Watch) -> dict[str, str]:
        shown = ""
        while True:
            try:
                found = await backend.describe(self.job_name)
            except TransientError as error:
                self.log.warning("will ask again for %s: %s", self.job_name, error)
            else:
                if (line := progress_line(found)) != shown:
                    self.log.info(line)
                    shown = line
                if found.status.is_terminal:
                    return {"outcome": "ended", "status": str(found.status)}
            if time.time() > self.deadline_s:
                return {"outcome": "timeout"}
            await asyncio.sleep(self.poll_interval_s)


def progress_line(found: TransformDescription) -> str:
    """One line for the task log."""
    progress = "" if found.done is None else f", {found.done} of {found.total} shard(s)"
    reason = f": {found.failure_reason}" if found.failure_reason else ""
    return f"{found.name} is {found.status}{progress}{reason}"


def _watch(settings: Settings) -> AbstractAsyncContextManager[_Watch]:
    if settings.transform.backend == "embedded":
        return _watch_embedded(settings)
    return _watch_sagemaker(settings)


@asynccontextmanager
async def _watch_embedded(settings: Settings) -> AsyncIterator[_Watch]:
    from include.inference.embedded import EmbeddedBackend
    from include.lake.store import Lake

    lake = await asyncio.to_thread(Lake.open, settings.storage)
    yield _Embedded(
        EmbeddedBackend(settings=settings.transform, storage=settings.storage, lake=lake)
    )


@asynccontextmanager
async def _watch_sagemaker(settings: Settings) -> AsyncIterator[_Watch]:
    from expression_transform.backend import sagemaker_hook
    from include.aws_errors import aws_errors
    from include.inference.sagemaker import SETTINGS

    hook = sagemaker_hook(settings)
    with aws_errors(SETTINGS):
        connection = await hook.get_async_conn()  # type: ignore[no-untyped-call]
    async with connection as client:
        yield _SageMaker(client)


class _Embedded:
    def __init__(self, backend: Any) -> None:
        self._backend = backend

    async def describe(self, name: str) -> TransformDescription:
        found: TransformDescription = await asyncio.to_thread(self._backend.describe, name)
        return found

    async def stop(self, name: str) -> None:
        await asyncio.to_thread(self._backend.stop, name)


class _SageMaker:
    def __init__(self, client: Any) -> None:
        self._client = client

    async def describe(self, name: str) -> TransformDescription:
        from include.aws_errors import aws_errors
        from include.inference.sagemaker import SETTINGS, description_of

        with aws_errors(SETTINGS):
            return description_of(await self._client.describe_transform_job(TransformJobName=name))

    async def stop(self, name: str) -> None:
        from include.aws_errors import aws_errors
        from include.inference.sagemaker import SETTINGS

        with aws_errors(SETTINGS):
            await self._client.stop_transform_job(TransformJobName=name)
