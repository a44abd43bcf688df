"""The report as one HTML file that asks for nothing from outside."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from markupsafe import Markup

from include.contracts.labels import EXPRESSIONS
from include.pages.environment import page_template
from include.pages.formats import count, sentence
from include.statistics import independent, words
from include.statistics.words import NOTHING
from ml.data.eda import charts
from ml.data.eda.findings import Finding, findings, name
from ml.data.eda.report import Report
from ml.data.eda.samples import Samples
from ml.data.eda.survey import SetSurvey
from ml.data.records import VOTE_NAMES

_TEMPLATES = Path(__file__).parent / "templates"
_PAIRS_SHOWN = 8
_NO_VOTES = 0.0005
"""A smaller share is left blank."""
_SPOKEN = {
    "good": "As it should be",
    "care": "Needs a decision",
    "bad": "Must be fixed",
}
_SECTIONS = (
    ("findings", "Findings"),
    ("classes", "Classes"),
    ("balance", "Balancing"),
    ("faces", "Faces"),
    ("agreement", "Agreement"),
    ("quality", "Picture quality"),
    ("copies", "Copies"),
    ("left-out", "Left out"),
    ("sources", "Sources"),
)
"""Of the page, in order: id, title."""
_TITLES = {
    "ferplus": "FER+",
    "fer2013": "FER2013",
    "rafdb": "RAF-DB",
    "expw": "ExpW",
    "annotations": "annotators of the platform",
    "fairface": "FairFace",
}
"""Data sets as their authors write them."""

Row = tuple[str, ...]
"""A line of a table: its title, then its cells."""


def render(report: Report, samples: Samples) -> str:
    """Return the page's HTML; the same report gives the same bytes."""
    votes = [text.replace("_", " ") for text in VOTE_NAMES]
    return page_template(_TEMPLATES, "eda.html.j2").render(
        report=report,
        samples=samples,
        sections=[one for one in _SECTIONS if report.agreement or one[0] != "agreement"],
        findings=[_rule(one) for one in findings(report)],
        drawings=_drawings(report),
        expressions=EXPRESSIONS,
        expression_columns=_figures(EXPRESSIONS),
        vote_names=votes,
        vote_columns=_figures(votes),
        read=sum(one.records for one in report.sets),
        scored=int(report.counts.sum()),
        rarest=EXPRESSIONS[report.rarest],
        overall=independent.scaled(report.overall, 100) if report.overall else None,
        split_rows=[
            (title, *(count(int(n)) for n in counts), count(int(counts.sum())))
            for title, counts in report.by_split
        ],
        balance_rows=_balance_rows(report),
        spread=_spread(report),
        vote_rows=_vote_rows(report),
        medians=_medians(report),
        pairs=_pairs(report),
        copy_rows=_copy_rows(report),
        source_rows=[_source_row(one) for one in report.sets],
        titles=", ".join(_TITLES[one.name] for one in report.sets),
        annotators=_annotators(report),
    )


def _figures(titles: Iterable[str]) -> tuple[tuple[str, str], ...]:
    """Return the titles as columns of figures."""
    return tuple((title, "n") for title in titles)


def _rule(found: Finding) -> tuple[str, str, Markup]:
    text = Markup("<strong>{}.</strong> {}").format(found.headline, sentence(found.text))
    return found.state, _SPOKEN[found.state], text


def _drawings(report: Report) -> dict[str, Markup]:
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
        }
    return drawn


def _balance_rows(report: Report) -> list[Row]:
    """Return the options; weights of the loss leave every picture in its epoch once."""
    everything = report.options[0].total.sum()
    return [
        (
            one.title,
            f"{one.total.sum():,.0f}",
            f"{everything if one.name == 'class_balanced_loss' else one.real.sum():,.0f}",
            f"{one.imbalance:.1f} : 1",
            one.effect,
        )
        for one in report.options
    ]


def _spread(report: Report) -> list[tuple[str, list[tuple[str, str, float]], None]]:
    """Return where the votes go, for `ui.matrix`: shaded by the root, so that few show too."""
    if report.agreement is None:
        return []
    return [
        (
            expression,
            [(_vote_share(value), "", float(value) ** 0.5) for value in row[np.isfinite(row)]],
            None,
        )
        for expression, row in zip(EXPRESSIONS, report.agreement.spread, strict=True)
    ]


def _vote_share(value: float) -> str:
    if value < _NO_VOTES:
        return ""
    return f"{value:.1%}" if value < 0.1 else f"{value:.0%}"


def _vote_rows(report: Report) -> list[Row]:
    agreed = report.agreement
    if agreed is None:
        return []
    rows = []
    for code, expression in enumerate(EXPRESSIONS):
        bits = agreed.entropy_bits[agreed.labels == code]
        rows.append(
            (
                expression,
                words.share(report.by_class[code]),
                words.plain(float(bits.mean()) if len(bits) else None, 2),
                *(f"{v:.1%}" if np.isfinite(v) else NOTHING for v in agreed.spread[code]),
            )
        )
    return rows


def _medians(report: Report) -> list[Row]:
    rows = []
    for measure in report.quality:
        by_class = [measure.values[report.labels == code] for code in range(len(EXPRESSIONS))]
        middles = [f"{np.median(found):.3g}" if len(found) else NOTHING for found in by_class]
        rows.append((f"{measure.title} ({measure.unit})", *middles))
    return rows


def _pairs(report: Report) -> list[Row]:
    if report.agreement is None:
        return []
    first = report.agreement.pairs[:_PAIRS_SHOWN]
    return [(name(one), name(other), f"{share:.1%}") for one, other, share in first]


def _copy_rows(report: Report) -> list[Row]:
    copies = report.copies
    rows: list[Row] = [
        ("Groups of near-duplicates", count(len(copies.groups))),
        ("Pictures in them", count(copies.pictures)),
        (
            "Groups whose scored members carry different majority labels",
            f"{count(copies.disagreeing)} of {count(copies.comparable)}",
        ),
        ("Groups on more than one side of the split", count(copies.across_splits)),
        (
            "Held-out pictures that show a photograph of another side, cut a few pixels apart",
            count(len(copies.tainted)),
        ),
    ]
    if len(report.sets) > 1:
        rows.append(("Groups with members of several data sets", count(copies.across_sets)))
    return rows


def _source_row(one: SetSurvey) -> Row:
    """Return a set's pictures and their size: one, or the range of the shorter sides."""
    low, high = min(one.shortest_px, default=0), max(one.shortest_px, default=0)
    counts = (one.records, one.repeated, one.elsewhere, one.distinct, one.colour)
    side = f"{low} px" if low == high else f"{low} to {high} px"
    return (_TITLES[one.name], *(count(n) for n in counts), side)


def _annotators(report: Report) -> int:
    """Return the most frequent number of votes of a picture."""
    return int(np.bincount(report.table.votes.sum(axis=1)).argmax())
