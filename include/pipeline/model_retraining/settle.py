"""Settle: whatever happened before, leave no job, no challenger without a run, no open request."""

from __future__ import annotations

import logging
from typing import Any

from include.composition import Services, build_notifier, build_registry
from include.contracts.errors import PlatformError
from include.governance.release.decision import DECISION, Decision, carry_out
from include.lake import keys
from include.ledger.retraining_tables import ENDED, RequestState, RetrainingRequest
from include.observability.notice import Notice, Severity
from include.pipeline.model_retraining import documents
from include.training_jobs.build import build_backend, build_coordinator
from ml.registry.protocol import ModelRegistry, ModelVersion

log = logging.getLogger(__name__)

GATES = "gates"
PLATFORM = "platform"


def run(services: Services, run_id: str) -> dict[str, Any]:
    """Close the run's request: promoted, rejected with its reason, or failed.

    Without effect for a run that was refused, and for one that has ended.

    Raises:
        PlatformError: The run broke before a decision; its message says where.
        TransientError: The registry or the lake failed for now.
    """
    book = services.ledger.retraining
    request = book.of_run(run_id)
    if request is None:
        return {"state": str(RequestState.REFUSED)}
    request_id = request.request_id
    build_coordinator(services).stop_all(request_id)
    decision = documents.find(services, request_id, documents.DECISION)
    if request.state not in ENDED:
        if decision is not None:  # killed between the record and its end
            _carry_out(services, decision, run_id)
        else:
            _give_up(services, request_id, run_id)
    build_backend(services).forget(request_id)
    ended = book.of_run(run_id)
    assert ended is not None
    _tell(services, ended)
    if ended.state is RequestState.FAILED:
        raise PlatformError(f"the retraining did not come to a decision: {ended.why}")
    return {"state": str(ended.state), "why": ended.why}


def _tell(services: Services, ended: RetrainingRequest) -> None:
    severity = Severity.WARNING if ended.state is RequestState.FAILED else Severity.INFO
    build_notifier(services).send(
        Notice(
            key=f"retraining/{ended.request_id}",
            severity=severity,
            title=f"Retraining {ended.state}",
            body=f"Asked for because: {ended.reason}. {ended.why}".strip(),
            link=services.lake.uri(keys.retraining(ended.request_id)),
        )
    )


def _give_up(services: Services, request_id: str, run_id: str) -> None:
    """Reject what a gate stopped; fail what broke. Either way no challenger waits any longer."""
    gates = documents.find(services, request_id, documents.GATES)
    failed = [] if gates is None else gates.failed
    by = GATES if failed else PLATFORM
    why = " ".join(gate.sentence for gate in failed) or (
        f"the run ended after {_last(services, request_id)}; its task log says why"
    )
    registry = build_registry(services.settings)
    version = _waiting(services, registry, request_id)
    if version is not None:
        opened = documents.read(services, request_id, documents.OPENED)
        wanted = Decision(
            approved=False,
            by=by,
            why=why,
            name=version.name,
            version=version.version,
            champion=opened.champion.version,
            at=services.ledger.clock().isoformat(),
        )
        stands = services.lake.write_once(DECISION, documents.DECISION.key(request_id), wanted)
        carry_out(registry, stands, now=services.ledger.clock())
    state = RequestState.REJECTED if failed else RequestState.FAILED
    services.ledger.retraining.finish(run_id, state, why=why)


def _waiting(services: Services, registry: ModelRegistry, request_id: str) -> ModelVersion | None:
    """Return the version that the run registered, also when it was killed right after."""
    packaged = documents.find(services, request_id, documents.PACKAGED)
    if packaged is None:
        return None
    versions = registry.list_versions(services.settings.model.name)
    return next((item for item in versions if item.sha256 == packaged.sha256), None)


def _carry_out(services: Services, decision: Decision, run_id: str) -> None:
    carry_out(build_registry(services.settings), decision, now=services.ledger.clock())
    if decision.by in (GATES, PLATFORM):  # this task's own, killed after it was recorded
        state = RequestState.FAILED if decision.by == PLATFORM else RequestState.REJECTED
        services.ledger.retraining.finish(run_id, state, why=decision.why)
        return
    state = RequestState.PROMOTED if decision.approved else RequestState.REJECTED
    services.ledger.retraining.finish(run_id, state, why=f"{decision.by}: {decision.why}")


def _last(services: Services, request_id: str) -> str:
    """Name the last stage that ended."""
    order = (
        (documents.SIDE_BY_SIDE, "side by side"),
        (documents.REGISTERED, "register"),
        (documents.GATES, "check"),
        (documents.AUDIT, "audit"),
        (documents.EVALUATION, "evaluate"),
        (documents.PACKAGED, "package"),
        (documents.TRAINED, "train"),
        (documents.ASSEMBLED, "assemble"),
        (documents.OPENED, "open"),
    )
    for document, stage in order:
        if services.lake.exists(document.key(request_id)):
            return stage
    return "nothing"
