"""Check: every gate in front of a release; one that fails ends the run, the champion stays."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from include.composition import Services
from include.contracts.errors import ConfigurationError
from include.governance.bias.gate import blocking_audit
from include.governance.release.gates import (
    Gate,
    bias_gate,
    golden_gate,
    not_worse_gate,
    speed_gate,
)
from include.governance.release.read import read_compared, read_speed
from include.pipeline.model_retraining import documents
from include.pipeline.scratch import working_folder
from ml.evaluation.golden import GoldenImageError, check_golden

log = logging.getLogger(__name__)


def run(services: Services, request_id: str) -> bool:
    """Write what each gate says; return whether all were passed.

    Raises:
        TransientError: The package cannot be read at present.
    """
    done = documents.find(services, request_id, documents.GATES)
    if done is None:
        done = documents.write(services, request_id, documents.GATES, _gates(services, request_id))
    for gate in done["gates"]:
        log.info(
            "%s: %s: %s", gate["name"], "passed" if gate["passed"] else "FAILED", gate["sentence"]
        )
    return bool(done["passed"])


def _gates(services: Services, request_id: str) -> dict[str, Any]:
    evaluation = documents.read(services, request_id, documents.EVALUATION)
    audited = documents.read(services, request_id, documents.AUDIT)
    settings = services.settings.release
    with working_folder(services) as folder:
        golden = _golden(documents.challenger_package(services, request_id, folder))
    gates = [
        golden,
        not_worse_gate(
            read_compared(evaluation["pool"]),
            [read_compared(item) for item in evaluation["sets"]],
            settings,
        ),
        bias_gate(
            blocking_audit(services, evaluation["challenger_sha256"]),
            verdict=audited["verdict"],
            audit_sha256=audited["audit_sha256"],
        ),
        speed_gate(read_speed(evaluation["speed"]), settings),
    ]
    return {
        "passed": all(gate.passed for gate in gates),
        "gates": [gate.to_json() for gate in gates],
    }


def _golden(package: Path) -> Gate:
    try:
        check_golden(package)
    except (GoldenImageError, ConfigurationError) as error:
        return golden_gate(str(error))
    return golden_gate(None)
