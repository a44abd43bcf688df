"""Who asked for a retraining: they do not approve what comes of it."""

from __future__ import annotations

from include.composition import Services


def askers(services: Services, run_id: str, *, started_by: str | None) -> frozenset[str]:
    """Return the names of those who asked for a run.

    Both count: whoever started the run in Airflow, and whoever the ledger has the request
    from. A person can start by hand the run that was accepted for somebody else.

    Args:
        services: Collaborators.
        run_id: The Airflow run.
        started_by: Whom Airflow says started it; None where another DAG did.
    """
    request = services.ledger.retraining.of_run(run_id)
    names = {started_by or "", request.asked_by if request else ""}
    return frozenset(names - {""})
