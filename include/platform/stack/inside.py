"""`python -m include.platform.stack.inside`: looks at a running stack from within.

Reads questions from its input and writes an answer for each, one JSON document a line. It sees
what a worker sees: lake, ledger and queue, through the addresses and secrets of the compose file.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from botocore.exceptions import BotoCoreError, ClientError
from redis import Redis, RedisError
from sqlalchemy import create_engine, inspect, text
from sqlalchemy.exc import SQLAlchemyError

from include.composition import Services, build_services
from include.contracts.errors import PlatformError
from include.lake import keys
from include.lake.store import s3_client
from include.ledger.ledger import FINAL, Recording
from include.platform.stack.contradictions import contradictions

_BROKER = Path("/run/secrets/celery_broker_url")
_AIRFLOW = Path("/run/secrets/airflow_url")
_QUEUE = "default"
_SHARED = Path("/shared")


def drop(services: Services, study: str, folder: str) -> int:
    """Upload a folder's files under `incoming/{study}/`, as a marketer's S3 client does.

    Study files go first: a recording never waits for its purpose. Returns how many.
    """
    url = urlsplit(services.settings.storage.lake_url)
    client = s3_client(services.settings.storage)
    files = sorted((_SHARED / folder).iterdir(), key=lambda path: (path.suffix == ".mp4", path))
    for path in files:
        key = f"{url.path.strip('/')}/{keys.INCOMING}/{study}/{path.name}"
        client.upload_file(str(path), url.netloc, key)
    return len(files)


def recordings(services: Services, study: str) -> list[dict[str, Any]]:
    """Return the ledger's rows of a study."""
    found = [item for item in services.lake.list_incoming() if item.study == study]
    rows = services.ledger.versions_of([item.uri for item in found])
    return [_row(row) for row in rows]


def _row(row: Recording) -> dict[str, Any]:
    return {
        "id": row.id,
        "recording": row.recording,
        "state": str(row.state),
        "reason_code": row.reason_code,
        "attempts": row.attempts,
        "batch_id": row.batch_id,
        "result_key": row.result_key,
    }


def held(services: Services) -> list[dict[str, Any]]:
    """Return the ledger's rows that batches work on now."""
    return [_row(row) for row in services.ledger.held()]


def with_ids(services: Services, recording_ids: list[int]) -> list[dict[str, Any]]:
    """Return rows of the ledger by id."""
    return [_row(row) for row in services.ledger.with_ids(recording_ids)]


def counts(services: Services) -> dict[str, int]:
    """Return how many recordings of the whole ledger stand in each state."""
    return {str(state): count for state, count in services.ledger.counts().items()}


def in_work(services: Services) -> int:
    """Return how many recordings of the whole ledger have not reached an end."""
    counts = services.ledger.counts()
    return sum(count for state, count in counts.items() if state not in FINAL)


def listing(services: Services, prefix: str) -> list[str]:
    """Return the lake's keys under a prefix."""
    return list(services.lake.list(prefix))


def waiting(_services: Services) -> dict[str, int]:
    """Return how many messages wait in Celery's queue and how many are unacknowledged."""
    client = Redis.from_url(_BROKER.read_text())
    return {"queued": int(client.llen(_QUEUE)), "unacknowledged": int(client.hlen("unacked"))}


def tables_holding(_services: Services, words: dict[str, list[str]]) -> list[str]:
    """Return in which tables of Airflow's database a secret stands, as `NAME in TABLE`.

    The database packs long values, so that reading its files would miss them: rendered
    templates, results of tasks, the event log and everything else is looked at as text. What is
    enciphered does not show.

    Args:
        words: The forms of each secret by its name.
    """
    # Errors would repeat the parameters, which are secrets.
    engine = create_engine(_AIRFLOW.read_text().strip(), hide_parameters=True)
    told = []
    with engine.connect() as connection:
        tables = inspect(engine).get_table_names()
        for name, written in words.items():
            for table in tables:
                quoted = engine.dialect.identifier_preparer.quote(table)
                query = text(
                    f"SELECT count(*) FROM {quoted} AS entry WHERE "  # noqa: S608 - a table's name
                    + " OR ".join(
                        f"position(:w{n} in entry::text) > 0" for n in range(len(written))
                    )
                )
                given = {f"w{n}": one for n, one in enumerate(written)}
                if connection.execute(query, given).scalar_one():
                    told.append(f"{name} in {table}")
    return told


_AWAY = (PlatformError, OSError, SQLAlchemyError, BotoCoreError, ClientError, RedisError)
"""What a lake, a ledger or a queue that is away for now looks like."""
_QUESTIONS: Mapping[str, Callable[..., Any]] = {
    "drop": drop,
    "recordings": recordings,
    "held": held,
    "with_ids": with_ids,
    "counts": counts,
    "contradictions": contradictions,
    "in_work": in_work,
    "listing": listing,
    "waiting": waiting,
    "tables_holding": tables_holding,
}


def main() -> None:
    """Answer until the input ends."""
    services = build_services()
    for line in sys.stdin:
        question = json.loads(line)
        try:
            answer = {"answer": _QUESTIONS[question.pop("ask")](services, **question)}
        except _AWAY as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
