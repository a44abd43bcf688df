"""A window into the running stack: its ledger, lake and queue, asked from outside."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from include.contracts.errors import TransientError
from include.ledger.models import FINAL, State
from include.platform.stack.control import Stack
from include.platform.stack.leaks import forms

_MODULE = "include.platform.stack.inside"


@dataclass(frozen=True, slots=True)
class Outcome:
    """Where one recording stands in the ledger."""

    id: int
    recording: str
    state: State
    reason_code: str | None
    attempts: int
    batch_id: str | None
    result_key: str | None

    @property
    def is_final(self) -> bool:
        """Whether it has reached an end."""
        return self.state in FINAL


class Observer:
    """An instance of its own in the stack's network that answers questions.

    Args:
        stack: A stack that runs.
        shared: A folder of this machine whose folders can be dropped.
        name: Of the instance.
    """

    def __init__(self, stack: Stack, shared: Path, name: str = "observer") -> None:
        self._stack = stack
        self._process: subprocess.Popen[bytes] = stack.visit(
            name, ["python", "-m", _MODULE], shared=shared
        )
        self._log = stack.home.log(name)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe:
                pipe.close()
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def drop(self, study: str, folder: str) -> None:
        """Upload the files of a shared folder under `incoming/{study}/`."""
        self._ask("drop", study=study, folder=folder)

    def recordings(self, study: str) -> dict[str, Outcome]:
        """Return where each recording of a study stands, by name."""
        found = _outcomes(self._ask("recordings", study=study))
        return {row.recording: row for row in found}

    def held(self) -> list[Outcome]:
        """Return the recordings that batches work on now."""
        return _outcomes(self._ask("held"))

    def with_ids(self, recording_ids: Sequence[int]) -> list[Outcome]:
        """Return where recordings stand, by their ids in the ledger."""
        return _outcomes(self._ask("with_ids", recording_ids=list(recording_ids)))

    def counts(self) -> dict[State, int]:
        """Return how many recordings stand in each state."""
        return {State(state): int(count) for state, count in self._ask("counts").items()}

    def contradictions(self, recording_ids: Sequence[int]) -> list[str]:
        """Return where ledger and store differ about recordings at their end; empty is right."""
        found: list[str] = self._ask("contradictions", recording_ids=list(recording_ids))
        return found

    def in_work(self) -> int:
        """Return how many recordings have not reached an end."""
        return int(self._ask("in_work"))

    def listing(self, prefix: str) -> list[str]:
        """Return the lake's keys under a prefix."""
        return [str(key) for key in self._ask("listing", prefix=prefix)]

    def waiting(self) -> Mapping[str, int]:
        """Return the messages in Celery's queue, `queued` and `unacknowledged`."""
        found: dict[str, int] = self._ask("waiting")
        return found

    def tables_holding(self, secrets: Mapping[str, bytes]) -> list[str]:
        """Return in which tables of Airflow's database a secret stands, as `NAME in TABLE`."""
        words = {
            name: sorted(one.decode() for one in forms(word)) for name, word in secrets.items()
        }
        return [str(one) for one in self._ask("tables_holding", words=words)]

    def _ask(self, ask: str, **arguments: object) -> Any:
        """Ask and wait for the answer.

        Raises:
            TransientError: The stack could not answer now, or the instance has ended.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(json.dumps({"ask": ask, **arguments}).encode() + b"\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except OSError:
            line = b""
        if not line:
            raise TransientError(f"The observer has ended; its log: {self._log}")
        answer = json.loads(line)
        if "error" in answer:
            raise TransientError(answer["error"])
        return answer["answer"]


def _outcomes(rows: Sequence[Mapping[str, Any]]) -> list[Outcome]:
    return [Outcome(**{**row, "state": State(row["state"])}) for row in rows]
