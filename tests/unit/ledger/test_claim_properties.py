"""Whatever happens in whatever order: nothing is lost, nothing is held twice."""

from __future__ import annotations

import shutil
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from include.ledger.ledger import FINAL, IN_WORK, Ledger, Recording, State
from tests.unit.ledger.support import SETTINGS, Clock, incoming

NAMES = [f"s{number % 2}/r{number}.mp4" for number in range(9)]
PICK = st.integers(min_value=0, max_value=30)


class LedgerMachine(RuleBasedStateMachine):
    """People drop and replace files, intake runs claim, analysis runs work, stall or fail."""

    @initialize()
    def open(self) -> None:
        # In memory where there is such a place: thousands of small commits.
        memory = Path("/dev/shm")
        self.folder = Path(
            tempfile.mkdtemp(prefix="fex-ledger-", dir=memory if memory.is_dir() else None)
        )
        self.clock = Clock(datetime(2026, 3, 1, tzinfo=UTC))
        self.ledger = Ledger.open(f"sqlite:///{self.folder}/ledger.sqlite", clock=self.clock)
        self.files: dict[str, int] = {}
        self.claims: dict[str, list[str]] = {}
        self.ever: set[tuple[str, str]] = set()

    def teardown(self) -> None:
        if hasattr(self, "folder"):
            shutil.rmtree(self.folder)

    def held(self) -> list[Recording]:
        return [item for item in self.ledger._select() if item.state in IN_WORK]

    @rule(name=st.sampled_from(NAMES), version=st.integers(min_value=1, max_value=3))
    def drop(self, name: str, version: int) -> None:
        self.files[name] = version

    @rule(name=st.sampled_from(NAMES))
    def remove(self, name: str) -> None:
        self.files.pop(name, None)

    @rule()
    def list_incoming(self) -> None:
        listing = [incoming(name, f"v{version}") for name, version in self.files.items()]
        self.ledger.observe(listing, self.clock())

    @rule(seconds=st.sampled_from([1, 31, SETTINGS.lease_s + 1]))
    def wait(self, seconds: float) -> None:
        self.clock.advance(seconds)

    @rule(run=st.integers(min_value=0, max_value=40))
    def claim(self, run: int) -> None:
        run_key = f"run {run}"
        before = {item.id: item for item in self.ledger._select()}
        batch_ids = self.ledger.claim(run_key, self.clock(), SETTINGS)
        if self.claims.get(run_key):
            assert batch_ids == self.claims[run_key]
            return
        self.claims[run_key] = batch_ids
        assert len(batch_ids) <= SETTINGS.max_batches_per_run
        for batch_id in batch_ids:
            members = self.ledger.recordings(batch_id)
            assert 0 < len(members) <= SETTINGS.max_videos_per_batch
            for item in members:
                old = before[item.id]
                assert item.state == State.CLAIMED
                assert item.attempts == old.attempts + 1 <= SETTINGS.max_attempts
                if old.state == State.DISCOVERED:
                    waited_s = (self.clock() - old.stable_since).total_seconds()
                    assert waited_s >= SETTINGS.stable_for_s
                else:
                    assert old.lease_until is not None
                    assert old.lease_until < self.clock()

    @rule(pick=PICK)
    def advance(self, pick: int) -> None:
        if held := self.held():
            item = held[pick % len(held)]
            batch_id = item.batch_id
            match item.state:
                case State.CLAIMED:
                    self.ledger.identify(
                        item.id, video_id="v", extraction_id="e", batch_id=batch_id
                    )
                    self.ledger.mark_extracted(item.id, batch_id=batch_id)
                case State.EXTRACTED:
                    self.ledger.mark_transformed(item.id, analysis_id="a", batch_id=batch_id)
                case _:
                    self.ledger.mark_published(item.id, result_key="k", batch_id=batch_id)

    @rule(pick=PICK)
    def give_up(self, pick: int) -> None:
        if held := self.held():
            self.ledger.release_or_fail(
                held[pick % len(held)].id, reason="x", max_attempts=SETTINGS.max_attempts
            )

    @rule(pick=PICK)
    def set_aside(self, pick: int) -> None:
        if held := self.held():
            self.ledger.quarantine(
                held[pick % len(held)].id, code="truncated", reason="x", result_key="q"
            )

    @invariant()
    def every_row_is_accounted_for(self) -> None:
        if not hasattr(self, "ledger"):
            return
        rows = self.ledger._select()
        assert len({(item.uri, item.version) for item in rows}) == len(rows)
        for item in rows:
            assert (item.lease_until is not None) == (item.state in IN_WORK)
            assert item.state not in (State.QUARANTINED, State.FAILED) or item.reason_code
        waiting = [item.uri for item in rows if item.state == State.DISCOVERED]
        # A row released while a newer version waits is failed at once, so one at most waits.
        assert len(waiting) == len(set(waiting))
        # Once taken up, a version never disappears from the ledger.
        taken = {(item.uri, item.version) for item in rows if item.state in (*IN_WORK, *FINAL)}
        assert self.ever <= {(item.uri, item.version) for item in rows}
        self.ever |= taken


LedgerMachine.TestCase.settings = settings(
    max_examples=15,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
TestLedgerMachine = LedgerMachine.TestCase
