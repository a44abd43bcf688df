"""Decide: carry out what a named person answered, or what the time-out answered for them."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from include.composition import Services, build_registry
from include.governance.access.people import APPROVERS, answered_by
from include.governance.bias.gate import blocking_audit
from include.governance.release.decision import (
    DECISION,
    Decision,
    carry_out,
    champion_changed,
    person,
)
from include.ledger.audit_tables import Deed
from include.ledger.retraining_tables import RequestState
from include.pipeline.model_retraining import documents
from include.pipeline.model_retraining.asked import askers

log = logging.getLogger(__name__)

TIME_OUT = "time-out"
APPROVE = "Approve"


def run(
    services: Services,
    request_id: str,
    response: Mapping[str, Any] | None,
    *,
    started_by: str | None = None,
) -> dict[str, Any]:
    """Promote or reject the challenger; return the decision that stands.

    An approval is turned down, with its reason, when it is not by an approver, when it is by
    whoever asked for the retraining, when a gate has failed, when another version was promoted
    since the comparison, or when an audit has blocked the package meanwhile.

    Args:
        services: Collaborators.
        request_id: The request.
        response: What the approval task returned: `chosen_options` and
            `responded_by_user` (None after a time-out). None where somebody marked the
            question as done instead of answering it: that approves nothing.
        started_by: Who started the run, as Airflow has it; None where no person did.

    Raises:
        RegistryError: The challenger's bytes are not the ones that were compared.
        TransientError: The registry or the lake failed for now.
    """
    opened = documents.read(services, request_id, documents.OPENED)
    registered = documents.read(services, request_id, documents.REGISTERED)
    registry = build_registry(services.settings)
    response = response or {}
    user = answered_by(response)
    by = person(user)
    approved = list(response.get("chosen_options") or ()) == [APPROVE] and bool(by)
    approvers = services.settings.release.approvers
    asked_by = askers(services, opened.run_id, started_by=started_by)
    wanted = Decision(
        approved=approved,
        by=by or TIME_OUT,
        why=_why(response, approved=approved, by=by),
        name=registered.name,
        version=registered.version,
        champion=opened.champion.version,
        at=services.ledger.clock().isoformat(),
    )
    if approved and user not in approvers:
        # Airflow refuses their answers; whoever was taken off the list meanwhile comes here.
        wanted = _turned_down(wanted, f"{by} is not among {APPROVERS}")
    elif approved and user in asked_by:
        wanted = _turned_down(wanted, f"{by} asked for it, and nobody approves that themselves")
    elif approved and (failed := _failed_gates(services, request_id)):
        wanted = _turned_down(wanted, f"gates that failed: {', '.join(failed)}")
    elif approved and champion_changed(registry, wanted):
        wanted = _turned_down(wanted, "another version was promoted since the comparison")
    elif approved and (blocked := blocking_audit(services, registered.sha256)):
        wanted = _turned_down(wanted, blocked)
    stands = services.lake.write_once(DECISION, documents.DECISION.key(request_id), wanted)
    services.ledger.audit.append(
        Deed.APPROVAL,
        who=stands.by,
        what=f"{stands.name} version {stands.version}",
        detail={
            "approved": stands.approved,
            "asked_by": sorted(asked_by),
            "champion_before": stands.champion,
            "request": request_id,
        },
        once=f"retraining/{request_id}",
    )
    carried = carry_out(registry, stands, now=services.ledger.clock())
    state = RequestState.PROMOTED if stands.approved else RequestState.REJECTED
    services.ledger.retraining.finish(opened.run_id, state, why=f"{stands.by}: {stands.why}")
    log.info("version %s is %s, %s", carried.version, carried.status, ", ".join(carried.aliases))
    return {"approved": stands.approved, "by": stands.by, "version": stands.version}


def _why(response: Mapping[str, Any], *, approved: bool, by: str) -> str:
    comment = str((response.get("params_input") or {}).get("comment") or "").strip()
    if comment:
        return comment
    if approved:
        return "approved in Airflow after the comparison"
    return "rejected in Airflow" if by else "nobody answered in time"


def _failed_gates(services: Services, request_id: str) -> list[str]:
    """Return the gates that were not passed.

    They end the run; somebody who may mark tasks as done can have it go on.
    """
    checked = documents.find(services, request_id, documents.GATES)
    return [] if checked is None else [gate.name for gate in checked.failed]


def _turned_down(decision: Decision, why: str) -> Decision:
    return replace(decision, approved=False, why=f"approved, but not promoted: {why}")
