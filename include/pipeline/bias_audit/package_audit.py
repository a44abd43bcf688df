"""Audit one package: gather its panels, judge them, keep the artefact.

Used by the weekly audit of the champion and by a retraining, whose challenger is audited
before anything is registered.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from include.composition import Services
from include.governance.bias import store
from include.governance.bias.clarify import clarify_report
from include.governance.bias.disparity import Status
from include.governance.bias.fixed_set import FixedSet
from include.governance.bias.page import plain_findings, render_page
from include.governance.bias.record import AuditedModel, AuditRecord, SealedRecord, audit_record
from include.governance.bias.settings import AuditSettings
from include.lake import keys
from include.pipeline.bias_audit import panels
from include.pipeline.bias_audit.panels import RowSet
from ml.registry.protocol import ModelVersion


@dataclass(frozen=True, slots=True)
class Audited:
    """An audit as it lies in the lake.

    Attributes:
        kept: What was found, with its hash.
        report_uri: Where its page is.
    """

    kept: SealedRecord
    report_uri: str

    @property
    def sha256(self) -> str:
        """Hash of the record."""
        return self.kept.sha256

    @property
    def record(self) -> AuditRecord:
        """What was found."""
        return self.kept.record

    @property
    def verdict(self) -> Status:
        """Red, amber or green."""
        return self.record.verdict

    def findings(self) -> list[str]:
        """Say in plain sentences what was found, the worst first."""
        return plain_findings(self.record)

    def clarify(self) -> dict[str, Any]:
        """Return the report in Clarify's vocabulary, for the registry."""
        return clarify_report(self.kept, report_uri=self.report_uri)


def audit_version(
    services: Services, audit_set: FixedSet, model: ModelVersion, moment: datetime
) -> Audited:
    """Audit a registered version on all three sets; the same again changes nothing.

    Args:
        services: The platform.
        audit_set: Whom to show.
        model: The version.
        moment: Time of the audit, aware: the end of its window.

    Raises:
        ConfigurationError: The audit set or the package is damaged.
        TransientError: Something outside failed for now.
    """
    before = store.latest(services.lake, before=moment)
    gathered = panels.of_version(services, audit_set, model, moment, before)
    champion = services.settings.model.alias in model.aliases
    return _keep(services, gathered, model, moment, before, candidate=not champion)


def audit_candidate(
    services: Services,
    audit_set: FixedSet,
    model: ModelVersion,
    moment: datetime,
    *,
    champion_sha256: str,
) -> Audited:
    """Audit a package that has published nothing yet: on the fixed set, beside the champion.

    Args:
        services: The platform.
        audit_set: Whom to show.
        model: The package; it need not be registered.
        moment: Time of the audit, aware.
        champion_sha256: Whose last audit changes refer to.

    Raises:
        ConfigurationError: The audit set or the package is damaged.
        TransientError: Something outside failed for now.
    """
    before = store.latest(services.lake, champion_sha256, before=moment)
    gathered = panels.of_candidate(services, audit_set, model, before)
    return _keep(services, gathered, model, moment, before, candidate=True)


def _keep(
    services: Services,
    gathered: Sequence[RowSet],
    model: ModelVersion,
    moment: datetime,
    before: SealedRecord | None,
    *,
    candidate: bool,
) -> Audited:
    """Judge what was gathered, set by set, and write record and page."""
    settings = thresholds(services)
    kept = audit_record(
        [item.judged(settings) for item in gathered],
        settings,
        AuditedModel(model.name, model.version, model.sha256),
        audited_at=moment.isoformat(),
        extraction=services.settings.extraction.model_dump(mode="json"),
        previous_sha256=None if before is None else before.sha256,
    )
    store.save(services.lake, kept, render_page(kept), at=moment, candidate=candidate)
    return Audited(kept, services.lake.uri(keys.audit_page(kept.sha256)))


def thresholds(services: Services) -> AuditSettings:
    """Return what is held against a group, from the settings."""
    chosen = services.settings.audit
    return AuditSettings(
        minimum_people=chosen.minimum_people,
        tolerated_gap=chosen.tolerated_gap,
        resamples=chosen.resamples,
    )
