"""The evaluation as one self-contained page: no script, no request."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence

from include.contracts.labels import EXPRESSIONS
from include.pages.environment import page_template
from include.pages.formats import count, sentence
from include.statistics.estimate import Estimate
from include.statistics.words import NOTHING, plain, span
from ml.evaluation.agreement import Agreement
from ml.evaluation.card import TEMPLATES, TITLES, card_values
from ml.evaluation.charts import (
    abstention_chart,
    reliability_chart,
    robustness_chart,
    slices_chart,
)
from ml.evaluation.explanations import Explanation
from ml.evaluation.report import Report

HEADLINES: tuple[tuple[str, str], ...] = (
    ("accuracy", "Accuracy"),
    ("macro_f1", "Macro F1"),
    ("ece", "Calibration error"),
    ("balanced_accuracy", "Balanced accuracy"),
)
"""The figures at the head of the page: name, title."""

Row = tuple[str, ...]
"""A line of a table: its title, then its cells."""


def render_page(report: Report) -> str:
    """Return the page's HTML."""
    values = {
        **card_values(report),
        "headlines": HEADLINES,
        "figure_rows": [
            (sentence(title), *_cells(report.evaluation.figures[name]))
            for name, title in TITLES.items()
        ],
        "class_rows": [_class_row(report.evaluation.figures, label) for label in EXPRESSIONS],
        "matrix": _matrix(report),
        "reliability_chart": reliability_chart(report.bins),
        "abstention_chart": abstention_chart(report.risk_coverage, report.abstention),
        "agreement_rows": _agreement_rows(report.agreement) if report.agreement else [],
        "slices_chart": slices_chart(report.slices, report.evaluation.figures["accuracy"]),
        "slice_rows": _slice_rows(report),
        "robustness_chart": robustness_chart(report.robustness),
        "robustness_rows": _robustness_rows(report),
        "cells": _cells,
        "explained": _by_truth(report.explanations),
    }
    return page_template(TEMPLATES, "evaluation.html.j2").render(**values)


def _cells(figure: Estimate) -> Row:
    """Return value, interval and number of cases."""
    return plain(figure.value), span(figure), count(figure.n)


def _class_row(figures: Mapping[str, Estimate], label: str) -> Row:
    precision = figures[f"precision_{label}"]
    return (
        label.capitalize(),
        *_cells(figures[f"recall_{label}"]),
        *(_cells(precision) if precision.n else ("never answered", NOTHING, NOTHING)),
        *_cells(figures[f"f1_{label}"]),
    )


def _matrix(report: Report) -> list[tuple[str, list[tuple[int, str, float]], str]]:
    """Return the confusion matrix row by row: counts, shares of the row."""
    rows = []
    for label, counts in zip(EXPRESSIONS, report.evaluation.confusion, strict=True):
        total = sum(counts)
        shares = [found / total if total else 0.0 for found in counts]
        cells = [
            (found, f"{100 * share:.0f} %", share)
            for found, share in zip(counts, shares, strict=True)
        ]
        rows.append((label.capitalize(), cells, count(total)))
    return rows


def _agreement_rows(found: Agreement) -> list[Row]:
    titled: Sequence[tuple[str, Estimate | None]] = (
        ("One annotator against the majority of the others", found.annotator),
        ("The model against the same majority", found.model),
        ("Model less annotator, paired", found.model_less_annotator),
        ("Jensen-Shannon divergence of votes and answer, bits", found.js_divergence),
        ("Kullback-Leibler divergence of the answer from the votes, nats", found.kl_divergence),
        ("Cosine similarity of votes and answer", found.cosine),
    )
    return [(title, *_cells(figure)) for title, figure in titled if figure]


def _slice_rows(report: Report) -> list[Row]:
    rows = []
    for item in report.slices:
        if item.accuracy and item.macro_f1:
            shown: Row = (*_cells(item.accuracy)[:2], *_cells(item.macro_f1)[:2])
        else:
            shown = ("too few", NOTHING, NOTHING, NOTHING)
        rows.append((f"{item.quality.capitalize()}, {item.part}", *shown, count(item.n)))
    return rows


def _robustness_rows(report: Report) -> list[Row]:
    return [
        (
            f"{sentence(curve.name)} ({curve.unit})",
            f"{item.strength:g}",
            *_cells(item.accuracy)[:2],
            *_cells(item.loss)[:2],
            f"{100 * item.unchanged.value:.0f} %",
        )
        for curve in report.robustness
        for item in curve.strengths
    ]


def _by_truth(explanations: Sequence[Explanation]) -> list[tuple[str, list[Row]]]:
    """Return pictures under their titles, an expression's right answers before its wrong ones."""
    groups = []
    for label in EXPRESSIONS:
        for right in (True, False):
            mine = [_picture(e) for e in explanations if e.truth == label and e.right is right]
            if mine:
                groups.append(
                    (f"{label.capitalize()}, answered {'right' if right else 'wrong'}", mine)
                )
    return groups


def _picture(item: Explanation) -> Row:
    """Return a picture for `ui.film`: address, words, caption."""
    data = base64.b64encode(item.jpeg).decode("ascii")
    return (
        f"data:image/jpeg;base64,{data}",
        (
            f"A face people call {item.truth}, answered {item.answer} with confidence "
            f"{item.confidence:.2f}; right of it the same under its Grad-CAM map"
        ),
        f"{item.answer} {item.confidence:.2f}",
    )
