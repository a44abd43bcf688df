"""Audit one package: gather its panels, judge them, keep the artefact.

Used by the weekly audit of the champion and by a retraining, whose challenger is audited
before anything is registered.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from include.composition import Services
from include.governance.bias import store
from include.governance.bias.audit import audit
from include.governance.bias.clarify import clarify_report
from include.governance.bias.fixed_set import FixedSet
from include.governance.bias.metrics import Panel
from include.governance.bias.page import plain_findings, render_page
from include.governance.bias.record import Section, audit_record
from include.governance.bias.rows import AuditRows
from include.governance.bias.settings import AuditSettings
from include.lake import keys
from include.pipeline.bias_audit.fixed_panel import fixed_rows, kept_rows
from include.pipeline.bias_audit.traffic import labelled_rows, production_rows
from ml.registry.protocol import ModelVersion

FIXED_SET, PRODUCTION, LABELLED = "fixed_set", "production", "labelled"
_NOT_PUBLISHED = "a challenger has published nothing"


@dataclass(frozen=True, slots=True)
class Audited:
    """An audit as it lies in the lake.

    Attributes:
        sha256: Hash of the record.
        record: What was found.
        report_uri: Where its page is.
    """

    sha256: str
    record: Mapping[str, Any]
    report_uri: str

    @property
    def verdict(self) -> str:
        """Red, amber or green."""
        return str(self.record["verdict"])

    def findings(self) -> list[str]:
        """Say in plain sentences what was found, the worst first."""
        return plain_findings(self.record)

    def clarify(self) -> dict[str, Any]:
        """Return the report in Clarify's vocabulary, for the registry."""
        return clarify_report(self.record, sha256=self.sha256, report_uri=self.report_uri)


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
    previous = before and before[1]
    since = moment - timedelta(days=services.settings.audit.window_days)
    settings = thresholds(services)
    last = _last(services, audit_set, previous)
    fixed = fixed_rows(services, audit_set, model)
    production, notes = production_rows(services, model.sha256, since, moment)
    labelled, label_notes = labelled_rows(services, model.sha256)
    parity = (Panel.PARITY,)
    cut = (since.isoformat(), moment.isoformat())
    before_production = last.get(PRODUCTION)
    sections = [
        _judge(FIXED_SET, fixed, parity, settings, last.get(FIXED_SET)),
        _judge(PRODUCTION, production, parity, settings, before_production, cut=cut, notes=notes),
        _judge(
            LABELLED,
            labelled,
            (Panel.LABELLED,),
            settings,
            last.get(LABELLED),
            notes=label_notes,
        ),
    ]
    champion = services.settings.model.alias in model.aliases
    return _keep(services, sections, model, moment, before and before[0], candidate=not champion)


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
    settings = thresholds(services)
    last = None if before is None else kept_rows(services, audit_set, champion_sha256)
    fixed = fixed_rows(services, audit_set, model)
    sections = [
        _judge(FIXED_SET, fixed, (Panel.PARITY,), settings, last),
        *(Section(name, None, None, notes=(_NOT_PUBLISHED,)) for name in (PRODUCTION, LABELLED)),
    ]
    return _keep(services, sections, model, moment, before and before[0], candidate=True)


def thresholds(services: Services) -> AuditSettings:
    """Return what is held against a group, from the settings."""
    chosen = services.settings.audit
    return AuditSettings(
        minimum_people=chosen.minimum_people,
        tolerated_gap=chosen.tolerated_gap,
        resamples=chosen.resamples,
    )


def _keep(
    services: Services,
    sections: list[Section],
    model: ModelVersion,
    moment: datetime,
    previous_sha256: str | None,
    *,
    candidate: bool,
) -> Audited:
    record = audit_record(
        sections,
        thresholds(services),
        model_name=model.name,
        model_version=model.version,
        model_sha256=model.sha256,
        audited_at=moment.isoformat(),
        extraction=services.settings.extraction.model_dump(mode="json"),
        previous_sha256=previous_sha256,
    )
    sha256 = store.save(services.lake, record, render_page(record), at=moment, candidate=candidate)
    return Audited(sha256, record, services.lake.uri(keys.audit_page(sha256)))


def _judge(
    name: str,
    rows: AuditRows | None,
    panels: tuple[Panel, ...],
    settings: AuditSettings,
    previous: AuditRows | None,
    *,
    cut: tuple[str, str] = ("", ""),
    notes: list[str] | None = None,
) -> Section:
    if previous is not None and rows is not None and previous.attributes != rows.attributes:
        previous = None
    found = None if rows is None else audit(rows, settings, previous=previous, panels=panels)
    return Section(name, rows, found, *cut, notes=tuple(notes or ()))


def _last(
    services: Services, audit_set: FixedSet, before: Mapping[str, Any] | None
) -> dict[str, AuditRows | None]:
    """Return the rows of the last audit, read again: an audit keeps nothing of a person.

    A respondent who was erased meanwhile is missing from them, as it should be.
    """
    if before is None:
        return {}
    sha256 = str(before["model"]["sha256"])
    cuts = {section["name"]: section["data_cut"] for section in before["sections"]}
    cut = cuts.get(PRODUCTION, {"from": ""})
    last: dict[str, AuditRows | None] = {
        FIXED_SET: kept_rows(services, audit_set, sha256),
        LABELLED: labelled_rows(services, sha256)[0],
    }
    if cut["from"]:
        since, until = (datetime.fromisoformat(cut[end]) for end in ("from", "until"))
        last[PRODUCTION] = production_rows(services, sha256, since, until)[0]
    return last
