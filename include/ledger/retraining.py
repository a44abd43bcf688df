"""The ledger's book of retraining: requests under a cool-down and a cap, and training jobs.

Every change is one transaction. Asking runs alone: of two processes that ask at
once, the second sees what the first was told.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine, RowMapping, func, insert, select, update

from include.contracts.identity import stable_hash
from include.ledger.engine import retraining_lock, writing
from include.ledger.jobs import JobTable
from include.ledger.models import JobStatus, LedgerConflictError
from include.ledger.retraining_tables import (
    ENDED,
    OPEN,
    STARTED,
    RequestState,
    RetrainingRequest,
    TrainingJob,
    retraining_requests,
    training_jobs,
)

_REQUEST = retraining_requests.c
_DAY = timedelta(days=1)
START_WITHIN = timedelta(hours=1)
"""An accepted request whose run did not start within this holds nobody back any longer."""


def _training_job(row: RowMapping) -> TrainingJob:
    return TrainingJob(**{**row, "status": JobStatus(row["status"])})


_JOBS = JobTable(training_jobs, "request_id", _training_job)


@dataclass(frozen=True, slots=True)
class Ask:
    """What is asked for."""

    reason: str
    evidence: str
    recipe: str
    asked_by: str
    run_id: str | None = None
    """The run that asks for itself, started by a person; None: a run id is made."""
    in_cooldown: bool = False
    """A person wants it although the last request is recent."""


class RetrainingBook:
    """Requests and training jobs. Safe to share between threads."""

    def __init__(self, engine: Engine, clock: Callable[[], datetime]) -> None:
        self._engine = engine
        self._clock = clock

    # --- requests ---

    def ask(self, ask: Ask, *, cooldown_s: float, daily_cap: int) -> RetrainingRequest:
        """Record a request, accepted or refused.

        Asking again with the evidence, or for the run, of an accepted request returns
        that one: a task that is repeated starts nothing twice.
        """
        with retraining_lock(self._engine) as connection:
            now = self._clock()
            known = _accepted_before(connection, ask)
            if known is not None:
                return known
            why = _refusal(connection, ask, now, cooldown_s, daily_cap)
            return _enter(connection, ask, now, why)

    def start(self, run_id: str, lease_s: float) -> RetrainingRequest:
        """Begin, or go on with, the accepted request of a run, and renew its lease.

        Raises:
            LedgerConflictError: The run has no request, or its request has ended.
        """
        now = self._clock()
        with writing(self._engine) as connection:
            connection.execute(
                update(retraining_requests)
                .where(_REQUEST.run_id == run_id, _REQUEST.state.in_(OPEN))
                .values(
                    state=RequestState.RUNNING,
                    started_at=func.coalesce(_REQUEST.started_at, now),
                    lease_until=now + timedelta(seconds=lease_s),
                )
            )
            request = _one(connection, run_id)
        if request.state is not RequestState.RUNNING:
            raise LedgerConflictError(f"the retraining {run_id!r} has ended: {request.state}")
        return request

    def finish(self, run_id: str, state: RequestState, *, why: str = "") -> RetrainingRequest:
        """Record how a run ended; the same end again is a no-op.

        Raises:
            LedgerConflictError: The run has no request, or it ended otherwise.
            ValueError: The state is no end.
        """
        if state not in ENDED:
            raise ValueError(f"{state} is no end of a retraining")
        with writing(self._engine) as connection:
            connection.execute(
                update(retraining_requests)
                .where(_REQUEST.run_id == run_id, _REQUEST.state.in_(OPEN))
                .values(state=state, why=why, ended_at=self._clock(), lease_until=None)
            )
            request = _one(connection, run_id)
        if request.state is not state:
            raise LedgerConflictError(
                f"the retraining {run_id!r} ended {request.state}, it cannot end {state} as well"
            )
        return request

    def of_run(self, run_id: str) -> RetrainingRequest | None:
        """The request of a run, or None."""
        found = self._requests(_REQUEST.run_id == run_id)
        return found[0] if found else None

    def requests(
        self, states: Collection[RequestState] = tuple(RequestState)
    ) -> list[RetrainingRequest]:
        """Requests in these states, in the order they were made."""
        return self._requests(_REQUEST.state.in_(list(states)))

    # --- training jobs ---

    def record_job(
        self, name: str, *, request_id: str, generation: int, spec_hash: str
    ) -> TrainingJob:
        """Store a job's name before the job is created; the same job again is a no-op.

        Args:
            name: Unique for ever.
            request_id: The request it serves.
            generation: 0, 1, 2, ...; rises only after the one before failed or was stopped.
            spec_hash: Identity of what is asked of it.

        Raises:
            LedgerConflictError: The name has another specification, or the generation may not rise.
        """
        values = {
            "name": name,
            "request_id": request_id,
            "generation": generation,
            "spec_hash": spec_hash,
        }
        with writing(self._engine) as connection:
            return _JOBS.record(connection, values, self._clock())

    def close_job(
        self, name: str, status: JobStatus, *, failure_reason: str | None = None
    ) -> TrainingJob:
        """Record how a job ended; the same end again is a no-op.

        Raises:
            LedgerConflictError: There is no such job, or it ended otherwise.
            ValueError: The status is not terminal.
        """
        with writing(self._engine) as connection:
            return _JOBS.close(connection, name, status, failure_reason, self._clock())

    def jobs(self, request_id: str) -> list[TrainingJob]:
        """Training jobs of a request by rising generation."""
        with self._engine.connect() as connection:
            return _JOBS.of(connection, request_id)

    def _requests(self, *conditions: Any) -> list[RetrainingRequest]:
        with self._engine.connect() as connection:
            return _select(connection, *conditions)


def _accepted_before(connection: Connection, ask: Ask) -> RetrainingRequest | None:
    if ask.run_id is not None:
        same = _select(connection, _REQUEST.run_id == ask.run_id)
    elif ask.evidence:
        same = _select(
            connection,
            _REQUEST.reason == ask.reason,
            _REQUEST.evidence == ask.evidence,
            _REQUEST.state.in_(STARTED),
        )
    else:
        return None
    return same[0] if same else None


def _refusal(
    connection: Connection, ask: Ask, now: datetime, cooldown_s: float, daily_cap: int
) -> str:
    """Return why nothing may start now; empty when it may."""
    started = _select(connection, _REQUEST.state.in_(STARTED))
    under_way = next(
        (item for item in started if item.lease_until is not None and item.lease_until > now), None
    )
    if under_way is not None:
        return f"{under_way.run_id} is under way ({under_way.state})"
    within_a_day = sum(item.asked_at > now - _DAY for item in started)
    if within_a_day >= daily_cap:
        return (
            f"{within_a_day} retraining(s) within 24 hours: FEX_RETRAINING__DAILY_CAP={daily_cap}"
        )
    if started and not ask.in_cooldown:
        over = started[-1].asked_at + timedelta(seconds=cooldown_s)
        if now < over:
            return f"cool-down after {started[-1].run_id} until {over:%Y-%m-%d %H:%M} UTC"
    return ""


def _enter(connection: Connection, ask: Ask, now: datetime, why: str) -> RetrainingRequest:
    number = connection.scalar(select(func.count()).select_from(retraining_requests))
    request_id = stable_hash(
        {"number": number, "asked_at": now.isoformat(), "reason": ask.reason, "by": ask.asked_by}
    )
    made = f"retraining__{now:%Y%m%dT%H%M%SZ}__{ask.reason}__{request_id[:8]}"
    connection.execute(
        insert(retraining_requests).values(
            request_id=request_id,
            reason=ask.reason,
            evidence=ask.evidence,
            recipe=ask.recipe,
            asked_by=ask.asked_by,
            asked_at=now,
            state=RequestState.REFUSED if why else RequestState.ACCEPTED,
            why=why,
            run_id=None if why else ask.run_id or made,
            lease_until=None if why else now + START_WITHIN,
        )
    )
    return _select(connection, _REQUEST.request_id == request_id)[0]


def _one(connection: Connection, run_id: str) -> RetrainingRequest:
    found = _select(connection, _REQUEST.run_id == run_id)
    if not found:
        raise LedgerConflictError(f"no retraining was accepted for the run {run_id!r}")
    return found[0]


def _select(connection: Connection, *conditions: Any) -> list[RetrainingRequest]:
    columns = [_REQUEST[field.name] for field in fields(RetrainingRequest)]
    rows = connection.execute(
        select(*columns).where(*conditions).order_by(_REQUEST.asked_at, _REQUEST.request_id)
    ).mappings()
    return [RetrainingRequest(**{**row, "state": RequestState(row["state"])}) for row in rows]
