"""Health checks that cost less than a second: `health.py job DagProcessorJob`, `health.py worker`.

Airflow's own (`airflow jobs check`, `celery inspect ping` on the provider's app) import all of
Airflow, 4 to 6 CPU-seconds, once a minute in each of four services. These ask the same places.
"""

from __future__ import annotations

import socket
import sys
from pathlib import Path

_SECRETS = Path("/run/secrets")
_HEARTBEAT_S = 60
"""Heartbeats come every 5 s; a busy machine makes them late."""
_PING_S = 10.0
_ALIVE = """
    SELECT count(*) FROM job
    WHERE job_type = %s AND hostname = %s AND state = 'running'
      AND latest_heartbeat > now() - make_interval(secs => %s)
"""


def job(kind: str) -> bool:
    """Tell whether this host's job of a kind sent a heartbeat to Airflow's database lately."""
    import psycopg2

    url = (_SECRETS / "airflow_url").read_text().strip().replace("+psycopg2", "")
    with psycopg2.connect(url, connect_timeout=5) as connection, connection.cursor() as cursor:
        cursor.execute(_ALIVE, (kind, socket.gethostname(), _HEARTBEAT_S))
        (count,) = cursor.fetchone()
    return bool(count)


def worker() -> bool:
    """Tell whether this host's Celery worker answers through the broker."""
    from celery import Celery

    app = Celery(broker=(_SECRETS / "celery_broker_url").read_text().strip())
    return bool(app.control.ping(destination=[f"celery@{socket.gethostname()}"], timeout=_PING_S))


if __name__ == "__main__":
    alive = worker() if sys.argv[1:] == ["worker"] else job(sys.argv[2])
    sys.exit(0 if alive else 1)
