"""Audit one model version: gather the panels, judge them, keep the artefact, tell people."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from include.composition import Services, build_metric_sink, build_notifier, build_registry
from include.contracts.errors import ConfigurationError
from include.governance.bias import store
from include.governance.bias.audit import audit
from include.governance.bias.clarify import clarify_report
from include.governance.bias.disparity import Status
from include.governance.bias.fixed_set import FixedSet, open_fixed_set
from include.governance.bias.metrics import Panel
from include.governance.bias.page import plain_findings, render_page
from include.governance.bias.record import Section, audit_record
from include.governance.bias.rows import AuditRows
from include.governance.bias.settings import AuditSettings
from include.lake import keys
from include.pipeline.bias_audit.fixed_panel import fixed_rows, kept_rows
from include.pipeline.bias_audit.traffic import labelled_rows, production_rows
from include.watch.notice import Notice, Severity
from include.watch.sink import Metric, Unit
from ml.registry.protocol import Document, ModelRegistry, ModelVersion

log = logging.getLogger(__name__)

FIXED_SET, PRODUCTION, LABELLED = "fixed_set", "production", "labelled"

_SEVERITY = {
    Status.GREEN: Severity.INFO,
    Status.AMBER: Severity.WARNING,
    Status.RED: Severity.CRITICAL,
}


def run(
    services: Services, *, model_version: str = "", people: int | None = None, at: str
) -> dict[str, Any]:
    """Audit a registered version and keep what was found.

    Repeated with the same arguments it finds its own artefact and changes nothing.

    Args:
        services: The platform.
        model_version: Version in the registry; empty takes the champion.
        people: Faces of the fixed set to show at most; None shows all.
        at: Time of the audit, ISO 8601 with an offset: the end of its window.

    Returns:
        Hash, verdict, model version, whether it is the champion, lake keys of record and
        report, and what people read before they sign (Markdown).

    Raises:
        ConfigurationError: There is no fixed set, no such version, or `at` is no time.
        TransientError: Something outside failed for now.
    """
    moment = _time(at)
    audit_set = open_fixed_set(services.settings.audit.fixed_set, people)
    registry = build_registry(services.settings)
    model = find_version(services, registry, model_version)
    before = store.latest(services.lake, before=moment)
    settings = thresholds(services)
    record = audit_record(
        _sections(services, audit_set, model, moment, settings, before and before[1]),
        settings,
        model_name=model.name,
        model_version=model.version,
        model_sha256=model.sha256,
        audited_at=moment.isoformat(),
        extraction=services.settings.extraction.model_dump(mode="json"),
        previous_sha256=before and before[0],
    )
    sha256 = store.save(services.lake, record, render_page(record), at=moment)
    report_uri = services.lake.uri(keys.audit_page(sha256))
    registry.attach(
        model, Document.BIAS, clarify_report(record, sha256=sha256, report_uri=report_uri)
    )
    _tell(services, record, sha256, report_uri, moment)
    return {
        "audit_sha256": sha256,
        "verdict": record["verdict"],
        "model_version": model.version,
        "champion": services.settings.model.alias in model.aliases,
        "record": keys.audit_record(sha256),
        "report": keys.audit_page(sha256),
        "body": _body(record, sha256, report_uri),
    }


def thresholds(services: Services) -> AuditSettings:
    """Return what is held against a group, from the settings."""
    chosen = services.settings.audit
    return AuditSettings(
        minimum_people=chosen.minimum_people,
        tolerated_gap=chosen.tolerated_gap,
        resamples=chosen.resamples,
    )


def find_version(services: Services, registry: ModelRegistry, number: str) -> ModelVersion:
    """Return the version to audit: the one asked for, or the champion.

    Raises:
        ConfigurationError: No version carries the configured alias.
        RegistryError: There is no version of that number.
    """
    model = services.settings.model
    if number:
        return registry.get(model.name, number)
    champion = registry.get_by_alias(model.name, model.alias)
    if champion is None:
        raise ConfigurationError(
            "FEX_MODEL__ALIAS",
            f"no version of model {model.name!r} carries the alias {model.alias!r}; "
            "register one with `make registry` or start the platform with `make up`",
        )
    return champion


def _time(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise ConfigurationError("at", f"{text!r} is no ISO 8601 time") from error
    if moment.tzinfo is None:
        raise ConfigurationError("at", f"{text!r} has no offset from UTC")
    return moment.astimezone(UTC)


def _sections(
    services: Services,
    audit_set: FixedSet,
    model: ModelVersion,
    until: datetime,
    settings: AuditSettings,
    before: Mapping[str, Any] | None,
) -> list[Section]:
    """Gather rows set by set, each beside the same set of the last audit, and judge them."""
    since = until - timedelta(days=services.settings.audit.window_days)
    last = _last(services, audit_set, before)
    fixed = fixed_rows(services, audit_set, model)
    production, notes = production_rows(services, model.sha256, since, until)
    labelled, label_notes = labelled_rows(services, model.sha256)
    return [
        _judge(FIXED_SET, fixed, (Panel.PARITY,), settings, last.get(FIXED_SET)),
        _judge(
            PRODUCTION,
            production,
            (Panel.PARITY,),
            settings,
            last.get(PRODUCTION),
            cut=(since.isoformat(), until.isoformat()),
            notes=notes,
        ),
        _judge(
            LABELLED,
            labelled,
            (Panel.LABELLED,),
            settings,
            last.get(LABELLED),
            notes=label_notes,
        ),
    ]


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


def _tell(
    services: Services, record: Mapping[str, Any], sha256: str, link: str, moment: datetime
) -> None:
    """Send the notice and the figures of an audit."""
    status = Status(record["verdict"])
    version = record["model"]["version"]
    build_notifier(services).send(
        Notice(
            key=f"bias-audit/{sha256}",
            severity=_SEVERITY[status],
            title=f"Bias audit of model version {version}: {status.value}"[:100],
            body="\n".join([*plain_findings(record), "It waits for the signature of an auditor."]),
            link=link,
        )
    )
    metrics = []
    for section in record["sections"]:
        if section["results"] is None:
            continue
        counted = Counter(item["status"] for item in section["results"]["comparisons"])
        metrics += [
            Metric(
                f"BiasAudit{colour.capitalize()}Comparisons",
                counted[colour],
                Unit.COUNT,
                moment,
                {"Panel": section["name"]},
            )
            for colour in Status
        ]
    build_metric_sink(services).emit(metrics)


def _body(record: Mapping[str, Any], sha256: str, report_uri: str) -> str:
    """What an auditor reads in Airflow before signing, as Markdown."""
    findings = "\n".join(f"* {sentence}" for sentence in plain_findings(record))
    return (
        f"**{str(record['verdict']).upper()}**: model version {record['model']['version']}, "
        f"audited {record['audited_at']}.\n\n{findings}\n\n"
        f"Report: `{report_uri}`\n\nYour signature is for audit `{sha256}` and no other. "
        "*Accept* means: I have read it and answer for the model being used as it is; on a red "
        "audit the comment must say why. *Reject* blocks promotion of this package."
    )
