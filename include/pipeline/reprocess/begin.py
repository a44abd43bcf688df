"""Begin: pin the model, choose the recordings, open a batch of re-analyses."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta

from include.composition import Services, build_registry
from include.contracts.errors import ConfigurationError
from include.ledger.reanalysis import PinnedModel
from include.ledger.reanalysis_tables import PublishedRecording
from include.pipeline.reprocess.request import (
    Request,
    find_request,
    plan,
    run_key,
    write_request,
)
from include.pipeline.withdrawals import Withdrawals
from include.study.naming import KnownNames
from ml.registry.protocol import ModelVersion, VersionStatus
from ml.registry.signed import require_signed

log = logging.getLogger(__name__)


def run(
    services: Services,
    run_id: str,
    *,
    study: str | None = None,
    since: str | None = None,
    until: str | None = None,
    model: str = "challenger",
    make_current: bool = False,
) -> str:
    """Open the run's batch and return its id; a retry gets the same batch.

    Args:
        services: Collaborators.
        run_id: The Airflow run.
        study: Name of a study, as people wrote it; None or empty: all.
        since: First day of publishing (UTC), ISO; None or empty: any.
        until: Last day, likewise.
        model: Alias or number of the model version that answers.
        make_current: Have readers take the new results; for approved versions only.

    Raises:
        ConfigurationError: The form asks for nothing, for a study, window or version that
            is not there, or for readers to be given results of an unapproved version.
    """
    request = find_request(services, run_id)
    if request is None:
        study = _as_published(services, study) if study else None
        scope = _scope(services, study, since or None, until or None)
        version = _version(services, model.strip())
        if make_current:
            require_approved(version)
        chosen = plan(
            scope,
            version.sha256,
            make_current=make_current,
            cap=services.settings.reprocess.max_recordings,
        )
        request = write_request(
            services,
            Request(
                run_id=run_id,
                study=study,
                since=since or None,
                until=until or None,
                model=model.strip(),
                make_current=make_current,
                name=version.name,
                version=version.version,
                package_uri=version.package_uri,
                sha256=version.sha256,
                opened_at=services.ledger.clock().isoformat(),
                scope=[item.recording.id for item in scope],
                chosen=[(item.recording.id, item.front_key) for item in chosen.chosen],
                remaining=[
                    (item.recording.study, item.recording.recording) for item in chosen.remaining
                ],
                same_model=chosen.same_model,
            ),
        )
    batch = services.ledger.reanalyses.open(
        run_key(run_id),
        PinnedModel(request.name, request.version, request.package_uri, request.sha256),
        dict(request.chosen),
    )
    log.info(
        "%s version %s: %d recording(s) asked for, %d in this run, %d left to the next",
        request.name,
        request.version,
        len(request.scope),
        len(request.chosen),
        len(request.remaining),
    )
    return batch.batch_id


def scope_of(services: Services, request: Request) -> Sequence[PublishedRecording]:
    """Return where the recordings that a run asked for stand now."""
    return _published(services, request.study, request.since, request.until)


def require_approved(version: ModelVersion) -> None:
    """Refuse a version whose results readers must not be given.

    Raises:
        ConfigurationError: It is not approved.
    """
    if version.status is not VersionStatus.APPROVED:
        raise ConfigurationError(
            "make_current",
            f"version {version.version} of {version.name!r} is {version.status}: readers are "
            "given results of approved versions only. Have it approved, or leave make_current "
            "off: the results then lie beside the old ones",
        )


def _as_published(services: Services, study: str) -> str:
    """Return the study that a typed name stands for; the name itself where none does."""
    match = KnownNames(services.ledger.reanalyses.studies(), endings=False).match(study)
    if match.ambiguous:
        raise ConfigurationError("study", str(match.problem))
    return match.found or study


def _scope(
    services: Services, study: str | None, since: str | None, until: str | None
) -> Sequence[PublishedRecording]:
    if study is None and since is None and until is None:
        raise ConfigurationError("study", "name a study, or a window of days, or both")
    found = _published(services, study, since, until)
    if found:
        return found
    studies = services.ledger.reanalyses.studies()
    if study is not None and study not in studies:
        known = ", ".join(map(repr, studies[:10])) or "none"
        raise ConfigurationError(
            "study", f"nothing of {study!r} is published; studies with results: {known}"
        )
    raise ConfigurationError("since", "nothing was published in this window of days (UTC)")


def _published(
    services: Services, study: str | None, since: str | None, until: str | None
) -> Sequence[PublishedRecording]:
    first, last = _day("since", since), _day("until", until)
    if first is not None and last is not None and last < first:
        raise ConfigurationError("until", f"{last} is before {first}, where the window starts")
    found = services.ledger.reanalyses.scope(
        study,
        None if first is None else _midnight(first),
        None if last is None else _midnight(last + timedelta(days=1)),
    )
    withdrawals = Withdrawals(services, unread_stay_out=False)
    return [
        item
        for item in found
        if not withdrawals.holds(item.recording.study, item.recording.recording)
    ]


def _day(name: str, text: str | None) -> date | None:
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ConfigurationError(name, f"{text!r} is no day: write 2026-11-21") from None


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def _version(services: Services, text: str) -> ModelVersion:
    name = services.settings.model.name
    registry = build_registry(services.settings)
    versions = registry.list_versions(name)
    for version in versions:
        if text in version.aliases or text == version.version:
            require_signed(registry, version)
            return version
    known = "; ".join(
        f"{version.version} ({', '.join((*version.aliases, str(version.status)))})"
        for version in versions
    )
    raise ConfigurationError(
        "model", f"{text!r} is neither alias nor number of a version of {name!r}: {known or 'none'}"
    )
