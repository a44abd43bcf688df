"""Model evaluation: the champion against fresh labels of what it published.

Writes `evaluations/{evaluation_id}/`: the page, then `evaluation.json`, by conditional put.
The same labels are the same evaluation, so a repeated run writes nothing twice; what it
decided is said again, and a degraded champion asks for a retraining again, which the
request's own cool-down and daily cap answer.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from include.composition import Services, build_metric_sink, build_notifier, build_registry
from include.contracts.errors import ConfigurationError
from include.governance.retraining.requests import ask
from include.labelling.evaluation import (
    EVALUATION,
    EvaluatedModel,
    Evaluation,
    EvaluationRecord,
    evaluate,
)
from include.labelling.evaluation_page import render_evaluation
from include.labelling.health import Health, Reference, Rule
from include.labelling.votes import counts
from include.lake import keys
from include.observability.notice import Notice, Severity
from include.observability.sink import Metric, Unit
from include.pipeline.evaluation_tracking import track
from include.pipeline.labelling.receipts import all_votes, read_receipts
from include.pipeline.labelling.records import read_standing_draws
from include.pipeline.model_package import signature_of

if TYPE_CHECKING:
    from ml.registry.protocol import ModelRegistry, ModelVersion

log = logging.getLogger(__name__)

DOCUMENT, PAGE = "evaluation.json", "index.html"
HISTORY_LENGTH = 24
"""Earlier evaluations shown on a page."""

_LEVEL = {Health.HEALTHY: 0, Health.WATCH: 1, Health.DEGRADED: 2}
_WITH_BOUNDS = {"accuracy": "EvaluationAccuracy", "macro_f1": "EvaluationMacroF1"}
_PLAIN = {
    "ece": "EvaluationEce",
    "overconfidence": "EvaluationOverconfidence",
    "abstention_rate": "EvaluationAbstentionRate",
    "unjudged_share": "EvaluationUnjudgedShare",
}


def run(services: Services, *, registry: ModelRegistry | None = None) -> dict[str, Any]:
    """Evaluate the champion and write what was found.

    Args:
        services: Lake, ledger (its clock), settings.
        registry: Where the champion is; None opens the registry of the settings.

    Returns:
        `health`, `reason`, `model_version`, `evaluation_id` and `key` (both None where
        nothing the champion published has a label).

    Raises:
        ConfigurationError: There is no champion, or the rule cannot be applied.
        TransientError: The lake failed for now.
    """
    champion = _champion(services, registry or build_registry(services.settings))
    settings = services.settings.evaluation
    now = services.ledger.clock()
    found = evaluate(
        read_standing_draws(services),
        counts(all_votes(services.lake, read_receipts(services.lake))),
        EvaluatedModel(champion.name, champion.version, champion.sha256),
        _sealed(services, champion),
        now=now,
        max_age=timedelta(days=settings.max_age_days),
        rule=_rule(services),
    )
    if found is None:
        return _nothing_labelled(services, champion)
    key = f"{keys.evaluation(found.evaluation_id)}/{DOCUMENT}"
    document = services.lake.find(EVALUATION, key) or _write(services, key, found.kept(now))
    track(services, document, page=services.lake.get_bytes(_page(found.evaluation_id)))
    build_metric_sink(services).emit(list(_metrics(found, now)))
    _tell(services, found)
    return {
        "health": str(found.decision.health),
        "reason": found.decision.reasons[0],
        "model_version": champion.version,
        "evaluation_id": found.evaluation_id,
        "key": key,
    }


def ask_for_retraining(services: Services, outcome: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Ask for a retraining when `run` found the champion degraded.

    Returns:
        The run of `model_retraining` to start, or none: not degraded, or refused by the
        cool-down or the daily cap (then recorded all the same).
    """
    if outcome["health"] != Health.DEGRADED:
        return []
    answer = ask(services, reason="degraded", evidence=str(outcome["key"]))
    if not answer.accepted:
        log.warning("no retraining starts: %s", answer.why)
    return answer.triggers()


def _champion(services: Services, registry: ModelRegistry) -> ModelVersion:
    model = services.settings.model
    found = registry.get_by_alias(model.name, model.alias)
    if found is None:
        raise ConfigurationError(
            "FEX_MODEL__ALIAS",
            f"no version of model {model.name!r} carries the alias {model.alias!r}; "
            "register one with `make registry` or start the platform with `make up`",
        )
    return found


def _sealed(services: Services, champion: ModelVersion) -> Reference | None:
    """The figures of the package: of its test split, else of validation."""
    metrics = signature_of(services, champion.package_uri, champion.sha256).metrics
    for split in ("test", "validation"):
        if (measured := metrics.get(split)) is not None:
            return Reference(f"the sealed {split} figures", measured.figures)
    return None


def _rule(services: Services) -> Rule:
    settings = services.settings.evaluation
    return Rule(
        tolerated_drop={
            "accuracy": settings.tolerated_accuracy_drop,
            "macro_f1": settings.tolerated_macro_f1_drop,
        },
        tolerated_overconfidence=settings.tolerated_overconfidence,
        min_judged=settings.min_judged,
        min_respondents=settings.min_respondents,
    )


def _page(evaluation_id: str) -> str:
    return f"{keys.evaluation(evaluation_id)}/{PAGE}"


def _write(services: Services, key: str, document: EvaluationRecord) -> EvaluationRecord:
    """Write page and document; return the document that stands."""
    page = render_evaluation(document, history(services))
    services.lake.put_bytes(_page(document.evaluation_id), page)
    return services.lake.write_once(EVALUATION, key, document)


def history(services: Services) -> list[EvaluationRecord]:
    """Return the latest evaluations, the oldest first.

    Raises:
        DocumentError: One of them is none; names key and field.
        TransientError: The lake failed for now.
    """
    written = [
        (at, key)
        for key, at in services.lake.list_modified(keys.EVALUATIONS)
        if key.endswith(f"/{DOCUMENT}")
    ]
    latest = [key for _, key in sorted(written)[-HISTORY_LENGTH:]]
    found = [services.lake.read(EVALUATION, key) for key in latest]
    return sorted(found, key=lambda document: document.evaluated_at)


def _metrics(found: Evaluation, now: datetime) -> Iterator[Metric]:
    """Figures that are defined; a figure without an interval has no bounds."""
    of = {"Model": found.model.name}
    for figure, name in (_WITH_BOUNDS | _PLAIN).items():
        given = found.estimates.figures.get(figure)
        if given is None:
            continue
        ends = {"": given.value}
        if figure in _WITH_BOUNDS:
            ends |= {"Low": given.low, "High": given.high}
        for suffix, end in ends.items():
            if math.isfinite(end):
                yield Metric(name + suffix, end, Unit.NONE, now, of)
    yield Metric("EvaluationHealth", _LEVEL[found.decision.health], Unit.NONE, now, of)
    yield Metric("EvaluationLabels", found.estimates.judged_n, Unit.COUNT, now, of)


def _tell(services: Services, found: Evaluation) -> None:
    """Tell people once about an evaluation that is not healthy."""
    health = found.decision.health
    if health is Health.HEALTHY:
        return
    severity = Severity.CRITICAL if health is Health.DEGRADED else Severity.WARNING
    build_notifier(services).send(
        Notice(
            key=f"evaluation/{found.evaluation_id}",
            severity=severity,
            title=f"Model version {found.model.version[:40]} is {health}",
            body=" ".join(found.decision.reasons),
            link=services.lake.uri(_page(found.evaluation_id)),
        )
    )


def _nothing_labelled(services: Services, champion: ModelVersion) -> dict[str, Any]:
    """What is unknown is a watch, never healthy; people hear of it once per version."""
    reason = f"Nothing that version {champion.version} published has a label yet."
    log.warning("%s", reason)
    build_notifier(services).send(
        Notice(
            key=f"evaluation/no-labels/{champion.sha256}",
            severity=Severity.INFO,
            title=f"Model version {champion.version[:40]} has no labels yet",
            body=f"{reason} Answer the latest label queue.",
        )
    )
    return {
        "health": str(Health.WATCH),
        "reason": reason,
        "model_version": champion.version,
        "evaluation_id": None,
        "key": None,
    }
