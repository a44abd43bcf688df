"""What follows an audit: a named person's decision, and the wish for a better model."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from include.composition import Services, build_notifier
from include.contracts.documents import typed_values
from include.contracts.errors import ConfigurationError
from include.governance.access.people import SIGNERS, answered_by
from include.governance.bias import store
from include.governance.bias.disparity import Status
from include.governance.bias.record import Decision, sign_off
from include.governance.retraining.requests import ask
from include.lake import keys
from include.ledger.audit_tables import Deed
from include.observability.notice import Notice, Severity
from include.pipeline.bias_audit.outcome import AuditOutcome, SignOffOutcome

log = logging.getLogger(__name__)

ACCEPT, REJECT = "Accept", "Reject"
"""What an auditor may answer."""
COMMENT = "comment"
"""Name of the form's field."""


def as_outcome(values: object) -> AuditOutcome:
    """Return what the task before handed over.

    Raises:
        DocumentError: It is none.
    """
    return typed_values(values, AuditOutcome, "what `audit` returned")


def record_answer(
    services: Services, audit: AuditOutcome, answer: Mapping[str, Any] | None
) -> SignOffOutcome:
    """Write an auditor's answer to an audit, or that nobody answered in time.

    The name comes from the authenticated answer, never from a form. Whoever is not among
    the signers is refused here as well, should the web server have let the answer through.

    Args:
        services: The platform.
        audit: What `stage.run` returned.
        answer: What Airflow's human-in-the-loop operator returned: `chosen_options`,
            `params_input`, `responded_by_user` (`id`, `name`; None after the time-out) and
            `responded_at`. None where somebody marked the question as done: that signs nothing.

    Raises:
        ConfigurationError: The person may not sign, or accepts a red audit without a reason.
        TransientError: The lake failed for now.
    """
    sha256 = audit.audit_sha256
    answer = answer or {}
    signer = answered_by(answer)
    if not signer:
        log.warning("audit %s: nobody signed in time", sha256[:12])
        _tell_unsigned(services, audit)
        return SignOffOutcome(sha256, decision=None, who=None)
    if signer not in services.settings.audit.signers:
        raise ConfigurationError(
            SIGNERS,
            f"{signer!r} answered audit {sha256[:12]} and is not among those who may sign "
            f"({', '.join(services.settings.audit.signers)})",
        )
    accepted = list(answer["chosen_options"]) == [ACCEPT]
    signed = sign_off(
        store.load(services.lake, sha256),
        who=signer,
        when=_time(answer.get("responded_at")),
        decision=Decision.ACCEPTED if accepted else Decision.REJECTED,
        audit_sha256=sha256,
        comment=str((answer.get("params_input") or {}).get(COMMENT) or ""),
    )
    held = store.save_sign_off(services.lake, signed)
    services.ledger.audit.append(
        Deed.SIGN_OFF,
        who=held.who,
        what=f"audit {sha256}",
        detail={"decision": held.decision, "verdict": audit.verdict.value},
        once=sha256,
    )
    if held != signed:
        log.warning("audit %s was signed before, by %s: that holds", sha256[:12], held.who)
    return SignOffOutcome(sha256, held.decision, held.who)


def ask_for_retraining(services: Services, audit: AuditOutcome) -> list[dict[str, Any]]:
    """Ask for a better model when the champion's audit is red.

    Returns:
        No entry or one, for `TriggerDagRunOperator.expand_kwargs`. A red challenger asks for
        nothing: it is blocked, and the champion goes on.
    """
    if audit.verdict != Status.RED or not audit.champion:
        return []
    outcome = ask(services, reason="red_audit", evidence=audit.record)
    if not outcome.accepted:
        log.warning("a retraining was asked for and may not start now: %s", outcome.why)
    return outcome.triggers()


def _time(value: Any) -> datetime:
    if isinstance(value, datetime):
        return value
    return datetime.fromisoformat(value) if isinstance(value, str) else datetime.now(UTC)


def _tell_unsigned(services: Services, audit: AuditOutcome) -> None:
    sha256 = audit.audit_sha256
    build_notifier(services).send(
        Notice(
            key=f"bias-audit/{sha256}/unsigned",
            severity=Severity.WARNING,
            title=f"Bias audit of model version {audit.model_version}: not signed in time",
            body=f"Audit {sha256} is {audit.verdict.value} and nobody signed it. A red audit "
            "goes on blocking promotion. Run the DAG bias_audit again to ask once more.",
            link=services.lake.uri(keys.audit_page(sha256)),
        )
    )
