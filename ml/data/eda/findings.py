"""What the figures mean for whoever trains on them, one sentence each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from include.contracts.labels import EXPRESSIONS
from include.statistics import words
from ml.data.eda.report import Report
from ml.data.records import VOTE_NAMES

_MILD_IMBALANCE = 5.0
"""Up to this many pictures of the largest class for one of the smallest need no remedy."""
_TELLING_STEP = 0.5
"""Difference of medians, in standard deviations, from which a measure is a shortcut."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A sentence with how it should be taken.

    Attributes:
        state: `good` is as it should be, `care` needs a decision, `bad` must be fixed.
        headline: A few words.
        text: The figures.
    """

    state: Literal["good", "care", "bad"]
    headline: str
    text: str


def findings(report: Report) -> list[Finding]:
    """Return what a reader should know before training."""
    found = [_sides(report), _imbalance(report), *_agreement(report), _copies(report)]
    return [*found, *_left_out(report), *_light(report)]


def name(code: int) -> str:
    """Return the label of a vote column for people."""
    return VOTE_NAMES[code].replace("_", " ")


def _sides(report: Report) -> Finding:
    crossing = report.copies.across_splits
    if crossing:
        return Finding(
            "bad",
            "The split leaks",
            f"{crossing:,} groups of near-duplicates lie on more than one side: figures on this "
            "split are too good. Make it again with python -m ml.data.",
        )
    held_out = int(np.isin(report.sides, ("validation", "test")).sum())
    if count := len(report.copies.tainted):
        return Finding(
            "bad",
            "Photographs on two sides",
            f"Each of the {len(report.copies.groups):,} groups of near-duplicates lies on one "
            f"side, but {count:,} of {held_out:,} held-out pictures ({count / held_out:.1%}) show "
            "a photograph of another side, cut a few pixels apart. A strict split leaves them "
            "out: python -m ml.data --strict.",
        )
    return Finding(
        "good",
        "No leak between the splits",
        f"Near-duplicates were searched anew among all {len(report.table):,} pictures: each of "
        f"the {len(report.copies.groups):,} groups lies on one side, and none of the "
        f"{held_out:,} held-out pictures shows a photograph of another side cut a few pixels "
        "apart.",
    )


def _imbalance(report: Report) -> Finding:
    most, least = EXPRESSIONS[report.most_common], EXPRESSIONS[report.rarest]
    text = (
        f"{most} has {report.counts.max():,} pictures, {least} {report.counts.min():,}: "
        f"{report.imbalance:.0f} to one. Accuracy alone hides how {least} fares; read macro-F1."
    )
    state: Literal["good", "care"] = "care" if report.imbalance > _MILD_IMBALANCE else "good"
    return Finding(state, "Classes differ in size", text)


def _agreement(report: Report) -> list[Finding]:
    agreed, overall = report.agreement, report.overall
    if agreed is None or overall is None:
        return []
    rated = [(found.value, code) for code, found in enumerate(report.by_class) if found]
    low, high = min(rated), max(rated)
    first, second, share = agreed.pairs[0]
    return [
        Finding(
            "care",
            "People do not agree either",
            f"The majority label gets {words.share(overall)} of a picture's votes "
            f"({overall.n:,} pictures, Fleiss' kappa {agreed.kappa:.2f}): from {low[0]:.0%} for "
            f"{EXPRESSIONS[low[1]]} to {high[0]:.0%} for {EXPRESSIONS[high[1]]}. Soft labels keep "
            "this; a hard label throws it away.",
        ),
        Finding(
            "care",
            "Where opinions part",
            f"{name(first)} against {name(second)} makes {share:.0%} of all disagreements between "
            "two annotators of one picture. A model will confuse them too.",
        ),
    ]


def _copies(report: Report) -> Finding:
    merged = sum(one.repeated + one.elsewhere for one in report.sets)
    read = sum(one.records for one in report.sets)
    copies = report.copies
    text = (
        f"{merged:,} of {read:,} pictures read are exact copies and were merged; "
        f"{copies.pictures:,} of the rest resemble another, in {len(copies.groups):,} groups."
    )
    if copies.comparable:
        text += (
            f" In {copies.disagreeing:,} of {copies.comparable:,} groups the copies carry "
            "different majority labels: mostly noise of labelling that no model can explain "
            "(a few groups are chains of people who look alike)."
        )
    return Finding("care" if copies.disagreeing else "good", "Copies", text)


def _left_out(report: Report) -> list[Finding]:
    total = sum(len(reason.rows) for reason in report.left_out)
    if not total:
        return []
    listed = "; ".join(f"{one.title.lower()} {len(one.rows):,}" for one in report.left_out)
    share = total / len(report.table)
    return [Finding("good", "Left out by rule", f"{total:,} pictures ({share:.1%}): {listed}.")]


def _light(report: Report) -> list[Finding]:
    brightness = report.quality[0].values
    medians = [
        (float(np.median(brightness[report.labels == code])), EXPRESSIONS[code])
        for code in np.flatnonzero(report.counts)
    ]
    (low, dark), (high, bright) = min(medians), max(medians)
    step = (high - low) / max(float(brightness.std()), 1e-9)
    state: Literal["good", "care"] = "care" if step > _TELLING_STEP else "good"
    text = (
        f"Median brightness goes from {low:.0f} ({dark}) to {high:.0f} ({bright}), {step:.2f} "
        "standard deviations of all pictures: "
        + ("light may give an expression away." if state == "care" else "light says little.")
    )
    return [Finding(state, "Light", text)]
