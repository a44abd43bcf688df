"""Settings that make every demonstration short: somebody is watching."""

from __future__ import annotations

from collections.abc import Mapping

QUICK: Mapping[str, str] = {
    # The demo's files arrive by rename, complete: no need to watch them first.
    "FEX_DISCOVERY__STABLE_FOR_S": "0",
    # Look for the next task more often than is good for a machine at rest.
    "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.2",
}
