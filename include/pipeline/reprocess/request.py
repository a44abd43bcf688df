"""What a run is to do: written down once, before anything is done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from include.composition import Services
from include.contracts.documents import Form
from include.contracts.errors import PlatformError
from include.lake import keys
from include.ledger.ledger import Batch
from include.ledger.reanalysis_tables import PublishedRecording

REQUEST = "request.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One run.

    Attributes:
        run_id: The Airflow run.
        study: Name of the study; None: all.
        since: First day of publishing, ISO; None: any.
        until: Last day, ISO; None: any.
        model: Alias or number, as it was asked for.
        make_current: Whether readers are given the new results.
        name: Model name.
        version: Model version, pinned.
        package_uri: Of its package.
        sha256: Of its package.
        opened_at: ISO 8601, UTC.
        scope: Ids of all recordings that were asked for.
        chosen: Ids of those this run works on, with the prefix of the result in front.
        remaining: Study and name of those that are left to the next run.
        same_model: How many were analysed by this version in the first place.
    """

    run_id: str
    study: str | None
    since: str | None
    until: str | None
    model: str
    make_current: bool
    name: str
    version: str
    package_uri: str
    sha256: str
    opened_at: str
    scope: list[int]
    chosen: list[tuple[int, str]]
    remaining: list[tuple[str, str]]
    same_model: int


REQUEST_FORM = Form(Request)


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run takes, and what it leaves."""

    chosen: Sequence[PublishedRecording]
    remaining: Sequence[PublishedRecording]
    same_model: int


def plan(scope: Sequence[PublishedRecording], sha256: str, *, make_current: bool, cap: int) -> Plan:
    """Choose what a run works on.

    A recording needs work while the model has not answered it, and, where readers are to be
    given the model's results, while they take another's. What was left out by an earlier run
    comes last, so that it never keeps a run from what can be done.

    Args:
        scope: What was asked for, in the order first seen.
        sha256: The model that answers.
        make_current: Whether readers are to be given its results.
        cap: Recordings that a run takes at most.
    """
    needs = [
        item
        for item in scope
        if sha256 not in item.answered or (make_current and item.front_sha256 != sha256)
    ]
    needs.sort(key=lambda item: (sha256 in item.left_out, item.recording.id))
    return Plan(
        chosen=needs[:cap],
        remaining=needs[cap:],
        same_model=sum(item.first.model_sha256 == item.front_sha256 == sha256 for item in scope),
    )


def run_key(run_id: str) -> str:
    """Identity of the run's batch in the ledger."""
    return f"reprocess:{run_id}"


def find_request(services: Services, run_id: str) -> Request | None:
    """Return what a run is to do, None before that is written down."""
    return services.lake.find(REQUEST_FORM, keys.reprocess(run_id, REQUEST))


def write_request(services: Services, request: Request) -> Request:
    """Write down what a run is to do; the first to do so wins, everyone gets what is written."""
    key = keys.reprocess(request.run_id, REQUEST)
    return services.lake.write_once(REQUEST_FORM, key, request)


def opened(services: Services, run_id: str) -> tuple[Request, Batch]:
    """Return what an opened run is to do, and its batch.

    Raises:
        PlatformError: The run was not opened.
    """
    request = find_request(services, run_id)
    batch = services.ledger.reanalyses.opened(run_key(run_id))
    if request is None or batch is None:
        raise PlatformError(f"{run_id} was not opened: the log of `begin` says why; clear it")
    return request, batch
