"""A bias audit: made by the platform, signed in Airflow by the auditor and nobody else."""

from __future__ import annotations

from include.demo.loop.settings import APPROVER, AUDITOR
from include.demo.loop.stage import Stage, Told, require
from include.governance.bias import store
from include.governance.bias.disparity import Status

AUDIT = "bias_audit"
COMMENT = "Read; the groups of the made set are treated alike."


def audit(stage: Stage, name: str, *, version: str) -> Told:
    """Audit the champion and have the audit signed.

    Args:
        stage: The platform.
        name: Of the step.
        version: Which version the champion should be.

    Raises:
        StepFailedError: The run failed, another version was audited, the audit is red (which
            would ask for a retraining), or somebody else could sign.
    """
    run_id = stage.api.trigger(AUDIT)
    stage.wait(lambda: stage.asked(AUDIT, run_id, "sign_off"), AUDIT, run_id)
    audited = stage.returned(AUDIT, run_id, "audit")
    require(
        str(audited["model_version"]) == version,
        f"Version {audited['model_version']} was audited, not {version}.",
    )
    verdict = Status(audited["verdict"])
    require(
        verdict is not Status.RED,
        f"The audit of version {version} is red: {stage.path(audited['report'])}",
    )
    stage.require_refusal(APPROVER, AUDIT, run_id, "sign_off")
    stage.decide(AUDITOR, AUDIT, run_id, "sign_off", "Accept", COMMENT)
    signed = store.read_sign_off(stage.lake, audited["audit_sha256"])
    require(
        signed is not None and signed.who == AUDITOR,
        f"The signature of audit {audited['audit_sha256']} is not there.",
    )
    return Told(
        name,
        f"version {version} is {verdict}; signed by {AUDITOR}, refused to {APPROVER}",
        run=(AUDIT, run_id),
        path=stage.path(audited["report"]),
        figures={"verdict": str(verdict), "audit_sha256": audited["audit_sha256"]},
    )
