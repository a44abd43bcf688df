"""The model card in SageMaker's JSON schema, for `CreateModelCard` and Studio.

Schema: "Model card JSON schema" in the SageMaker AI developer guide (Amazon SageMaker
Model Cards). `tests/unit/ml/sagemaker-model-card.schema.json` states its limits, and a
test validates the card against them.
"""

from __future__ import annotations

import math
from typing import Any

from include.contracts.labels import EXPRESSIONS
from include.statistics import words
from include.statistics.estimate import Estimate
from ml.evaluation import card_texts
from ml.evaluation.card import TITLES, weak_places
from ml.evaluation.report import Report
from ml.packaging.signature import Signature, plain_signature

MAX_CONTENT_CHARS = 100_000
"""`CreateModelCard` takes the content as a string of at most so many characters."""

_LONG, _MEDIUM, _SHORT = 2048, 1024, 63
_CURVE_POINTS = 20


def sagemaker_card(report: Report) -> dict[str, Any]:
    """Return the card's content as a document of the schema."""
    return {
        "model_overview": _overview(report),
        "intended_uses": {
            "purpose_of_model": card_texts.PURPOSE[:_LONG],
            "intended_uses": f"{card_texts.INTENDED} Not for: {card_texts.NOT_INTENDED}"[:_LONG],
            "factors_affecting_model_efficiency": " ".join(
                f"{title}: {text}" for title, text in card_texts.FACTORS
            )[:_LONG],
            "risk_rating": card_texts.RISK_RATING,
            "explanations_for_risk_rating": card_texts.RISK[:_LONG],
        },
        "business_details": {
            "business_problem": card_texts.PROBLEM,
            "business_stakeholders": card_texts.STAKEHOLDERS,
            "line_of_business": card_texts.LINE_OF_BUSINESS,
        },
        "training_details": _training(report.signature),
        "evaluation_details": [_evaluation(report)],
        "additional_information": {
            "ethical_considerations": card_texts.ETHICS[:_LONG],
            "caveats_and_recommendations": " ".join([card_texts.CAVEATS, *weak_places(report)])[
                :_LONG
            ],
            "custom_details": {
                "package_sha256": str(report.package["sha256"]),
                "package_version": report.signature.package_version,
                "abstain_threshold": str(report.signature.abstain_threshold),
                "temperature": str(report.signature.temperature),
                "licence": report.signature.licence[:_MEDIUM],
            },
        },
    }


def _overview(report: Report) -> dict[str, Any]:
    architecture = report.signature.architecture
    overview: dict[str, Any] = {
        "model_description": card_texts.PURPOSE[:_MEDIUM],
        "problem_type": "Multiclass classification",
        "algorithm_type": f"{architecture.name}, width {architecture.width}",
        "model_id": str(report.package["sha256"]),
        "model_artifact": [str(report.package["file"])],
        "model_name": f"{card_texts.NAME} {report.signature.package_version}",
    }
    major = report.signature.package_version.split(".", maxsplit=1)[0]
    if major.isdigit() and int(major) >= 1:
        overview["model_version"] = int(major)
    return overview


def _training(signature: Signature) -> dict[str, Any]:
    training = sorted(plain_signature(signature)["training"].items())
    facts = {key: value for key, value in training if isinstance(value, str | int | float)}
    details: dict[str, Any] = {
        "objective_function": {
            "function": {"function": "Minimize", "facet": "Loss"},
            "notes": "cross-entropy with the distribution of the annotators' votes",
        },
        "training_observations": ", ".join(f"{k}: {v}" for k, v in facts.items())[:_MEDIUM],
    }
    validation = signature.metrics.get("validation")
    metrics = [
        {
            "name": f"validation {name}",
            "value": figure.value,
            "notes": f"95 % interval {figure.low} to {figure.high}, n = {figure.n}",
        }
        for name, figure in (validation.figures if validation else {}).items()
        if name in TITLES and figure.is_defined
    ]
    job: dict[str, Any] = {"user_provided_training_metrics": metrics}
    if signature.training.data:
        job["training_datasets"] = [signature.training.data[:_MEDIUM]]
    details["training_job_details"] = job
    return details


def _evaluation(report: Report) -> dict[str, Any]:
    figures = report.evaluation.figures
    whole = [_number(title, figures[name]) for name, title in TITLES.items()]
    by_label = [
        _number(f"{kind} of {label}", figures[f"{kind}_{label}"])
        for label in EXPRESSIONS
        for kind in ("recall", "precision", "f1")
    ]
    sealed = report.abstention.sealed
    curve = report.abstention.curve[:_CURVE_POINTS]
    groups = [
        {"name": "All pictures", "metric_data": [m for m in whole if m]},
        {"name": "By expression", "metric_data": [m for m in by_label if m]},
        {"name": "Confusion matrix", "metric_data": [_confusion(report)]},
        {
            "name": "Abstention",
            "metric_data": [
                *[m for m in (_number("accuracy of answers given", sealed.accuracy),) if m],
                {"name": "share answered", "type": "number", "value": round(sealed.coverage, 5)},
                {
                    "name": "accuracy against coverage",
                    "type": "linear_graph",
                    "value": [
                        [round(point.coverage, 5), round(point.accuracy.value, 5)]
                        for point in reversed(curve)
                    ],
                    "x_axis_name": "share of the pictures answered",
                    "y_axis_name": "accuracy",
                },
            ],
        },
        {
            "name": "Behaviour",
            "metric_data": [
                m for m in (_number(f"{c.kind}, {c.name}", c.share) for c in report.checks) if m
            ],
        },
    ]
    return {
        "name": "Held-out pictures",
        "evaluation_observation": (
            f"{report.evaluation.n} pictures with a unique majority of the annotators; "
            f"{report.left_out} without one are not scored. 95 % bootstrap intervals in the notes."
        ),
        "datasets": [report.data[:_MEDIUM]],
        "metadata": {label: str(count) for label, count in report.counts.items()},
        "metric_groups": groups,
    }


def _number(name: str, figure: Estimate) -> dict[str, Any] | None:
    if not figure.n or not math.isfinite(figure.value):
        return None
    return {
        "name": name[:255],
        "type": "number",
        "value": round(figure.value, 5),
        "notes": f"95 % interval {words.span(figure, 4)}, n = {figure.n}",
    }


def _confusion(report: Report) -> dict[str, Any]:
    return {
        "name": "confusion, rows true, columns answered",
        "type": "matrix",
        "value": [list(row) for row in report.evaluation.confusion],
        "x_axis_name": [label[:_SHORT] for label in EXPRESSIONS],
        "y_axis_name": [label[:_SHORT] for label in EXPRESSIONS],
    }
