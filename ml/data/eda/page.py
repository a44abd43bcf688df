"""The report as one HTML file that asks for nothing from outside."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
from jinja2 import Template

from include.contracts.labels import EXPRESSIONS
from include.contracts.pages import page_environment
from include.statistics import words
from ml.data.eda import charts
from ml.data.eda.charts import Chart
from ml.data.eda.findings import findings, name
from ml.data.eda.report import Report
from ml.data.eda.samples import Samples
from ml.data.records import VOTE_NAMES

_PAIRS_SHOWN = 8
_TITLES = {
    "ferplus": "FER+",
    "fer2013": "FER2013",
    "rafdb": "RAF-DB",
    "expw": "ExpW",
    "annotations": "annotators of the platform",
    "fairface": "FairFace",
}
"""Data sets as their authors write them."""


def render(report: Report, samples: Samples) -> str:
    """Return the page's HTML; the same report gives the same bytes."""
    return _template().render(
        report=report,
        samples=samples,
        findings=findings(report),
        drawings=_drawings(report),
        expressions=EXPRESSIONS,
        vote_names=[text.replace("_", " ") for text in VOTE_NAMES],
        colours=charts.COLOURS,
        read=sum(one.records for one in report.sets),
        scored=int(report.counts.sum()),
        rarest=EXPRESSIONS[report.rarest],
        by_class=[words.share(found) for found in report.by_class],
        entropies=_entropies(report),
        medians=_medians(report),
        pairs=_pairs(report),
        sizes=_sizes(report),
        titles=", ".join(_TITLES[one.name] for one in report.sets),
        set_titles=_TITLES,
        annotators=_annotators(report),
    )


def _drawings(report: Report) -> dict[str, Chart]:
    counts = ", ".join(f"{e} {n:,}" for e, n in zip(EXPRESSIONS, report.counts, strict=True))
    options = "; ".join(
        f"{one.title}: largest {one.total.max():,.0f}, smallest {one.total.min():,.0f}"
        for one in report.options
    )
    drawn = {
        "classes": charts.class_bars(report.counts, f"Pictures by expression: {counts}."),
        "balance": charts.balance_bars(report.options, f"Pictures per epoch. {options}."),
        "quality": charts.quality_ridges(
            report.quality,
            report.labels,
            "Distribution of brightness, contrast and sharpness by expression; medians are in "
            "the table below.",
        ),
    }
    if report.agreement is not None:
        listed = ", ".join(
            f"{expression} {words.share(found)}"
            for expression, found in zip(EXPRESSIONS, report.by_class, strict=True)
            if found
        )
        drawn |= {
            "shares": charts.agreement_histogram(
                report.agreement.share, "How often the majority got which share of the votes."
            ),
            "by_class": charts.agreement_by_class(
                report.by_class, f"Mean share of the majority by expression: {listed}."
            ),
            "spread": charts.vote_heatmap(
                report.agreement.spread,
                "Share of the votes for each label, by majority label; the table below has "
                "the same figures.",
            ),
        }
    return drawn


def _entropies(report: Report) -> list[float | None]:
    agreed = report.agreement
    if agreed is None:
        return [None] * len(EXPRESSIONS)
    return [
        float(agreed.entropy_bits[agreed.labels == code].mean())
        if (agreed.labels == code).any()
        else None
        for code in range(len(EXPRESSIONS))
    ]


def _medians(report: Report) -> list[tuple[str, str, list[float | None]]]:
    return [
        (
            measure.title,
            measure.unit,
            [
                float(np.median(values)) if len(values) else None
                for values in (
                    measure.values[report.labels == code] for code in range(len(EXPRESSIONS))
                )
            ],
        )
        for measure in report.quality
    ]


def _pairs(report: Report) -> list[tuple[str, str, float]]:
    if report.agreement is None:
        return []
    first = report.agreement.pairs[:_PAIRS_SHOWN]
    return [(name(one), name(other), share) for one, other, share in first]


def _annotators(report: Report) -> int:
    """Return the most frequent number of votes of a picture."""
    return int(np.bincount(report.table.votes.sum(axis=1)).argmax())


def _sizes(report: Report) -> dict[str, str]:
    """Return each set's picture sizes: one, or the range of the shorter sides."""
    shown = {}
    for one in report.sets:
        low, high = min(one.shortest_px, default=0), max(one.shortest_px, default=0)
        shown[one.name] = f"{low} px" if low == high else f"{low} to {high} px"
    return shown


@cache
def _template() -> Template:
    folder = Path(__file__).parent / "templates"
    return page_environment(folder).get_template("eda.html.j2")
