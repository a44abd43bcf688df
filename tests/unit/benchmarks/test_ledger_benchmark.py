"""The ledger's benchmark asks real questions of the ledger that it says it fills."""

from __future__ import annotations

from pathlib import Path

from benchmarks.ledger import ask, fill
from include.ledger.models import State

ROWS = 3000


def test_what_is_filled_stands_in_every_state_and_is_claimed(tmp_path: Path) -> None:
    ledger = fill(f"sqlite:///{tmp_path}/ledger.sqlite", ROWS)
    before = ledger.counts()
    assert sum(before.values()) == ROWS
    in_use = (State.DISCOVERED, State.EXTRACTED, State.PUBLISHED, State.QUARANTINED, State.FAILED)
    assert all(before[state] for state in in_use)
    answers = ask(ledger, ROWS, rounds=2)
    assert all(len(item.took_ms) == 2 for item in answers)
    after = ledger.counts()
    assert after[State.CLAIMED] > 0
    assert after[State.CLAIMED] == before[State.DISCOVERED] - after[State.DISCOVERED]
