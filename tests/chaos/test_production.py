"""Faults on the running stack, each in the middle of a batch of six with two workers.

After each: every recording published or visibly failed, nothing twice, nothing half, every
service healthy again, no process that nobody waits for, and no person needed. Recovery is the
time from the fault until all six have an end; it has to be within five minutes at the settings
shipped. Kinds, batches and checks are those of `make soak` (`benchmarks/faults`). With
`FEX_FAULT_ROWS=file` each fault is a line there, of which docs/faults.md is made.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import pytest
from rich.console import Console

from benchmarks.faults.batches import Clips
from benchmarks.faults.kinds import DEFERRED, DEFERRING, FAULTS, NOTHING, Fault
from benchmarks.faults.rounds import LENGTHS_S, RECORDINGS, RECOVERY_S, try_one
from benchmarks.faults.rows import append
from benchmarks.faults.running import Running, running
from include.platform.console import Ticker
from include.platform.stack import machine

WORKERS = 2
PORT = "8390"

pytestmark = [
    pytest.mark.production,
    pytest.mark.timeout(1500),
    pytest.mark.skipif(
        bool(os.environ.get("CI")) or bool(machine.missing()),
        reason=f"the stack cannot run here: {'; '.join(machine.missing()) or 'this is CI'}",
    ),
]


@pytest.fixture(scope="class")
def stack(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Running, Clips]]:
    """The stack with what the class sets, and recordings to drop."""
    home = tmp_path_factory.mktemp("production")
    variables = {"FEX_API_PORT": PORT, **request.cls.variables}
    with (
        Ticker(Console(width=150)) as ticker,
        running(home, ticker, workers=WORKERS, variables=variables) as found,
    ):
        clips = Clips(found.shared, LENGTHS_S)
        clips.make()
        yield found, clips


def try_and_check(stack: tuple[Running, Clips], fault: Fault) -> None:
    found, clips = stack
    row = try_one(found, clips, fault, f"alone-{fault.name.replace('_', '-')}")
    print(row)
    if kept := os.environ.get("FEX_FAULT_ROWS"):
        append(Path(kept), [row])
    assert row.wrong == ()
    assert row.published + row.other_ends == RECORDINGS
    assert row.recovery_s is not None
    assert row.recovery_s <= RECOVERY_S


class TestShipped:
    """Everything as the compose file has it."""

    variables: ClassVar[dict[str, str]] = {}

    @pytest.mark.parametrize("fault", [NOTHING, *FAULTS], ids=lambda fault: fault.name)
    def test_a_batch_outlives(self, stack: tuple[Running, Clips], fault: Fault) -> None:
        try_and_check(stack, fault)


class TestDeferring:
    """A transform whose task waits in the triggerer, as with SageMaker."""

    variables: ClassVar[dict[str, str]] = {"FEX_TRANSFORM__DEFERRABLE": "true"}

    @pytest.mark.parametrize(
        "fault",
        [fault for fault in DEFERRING if fault.stage == DEFERRED],
        ids=lambda fault: fault.name,
    )
    def test_a_batch_outlives(self, stack: tuple[Running, Clips], fault: Fault) -> None:
        try_and_check(stack, fault)
