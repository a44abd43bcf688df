"""Run every stage of one batch in this process, in the order of the DAG."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

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
    groups = probe.run(services, batch_id)
    announce("extract")
    extract_groups(services, batch_id, groups)
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


def extract_groups(services: Services, batch_id: str, groups: Sequence[Sequence[int]]) -> None:
    """Extract group beside group, as the DAG's mapped tasks do; one child process each.

    Raises:
        PlatformError: Of the first group that failed, after all had their turn.
    """
    cores = len(os.sched_getaffinity(0))
    with ThreadPoolExecutor(max_workers=cores) as pool:
        done = [pool.submit(extract.run, services, batch_id, group) for group in groups]
    for future in done:
        future.result()
