"""The model card for people: Markdown, generated, the same bytes for the same figures."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from include.contracts.labels import EXPRESSIONS
from include.statistics import independent, words
from ml.evaluation import card_texts
from ml.evaluation.report import Report

TEMPLATES = Path(__file__).parent / "templates"

TITLES: Mapping[str, str] = {
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy (mean recall)",
    "macro_f1": "macro F1",
    "top_2": "truth among the two most probable",
    "ece": "expected calibration error",
    "log_loss": "log-loss",
    "brier": "Brier score",
}

_WEAK_RECALL = 0.5
_FEW_PICTURES = 100


def weak_places(report: Report) -> list[str]:
    """Return sentences about expressions that are found badly or measured on few pictures."""
    figures = report.evaluation.figures
    sentences = []
    for label in EXPRESSIONS:
        recall, precision = figures[f"recall_{label}"], figures[f"precision_{label}"]
        if not recall.n:
            sentences.append(f"No scored picture shows {label}: nothing is known about it.")
        elif not precision.n:
            sentences.append(
                f"This model answered {label} to none of the pictures, {recall.n} of which show "
                "it: its absence from a report says nothing."
            )
        elif recall.value < _WEAK_RECALL:
            sentences.append(
                f"Of {recall.n} displays of {label}, {100 * recall.value:.0f} % are found "
                f"({words.span(independent.scaled(recall, 100), 0)} %)."
            )
        elif recall.n < _FEW_PICTURES:
            sentences.append(
                f"Only {recall.n} scored pictures show {label}: its recall of "
                f"{words.plain(recall.value, 2)} may be anything from {words.span(recall, 2)}."
            )
    return sentences


def model_card(report: Report) -> str:
    """Return the card as Markdown."""
    return str(_template("model-card.md.j2").render(**card_values(report)))


def card_values(report: Report) -> dict[str, Any]:
    """Return what the templates of cards and pages share."""
    return {
        "report": report,
        "figures": report.evaluation.figures,
        "titles": TITLES,
        "labels": EXPRESSIONS,
        "weak": weak_places(report),
        "texts": card_texts,
        "number": words.plain,
        "span": words.span,
    }


@cache
def _environment() -> Environment:
    return Environment(  # noqa: S701 Markdown, written from the package's own figures
        loader=FileSystemLoader(TEMPLATES),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def _template(name: str) -> Any:
    return _environment().get_template(name)
