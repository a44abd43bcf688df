"""The comparisons under the names of Amazon SageMaker Clarify.

Clarify writes a for the favoured facet and d for the one looked at; here d is the group
and a everybody else. Definitions: "Measure Post-training Data and Model Bias" in the
SageMaker developer guide. Names without a counterpart there are left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from include.governance.bias.disparity import Comparison

Named = dict[str, float]


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


def clarify_table(comparisons: Iterable[Comparison]) -> list[dict[str, object]]:
    """Return one line per Clarify metric: facet, value, label (null for all), name, value."""
    return [
        {
            "facet": " x ".join(item.attributes),
            "value_or_threshold": " x ".join(item.group),
            "label_value": item.metric.partition(":")[2] or None,
            "name": name,
            "value": value,
        }
        for item in comparisons
        for name, value in clarify_metrics(item).items()
    ]


def clarify_report(record: Mapping[str, Any], *, sha256: str, report_uri: str) -> dict[str, Any]:
    """Return an audit record as the bias report of a model version.

    The form is that of Clarify's `analysis.json` ("Get the results of the analysis",
    SageMaker developer guide); what an audit knows beyond it stands under `audit`. A facet
    says which set it was measured on: sets are never mixed.

    Args:
        record: What `audit_record` returned.
        sha256: Its hash.
        report_uri: Where its page lies.
    """
    facets: dict[str, dict[str, list[dict[str, Any]]]] = {}
    for section in record["sections"]:
        for line in section["clarify"]:
            facet = facets.setdefault(f"{line['facet']} ({section['name']})", {})
            facet.setdefault(line["value_or_threshold"], []).append(
                {key: line[key] for key in ("name", "label_value", "value")}
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
            "sha256": sha256,
            "verdict": record["verdict"],
            "audited_at": record["audited_at"],
            "report": report_uri,
        },
    }
