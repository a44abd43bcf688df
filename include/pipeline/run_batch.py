"""Run every stage of one batch in this process, in the order of the DAG."""

from __future__ import annotations

from collections.abc import Callable

from include.composition import Services, build_embedded_backend
from include.pipeline import (
    collect,
    extract,
    open_batch,
    probe,
    publish,
    settle,
    transform,
    validate,
)

Announce = Callable[[str], None]


def _quietly(_stage: str) -> None:
    """Nobody is listening."""


def run_batch(
    services: Services, batch_id: str, *, announce: Announce = _quietly
) -> dict[str, int]:
    """Take a claimed batch from its recordings to published results.

    Args:
        announce: Called with the name of each stage before it runs.

    Raises:
        PlatformError: Some recordings did not reach an end.
    """
    announce("open_batch")
    open_batch.run(services, batch_id)
    announce("probe")
    for group in probe.run(services, batch_id):
        announce("extract")
        extract.run(services, batch_id, group)
    announce("validate")
    validate.run(services, batch_id)
    announce("transform")
    transform.run(services, batch_id, build_embedded_backend(services))
    announce("collect")
    collect.run(services, batch_id)
    announce("publish")
    publish.run(services, batch_id)
    announce("settle")
    return settle.run(services, batch_id)
