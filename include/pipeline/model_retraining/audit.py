"""Audit: how the challenger treats groups of people, before the gate that asks."""

from __future__ import annotations

import logging
from datetime import datetime
from typing import Any

from include.composition import Services
from include.contracts.errors import ConfigurationError
from include.governance.bias.fixed_set import SETTING as FIXED_SET
from include.governance.bias.fixed_set import open_fixed_set
from include.governance.bias.gate import SETTING as REQUIRED
from include.governance.release.documents import Audited
from include.lake import keys
from include.pipeline.bias_audit.package_audit import audit_candidate
from include.pipeline.model_retraining import documents
from ml.registry.protocol import ModelVersion, VersionStatus

log = logging.getLogger(__name__)


def require_set(services: Services) -> None:
    """Refuse to train what could not be released: the audit set is missing or is none.

    Raises:
        ConfigurationError: An audit is required and no set is named, or the set is damaged.
    """
    settings = services.settings.audit
    if settings.fixed_set is not None:
        open_fixed_set(settings.fixed_set)
    elif settings.required_for_promotion:
        raise ConfigurationError(
            FIXED_SET,
            f"{REQUIRED} asks for an audit of every model, and there is no audit set to make one "
            "with: name a set, or switch the requirement off",
        )


def run(services: Services, request_id: str) -> dict[str, Any]:
    """Audit the challenger's package on the fixed set; return what the gate and people read.

    Without a set nothing is audited: the document says so, and whether the gate lets an
    unaudited package pass is for `FEX_AUDIT__REQUIRED_FOR_PROMOTION`.

    Raises:
        ConfigurationError: The set or the package is damaged.
        TransientError: Something outside failed for now; what was done is kept.
    """
    done = documents.find(services, request_id, documents.AUDIT)
    if done is None or done.findings is None:
        done = _audit(services, request_id, done)
    for sentence in done.findings or ():
        log.info("%s", sentence)
    return {"verdict": done.verdict, "audit_sha256": done.audit_sha256}


def _audit(services: Services, request_id: str, begun: Audited | None) -> Audited:
    path = services.settings.audit.fixed_set
    if path is None:
        return documents.write(
            services,
            request_id,
            documents.AUDIT,
            Audited(findings=[f"Not audited: no audit set is named ({FIXED_SET})."]),
        )
    if begun is None or begun.at is None:
        # The time is part of the record: a repeated task must find the audit it made.
        at = services.ledger.clock().isoformat()
        documents.write(services, request_id, documents.AUDIT, Audited(at))
    else:
        at = begun.at
    opened = documents.read(services, request_id, documents.OPENED)
    packaged = documents.read(services, request_id, documents.PACKAGED)
    challenger = ModelVersion(
        name=opened.champion.name,
        version=packaged.version,
        package_uri=services.lake.uri(keys.retraining_package(request_id)),
        sha256=packaged.sha256,
        aliases=(),
        status=VersionStatus.PENDING,
    )
    audited = audit_candidate(
        services,
        open_fixed_set(path),
        challenger,
        datetime.fromisoformat(at),
        champion_sha256=opened.champion.sha256,
    )
    return documents.write(
        services,
        request_id,
        documents.AUDIT,
        Audited(at, audited.verdict, audited.sha256, audited.findings(), audited.report_uri),
    )
