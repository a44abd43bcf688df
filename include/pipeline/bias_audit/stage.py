"""Audit one model version: gather the panels, judge them, keep the artefact, tell people."""

from __future__ import annotations

import logging
from collections import Counter
from datetime import UTC, datetime

from include.composition import Services, build_metric_sink, build_notifier, build_registry
from include.contracts.errors import ConfigurationError
from include.contracts.markdown import code, plain
from include.governance.bias.disparity import Status
from include.governance.bias.fixed_set import open_fixed_set
from include.lake import keys
from include.observability.notice import Notice, Severity
from include.observability.sink import Metric, Unit
from include.pipeline.bias_audit.outcome import AuditOutcome
from include.pipeline.bias_audit.package_audit import Audited, audit_version
from ml.registry.promotion import verify
from ml.registry.protocol import Document, ModelRegistry, ModelVersion

log = logging.getLogger(__name__)

_SEVERITY = {
    Status.GREEN: Severity.INFO,
    Status.AMBER: Severity.WARNING,
    Status.RED: Severity.CRITICAL,
}


def run(
    services: Services, *, model_version: str = "", people: int | None = None, at: str
) -> AuditOutcome:
    """Audit a registered version and keep what was found.

    Repeated with the same arguments it finds its own artefact and changes nothing.

    Args:
        services: The platform.
        model_version: Version in the registry; empty takes the champion.
        people: Faces of the fixed set to show at most; None shows all.
        at: Time of the audit, ISO 8601 with an offset: the end of its window.

    Raises:
        ConfigurationError: There is no fixed set, no such version, or `at` is no time.
        TransientError: Something outside failed for now.
    """
    moment = _time(at)
    audit_set = open_fixed_set(services.settings.audit.fixed_set, people)
    registry = build_registry(services.settings)
    model = find_version(services, registry, model_version)
    verify(registry, model)  # its code runs in the audit, signed or ours
    audited = audit_version(services, audit_set, model, moment)
    registry.attach(model, Document.BIAS, audited.clarify())
    _tell(services, audited, moment)
    return AuditOutcome(
        audit_sha256=audited.sha256,
        verdict=audited.verdict,
        model_version=model.version,
        champion=services.settings.model.alias in model.aliases,
        record=keys.audit_record(audited.sha256),
        report=keys.audit_page(audited.sha256),
        body=_body(audited),
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


def _tell(services: Services, audited: Audited, moment: datetime) -> None:
    """Send the notice and the figures of an audit."""
    record, status = audited.record, audited.verdict
    version = record.model.version
    build_notifier(services).send(
        Notice(
            key=f"bias-audit/{audited.sha256}",
            severity=_SEVERITY[status],
            title=f"Bias audit of model version {version}: {status.value}"[:100],
            body="\n".join([*audited.findings(), "It waits for the signature of an auditor."]),
            link=audited.report_uri,
        )
    )
    metrics = []
    for section in record.sections:
        if section.results is None:
            continue
        counted = Counter(item.status for item in section.results.comparisons)
        metrics += [
            Metric(
                f"BiasAudit{colour.capitalize()}Comparisons",
                counted[colour],
                Unit.COUNT,
                moment,
                {"Panel": section.name},
            )
            for colour in Status
        ]
    build_metric_sink(services).emit(metrics)


def _body(audited: Audited) -> str:
    """What an auditor reads in Airflow before signing, as Markdown."""
    record = audited.record
    findings = "\n".join(f"* {plain(sentence)}" for sentence in audited.findings())
    return (
        f"**{audited.verdict.upper()}**: model version {plain(record.model.version)}, "
        f"audited {record.audited_at}.\n\n{findings}\n\n"
        f"Report: {code(audited.report_uri)}\n\n"
        f"Your signature is for audit `{audited.sha256}` and no other. *Accept* means: I have read "
        "it and answer for the model being used as it is; on a red audit the comment must say why. "
        "*Reject* blocks promotion of this package."
    )
