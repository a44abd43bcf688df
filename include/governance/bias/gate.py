"""The gate in front of a promotion: what the latest audit of a package says about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from include.governance.bias import store
from include.governance.bias.disparity import Status
from include.governance.bias.record import Decision

if TYPE_CHECKING:
    from include.composition import Services

SETTING = "FEX_AUDIT__REQUIRED_FOR_PROMOTION"


def blocking_audit(services: Services, model_sha256: str) -> str | None:
    """Say why the latest audit of a package blocks its promotion, None when nothing does.

    An audit that a named person rejected blocks, whatever its colour. A red one blocks until
    a named person accepts exactly that record, with a reason. Amber and green do not wait for
    a signature: whoever promotes reads them.

    Args:
        services: Lake and settings.
        model_sha256: Hex digest of the package's bytes.

    Returns:
        A sentence for the person who promotes, with the hash of the audit, or None.

    Raises:
        ConfigurationError: The audit's bytes were altered.
        TransientError: The lake failed for now.
    """
    found = store.latest(services.lake, model_sha256)
    if found is None:
        if not services.settings.audit.required_for_promotion:
            return None
        return (
            f"Model package {model_sha256[:12]} was never audited and {SETTING} asks for an "
            "audit: start the DAG bias_audit with this version, then promote again."
        )
    sha256, verdict = found.sha256, found.record.verdict
    signed = store.read_sign_off(services.lake, sha256)
    if signed is not None and signed.decision == Decision.REJECTED:
        return (
            f"Bias audit {sha256[:12]} ({verdict}) was rejected by {signed.who}: "
            f"{signed.comment or 'no reason given'}."
        )
    if verdict is Status.RED and signed is None:
        return (
            f"Bias audit {sha256[:12]} is red: at least one group is treated worse than the "
            "limit allows, beyond chance. An auditor must accept it with a reason, or another "
            "version must be trained."
        )
    return None
