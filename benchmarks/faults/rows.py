"""What is kept of each fault, and how rows come from and go to files."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parents[1] / "results"
ALONE, LOAD = "alone", "load"


@dataclass(frozen=True, slots=True)
class Row:
    """One fault.

    Attributes:
        fault: Its kind.
        where: `alone`: one batch and nothing else; `load`: others before and after it.
        seen: What was hit, for people.
        in_flight: Recordings that batches held at that moment.
        recovery_s: From the fault until every one of them had its end; None: not watched to it.
        published: How many of them were published.
        other_ends: How many were quarantined or visibly failed.
        wrong: What does not hold afterwards, in words; empty is right.
        deferred: Tasks that waited in the triggerer at that moment.
    """

    fault: str
    where: str
    seen: str
    in_flight: int
    recovery_s: float | None
    published: int
    other_ends: int
    wrong: tuple[str, ...]
    deferred: int = 0


def read_rows(path: Path) -> list[Row]:
    """Return the rows of a file of JSON lines; none where it is not there."""
    if not path.exists():
        return []
    found = (json.loads(line) for line in path.read_text().splitlines())
    return [Row(**{**row, "wrong": tuple(row["wrong"])}) for row in found]


def append(path: Path, rows: Iterable[Row]) -> None:
    """Add rows to a file of JSON lines."""
    append_json(path, (asdict(row) for row in rows))


def append_json(path: Path, documents: Iterable[dict[str, Any]]) -> None:
    """Add documents to a file of JSON lines."""
    with path.open("a") as stream:
        for document in documents:
            stream.write(json.dumps(document) + "\n")
