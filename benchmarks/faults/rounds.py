"""One fault at a time, in the middle of a batch of six, with nothing else to do."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from threading import Thread

from benchmarks.faults.batches import Clips
from benchmarks.faults.kinds import Fault, deferred, wait_for_stage
from benchmarks.faults.rows import ALONE, Row
from benchmarks.faults.running import Running, left_over, unhealthy
from include.contracts.errors import TransientError
from include.ledger.models import State
from include.platform.stack.errors import StackError
from include.platform.stack.scenario import follow, wait_until_done, wake_intake

RECORDINGS = 6
LENGTHS_S = (30.0, 31.0, 32.0, 33.0, 34.0, 35.0)
RECOVERY_S = 300.0
"""Within this everything that a fault interrupted has to have its end."""
_STAGE_S = 300.0
_END_S = 900.0


def try_one(running: Running, clips: Clips, fault: Fault, study: str) -> Row:
    """Drop a batch, let the fault strike in its stage, wait for the ends, and check.

    Raises:
        StackError: The stage was not seen.
    """
    names = clips.drop(running.observer, study, RECORDINGS)
    woken_at = datetime.now(UTC)

    def wake() -> None:
        if not running.observer.held():
            wake_intake(running.api, woken_at)

    running.ticker.show(f"{fault.name}: waiting for {fault.stage}")
    seen = wait_for_stage(running.stack, running.api, fault.stage, _STAGE_S, wake)
    if seen is None:
        raise StackError(f"{fault.name}: nobody was seen in {fault.stage}")
    waiting = _deferred(running)
    held = len(running.observer.held())
    began_s = time.monotonic()
    # What lasts goes on while the ends are waited for: others may reach them meanwhile.
    striking = Thread(target=fault.strike, args=(running.stack, seen), daemon=True)
    striking.start()
    expected = dict.fromkeys(names, (State.PUBLISHED, None))
    outcomes = follow(running.api, running.observer, study, expected, running.ticker, _END_S)
    recovery_s = time.monotonic() - began_s
    striking.join()
    wrong = [
        f"{name} is {outcomes[name].state}" if name in outcomes else f"{name} is unknown"
        for name in names
        if name not in outcomes or not outcomes[name].is_final
    ]
    wrong += unhealthy(running.stack)
    wrong += running.observer.contradictions([row.id for row in outcomes.values()])
    wrong += wait_until_done(running.api, running.observer, running.ticker)
    wrong += left_over(running.stack)
    states = [row.state for row in outcomes.values()]
    return Row(
        fault=fault.name,
        where=ALONE,
        seen=fault.told.format(workers=", ".join(sorted(set(seen.workers)))),
        in_flight=held,
        recovery_s=round(recovery_s, 1),
        published=states.count(State.PUBLISHED),
        other_ends=sum(row.is_final for row in outcomes.values()) - states.count(State.PUBLISHED),
        wrong=tuple(wrong),
        deferred=len(waiting),
    )


def _deferred(running: Running) -> list[str]:
    try:
        return deferred(running.api)
    except TransientError:
        return []
