"""Check: every gate in front of a release; one that fails ends the run, the champion stays."""

from __future__ import annotations

import logging
from pathlib import Path

from include.composition import Services
from include.contracts.errors import ConfigurationError
from include.governance.bias.gate import blocking_audit
from include.governance.release.documents import Gate, Gates
from include.governance.release.gates import (
    bias_gate,
    golden_gate,
    not_worse_gate,
    speed_gate,
)
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
    for gate in done.gates:
        log.info("%s: %s: %s", gate.name, "passed" if gate.passed else "FAILED", gate.sentence)
    return done.passed


def _gates(services: Services, request_id: str) -> Gates:
    evaluation = documents.read(services, request_id, documents.EVALUATION)
    audited = documents.read(services, request_id, documents.AUDIT)
    settings = services.settings.release
    with working_folder(services) as folder:
        golden = _golden(documents.challenger_package(services, request_id, folder))
    gates = [
        golden,
        not_worse_gate(evaluation.pool, evaluation.sets, settings),
        bias_gate(
            blocking_audit(services, evaluation.challenger_sha256),
            verdict=audited.verdict,
            audit_sha256=audited.audit_sha256,
        ),
        speed_gate(evaluation.speed, settings),
    ]
    return Gates(all(gate.passed for gate in gates), gates)


def _golden(package: Path) -> Gate:
    try:
        check_golden(package)
    except (GoldenImageError, ConfigurationError) as error:
        return golden_gate(str(error))
    return golden_gate(None)
