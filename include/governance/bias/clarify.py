"""The comparisons under the names of Amazon SageMaker Clarify.

Clarify writes a for the favoured facet and d for the one looked at; here d is the group
and a everybody else. Definitions: "Measure Post-training Data and Model Bias" in the
SageMaker developer guide. Names without a counterpart there are left out.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from include.governance.bias.disparity import Comparison

if TYPE_CHECKING:
    from include.governance.bias.record import SealedRecord

Named = dict[str, float]


@dataclass(frozen=True, slots=True)
class ClarifyLine:
    """One metric of one group.

    Attributes:
        facet: What groups people.
        value_or_threshold: The group.
        label_value: The expression; None for all.
        name: Clarify's name of the metric.
        value: NaN where nothing defines it.
    """

    facet: str
    value_or_threshold: str
    label_value: str | None
    name: str
    value: float


def clarify_metrics(comparison: Comparison) -> Named:
    """Return Clarify's metrics that a comparison holds.

    * DPPL, difference in positive proportions in predicted labels: q_a - q_d.
    * DI, disparate impact: q_d / q_a.
    * AD, accuracy difference: ACC_a - ACC_d.
    * RD, recall difference: TPR_a - TPR_d.
    * SD, specificity difference: TNR_d - TNR_a.
    """
    difference = -comparison.gap.value
    kind = comparison.metric.partition(":")[0]
    if kind == "prediction_rate":
        return {"DPPL": difference, "DI": comparison.ratio.value}
    names = {"accuracy": "AD", "recall": "RD", "false_positive_rate": "SD"}
    return {names[kind]: difference} if kind in names else {}


def clarify_table(comparisons: Iterable[Comparison]) -> list[ClarifyLine]:
    """Return one line per Clarify metric of each comparison."""
    return [
        ClarifyLine(
            facet=" x ".join(item.attributes),
            value_or_threshold=" x ".join(item.group),
            label_value=item.metric.partition(":")[2] or None,
            name=name,
            value=value,
        )
        for item in comparisons
        for name, value in clarify_metrics(item).items()
    ]


def clarify_report(audit: SealedRecord, *, report_uri: str) -> dict[str, Any]:
    """Return an audit record as the bias report of a model version.

    The form is that of Clarify's `analysis.json` ("Get the results of the analysis",
    SageMaker developer guide); what an audit knows beyond it stands under `audit`. A facet
    says which set it was measured on: sets are never mixed.

    Args:
        audit: The record.
        report_uri: Where its page lies.
    """
    facets: dict[str, dict[str, list[dict[str, object]]]] = {}
    for section in audit.record.sections:
        for line in section.clarify:
            facet = facets.setdefault(f"{line.facet} ({section.name})", {})
            facet.setdefault(line.value_or_threshold, []).append(
                {
                    "name": line.name,
                    "label_value": line.label_value,
                    "value": line.value if math.isfinite(line.value) else None,
                }
            )
    return {
        "version": "1.0",
        "post_training_bias_metrics": {
            "label": "displayed expression",
            "facets": {
                facet: [
                    {"value_or_threshold": value, "metrics": metrics}
                    for value, metrics in groups.items()
                ]
                for facet, groups in facets.items()
            },
        },
        "audit": {
            "sha256": audit.sha256,
            "verdict": audit.record.verdict.value,
            "audited_at": audit.record.audited_at,
            "report": report_uri,
        },
    }
