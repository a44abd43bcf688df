"""`make bench ARGS='ledger --rows 1000000'`: what is asked of the ledger, at that many recordings.

PostgreSQL from the machine's own packages is started for the run (nothing is synced to disk),
or SQLite in a file. The rows are what years of work leave: most published, some set aside, a
queue in front. Each question is asked again and again; claims really claim.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table
from sqlalchemy import create_engine, text

from benchmarks import throwaway_postgresql
from include.contracts.reasons import QuarantineCode
from include.ledger.ledger import Ledger
from include.settings import DiscoverySettings

NOW = datetime(2026, 6, 1, tzinfo=UTC)
CLAIM_MS, LISTING_MS = 50.0, 300.0
_PER_STUDY = 1000
_WAITING_SHARE, _IN_WORK_SHARE, _QUARANTINED_SHARE, _FAILED_SHARE = 0.01, 0.001, 0.01, 0.003
_SERIES = {
    "postgresql": "SELECT n FROM generate_series(1, :rows) AS n",
    "sqlite": "WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < :rows)"
    " SELECT n FROM s",
}
_FILL = """
INSERT INTO recordings (uri_id, uri, key, version, size_bytes, study, recording, state, listed,
    first_seen_at, stable_since, updated_at, batch_id, lease_until, attempts, video_id,
    extraction_id, analysis_id, reason_code, result_key)
SELECT 'u' || n, 's3://bucket/incoming/study-' || (n / :per_study) || '/r' || n || '.mp4',
    'incoming/study-' || (n / :per_study) || '/r' || n || '.mp4', 'v', 1000000,
    'study-' || (n / :per_study), 'r' || n || '.mp4',
    CASE WHEN n > :first_waiting THEN 'discovered' WHEN n > :first_in_work THEN 'extracted'
        WHEN n % 1000 < :failed THEN 'failed' WHEN n % 1000 < :set_aside THEN 'quarantined'
        ELSE 'published' END,
    n > :first_waiting, :then, :then, :then,
    CASE WHEN n <= :first_waiting THEN 'batch-' || (n / 100) END,
    CASE WHEN n > :first_in_work AND n <= :first_waiting THEN :lease END,
    1, 'v' || n, 'e' || n, 'a' || n,
    CASE WHEN n % 1000 >= :failed AND n % 1000 < :set_aside AND n <= :first_in_work
        THEN 'truncated' END,
    'results/' || n
FROM ({series}) AS numbers
"""


@dataclass(frozen=True, slots=True)
class Asked:
    """One question and how long its answers took, milliseconds."""

    name: str
    bound_ms: float
    took_ms: tuple[float, ...]

    @property
    def median_ms(self) -> float:
        """The median answer."""
        return statistics.median(self.took_ms)

    @property
    def worst_ms(self) -> float:
        """The slowest answer."""
        return max(self.took_ms)


def fill(url: str, rows: int) -> Ledger:
    """Migrate an empty database and enter `rows` recordings."""
    ledger = Ledger.open(url, clock=lambda: NOW)
    engine = create_engine(url)
    in_front = rows - int(rows * _WAITING_SHARE)
    values = {
        "rows": rows,
        "per_study": _PER_STUDY,
        "first_waiting": in_front,
        "first_in_work": in_front - int(rows * _IN_WORK_SHARE),
        "failed": int(1000 * _FAILED_SHARE),
        "set_aside": int(1000 * (_FAILED_SHARE + _QUARANTINED_SHARE)),
        "then": datetime(2026, 1, 1, tzinfo=UTC),
        "lease": datetime(2026, 12, 1, tzinfo=UTC),
    }
    series = _SERIES[engine.dialect.name]
    with engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO batches (batch_id, run_key, created_at, model_sha256)"
                " SELECT 'batch-' || n, 'run-' || n, :then, 'm'"
                f" FROM ({series}) AS numbers"
            ),
            {"rows": rows // 100 + 1, "then": values["then"]},
        )
        connection.execute(
            text(
                "INSERT INTO batches (batch_id, run_key, created_at) VALUES ('batch-0', '', :then)"
            ),
            {"then": values["then"]},
        )
        connection.execute(text(_FILL.format(series=series)), values)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("ANALYZE"))
    engine.dispose()
    return ledger


def ask(ledger: Ledger, rows: int, rounds: int) -> list[Asked]:
    """Ask everything that stages, pages and figures ask, `rounds` times each."""
    settings = DiscoverySettings()
    study = f"study-{rows // _PER_STUDY // 2}"
    waiting = f"study-{(rows - 1) // _PER_STUDY}"
    codes = (QuarantineCode.TRUNCATED, QuarantineCode.CONSENT_WITHDRAWN)
    cleared, runs = ledger.claimable_studies(NOW, settings), iter(range(rounds))
    questions: list[tuple[str, float, Callable[[], object]]] = [
        ("claim", CLAIM_MS, lambda: _claim(ledger, f"bench-{next(runs)}", cleared)),
        ("studies with something to claim", LISTING_MS, lambda: _studies(ledger, settings)),
        ("a study's recordings to claim", LISTING_MS, lambda: _of(ledger, waiting, settings)),
        ("a study's published recordings", LISTING_MS, lambda: ledger.published(study)),
        ("a study's names", LISTING_MS, lambda: ledger.names(study)),
        ("studies with something set aside", LISTING_MS, lambda: ledger.quarantined_studies(codes)),
        ("a study's set aside", LISTING_MS, lambda: ledger.quarantined(study, codes)),
        ("length of the queue", LISTING_MS, lambda: ledger.queue(NOW, settings)),
        ("recordings in each state", LISTING_MS, ledger.counts),
        ("objects no stage can read", LISTING_MS, ledger.unusable),
        ("a batch's recordings", LISTING_MS, lambda: ledger.recordings("batch-77")),
    ]
    return [
        Asked(name, bound_ms, tuple(_timed(question) for _ in range(rounds)))
        for name, bound_ms, question in questions
    ]


def _claim(ledger: Ledger, run_key: str, cleared: Sequence[str]) -> object:
    return ledger.claim(run_key, NOW, DiscoverySettings(), cleared)


def _studies(ledger: Ledger, settings: DiscoverySettings) -> object:
    return ledger.claimable_studies(NOW, settings)


def _of(ledger: Ledger, study: str, settings: DiscoverySettings) -> object:
    return ledger.claimable(study, NOW, settings)


def _timed(question: Callable[[], object]) -> float:
    since = time.perf_counter()
    question()
    return 1000 * (time.perf_counter() - since)


def main(arguments: Sequence[str] | None = None) -> None:
    """Fill, ask, print; exit with 1 when a median is above its bound."""
    parser = argparse.ArgumentParser(prog="benchmarks ledger", description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--sqlite", action="store_true", help="a file instead of PostgreSQL")
    options = parser.parse_args(arguments)
    console = Console(width=110)
    with ExitStack() as stack:
        if options.sqlite:
            folder = stack.enter_context(tempfile.TemporaryDirectory())
            url = f"sqlite:///{Path(folder) / 'ledger.sqlite'}"
        else:
            server = stack.enter_context(throwaway_postgresql.server())
            url = throwaway_postgresql.new_database(server)
        since = time.perf_counter()
        ledger = fill(url, options.rows)
        console.print(f"{options.rows:,} recordings entered in {time.perf_counter() - since:.0f} s")
        answers = ask(ledger, options.rows, options.rounds)
    table = Table(title=f"milliseconds, {options.rounds} times each, {options.rows:,} recordings")
    for name in ("asked", "median", "slowest", "bound"):
        table.add_column(name, justify="left" if name == "asked" else "right")
    for item in answers:
        row = (item.median_ms, item.worst_ms, item.bound_ms)
        table.add_row(item.name, *(f"{value:.1f}" for value in row))
    console.print(table)
    if any(item.median_ms > item.bound_ms for item in answers):
        raise SystemExit(1)
