"""Open: record or find the run's request, take its lease, pin the champion it must beat."""

from __future__ import annotations

import logging

from include.composition import Services, build_registry
from include.contracts.errors import ConfigurationError
from include.governance.access.people import approvers_of
from include.governance.release.documents import Champion, Opened
from include.governance.retraining.requests import ask
from include.ledger.models import JobStatus
from include.ledger.retraining_tables import STARTED
from include.pipeline.model_retraining import documents
from include.training_jobs.build import build_coordinator

log = logging.getLogger(__name__)


def run(
    services: Services,
    run_id: str,
    *,
    reason: str,
    evidence: str = "",
    recipe: str = "",
    asked_by: str = "",
    in_cooldown: bool = False,
) -> str | None:
    """Return the request's id, or None where nothing may start now.

    A run that another DAG started has its request accepted already. One that a person
    started asks for itself, under the same cool-down and cap. Jobs that a dead run left
    behind are stopped first.

    Args:
        services: Collaborators.
        run_id: The Airflow run.
        reason: Why, one of `REASONS`.
        evidence: Lake key of the report that asks; may be empty.
        recipe: Name of a recipe; empty takes the setting.
        asked_by: Who started the run by hand.
        in_cooldown: A person wants it although the last run is recent.

    Raises:
        ConfigurationError: No version is the champion, or only whoever asks could approve.
        LedgerConflictError: The run's request has ended.
    """
    approvers_of(services.settings.release.approvers, {asked_by})
    outcome = ask(
        services,
        reason=reason,
        evidence=evidence,
        recipe=recipe,
        asked_by=asked_by or "platform",
        in_cooldown=in_cooldown,
        run_id=run_id,
    )
    if not outcome.accepted:
        log.warning("recorded, nothing starts: %s", outcome.why)
        return None
    book = services.ledger.retraining
    request = book.start(run_id, services.settings.retraining.lease_s)
    _stop_leftovers(services, request.request_id)
    if documents.find(services, request.request_id, documents.OPENED) is None:
        documents.write(
            services,
            request.request_id,
            documents.OPENED,
            Opened(
                run_id=run_id,
                reason=request.reason,
                evidence=request.evidence,
                recipe=request.recipe,
                asked_by=request.asked_by,
                asked_at=request.asked_at.isoformat(),
                champion=_champion(services),
            ),
        )
    return request.request_id


def _champion(services: Services) -> Champion:
    model = services.settings.model
    version = build_registry(services.settings).get_by_alias(model.name, model.alias)
    if version is None:
        raise ConfigurationError(
            "FEX_MODEL__ALIAS",
            f"no version of model {model.name!r} carries the alias {model.alias!r}: there is no "
            "champion to go on from; register one with `make registry`",
        )
    return Champion(version.name, version.version, version.sha256, version.package_uri)


def _stop_leftovers(services: Services, request_id: str) -> None:
    """Stop jobs of other requests: only one run is under way, theirs is gone."""
    book = services.ledger.retraining
    for request in book.requests(STARTED):
        if request.request_id == request_id:
            continue
        if any(job.status is JobStatus.RECORDED for job in book.jobs(request.request_id)):
            stopped = build_coordinator(services).stop_all(request.request_id)
            log.warning("stopped what a dead run left: %s", ", ".join(stopped) or "nothing ran")
