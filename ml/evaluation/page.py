"""The evaluation as one self-contained page: no script, no request."""

from __future__ import annotations

import base64
from typing import Any

from include.contracts.labels import EXPRESSIONS
from include.contracts.pages import page_environment
from ml.evaluation.card import TEMPLATES, card_values
from ml.evaluation.charts import (
    abstention_chart,
    reliability_chart,
    robustness_chart,
    slices_chart,
)
from ml.evaluation.explanations import SIDE_PX, Explanation
from ml.evaluation.report import Report

HEADLINES: tuple[tuple[str, str, int], ...] = (
    ("accuracy", "Accuracy", 3),
    ("macro_f1", "Macro F1", 3),
    ("ece", "Calibration error", 3),
    ("balanced_accuracy", "Balanced accuracy", 3),
)
"""The figures at the head of the page: name, title, digits."""

_STRONG_SHADE = 0.78


def render_page(report: Report) -> str:
    """Return the page's HTML."""
    values = {
        **card_values(report),
        "headlines": HEADLINES,
        "matrix": _matrix(report),
        "reliability_chart": reliability_chart(report.bins),
        "abstention_chart": abstention_chart(report.risk_coverage, report.abstention),
        "robustness_chart": robustness_chart(report.robustness),
        "slices_chart": slices_chart(report.slices, report.evaluation.figures["accuracy"]),
        "explained": _by_truth(report.explanations),
        "explained_size_px": (2 * SIDE_PX, SIDE_PX),
    }
    return str(page_environment(TEMPLATES).get_template("evaluation.html.j2").render(**values))


def _matrix(report: Report) -> list[dict[str, Any]]:
    """Return the confusion matrix row by row: counts, row shares, whether a cell is dark."""
    rows = []
    for label, counts in zip(EXPRESSIONS, report.evaluation.confusion, strict=True):
        total = sum(counts)
        cells = [
            {
                "count": count,
                "share": count / total if total else 0.0,
                "dark": bool(total and count / total >= _STRONG_SHADE),
            }
            for count in counts
        ]
        rows.append({"label": label, "n": total, "cells": cells})
    return rows


def _by_truth(explanations: tuple[Explanation, ...]) -> list[dict[str, Any]]:
    groups = []
    for label in EXPRESSIONS:
        mine = [item for item in explanations if item.truth == label]
        if mine:
            groups.append(
                {
                    "label": label,
                    "right": [_picture(item) for item in mine if item.right],
                    "wrong": [_picture(item) for item in mine if not item.right],
                }
            )
    return groups


def _picture(item: Explanation) -> dict[str, Any]:
    data = base64.b64encode(item.jpeg).decode("ascii")
    return {
        "source": f"data:image/jpeg;base64,{data}",
        "answer": item.answer,
        "confidence": item.confidence,
        "alt": (
            f"A face people call {item.truth}, answered {item.answer} with confidence "
            f"{item.confidence:.2f}; right of it the same under its Grad-CAM map"
        ),
    }
