"""The faces a reader should have seen: typical, divided, extreme, repeated, left out."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from include.contracts.labels import EXPRESSIONS
from ml.data.eda.agreement import majority_share
from ml.data.eda.pictures import Montage, montage
from ml.data.eda.report import Report

COLUMNS = 20
"""Faces in a row."""
_GROUPS_SHOWN = 6
_AGREED_FROM = 0.9
_DIVIDED_SHARE = 0.15
"""Share of a class, the least agreed upon, that its second row is drawn from."""

Rows = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Strip:
    """Faces in rows, with a line above and a note beside it."""

    title: str
    note: str
    picture: Montage


@dataclass(frozen=True, slots=True)
class Samples:
    """All strips of the page; `classes` maps an expression to its strips."""

    classes: dict[str, list[Strip]]
    extremes: list[Strip]
    groups: list[Strip]
    shifted: list[Strip]
    left_out: list[Strip]


def draw_samples(report: Report, *, seed: int) -> Samples:
    """Draw and lay out faces; the same seed draws the same faces."""
    generator = np.random.default_rng(seed)
    return Samples(
        classes={
            name: _of_class(report, code, generator)
            for code, name in enumerate(EXPRESSIONS)
            if report.counts[code]
        },
        extremes=_extremes(report),
        groups=_groups(report),
        shifted=_shifted(report, generator),
        left_out=[
            _strip(
                report,
                generator.permutation(reason.rows)[:COLUMNS],
                reason.title,
                f"{len(reason.rows):,} pictures; {reason.consequence}",
            )
            for reason in report.left_out
        ],
    )


def _of_class(report: Report, code: int, generator: np.random.Generator) -> list[Strip]:
    rows = np.flatnonzero(report.labels == code)
    votes = report.table.votes[rows]
    share = majority_share(votes)
    rated = votes.sum(axis=1) > 1
    name = EXPRESSIONS[code]
    if not rated.any():
        return [_strip(report, generator.permutation(rows)[:COLUMNS], "sample", "one label each")]
    clear = rows[rated & (share >= _AGREED_FROM)]
    by_share = np.flatnonzero(rated)[np.argsort(share[rated], kind="stable")]
    divided = rows[by_share[: max(COLUMNS, round(_DIVIDED_SHARE * len(by_share)))]]
    strips = []
    for title, chosen in (("annotators agree", clear), ("annotators are divided", divided)):
        if len(chosen):
            shown = generator.permutation(chosen)[:COLUMNS]
            mean = majority_share(report.table.votes[shown]).mean()
            note = f"{mean:.0%} of these pictures' votes say {name}"
            strips.append(_strip(report, shown, title, note))
    return strips


def _extremes(report: Report) -> list[Strip]:
    brightness, contrast, sharpness = report.quality
    wanted = (
        ("Darkest", brightness, 1),
        ("Brightest", brightness, -1),
        ("Least contrast", contrast, 1),
        ("Least sharp", sharpness, 1),
    )
    return [
        _strip(
            report,
            np.argsort(direction * measure.values, kind="stable")[:COLUMNS],
            title,
            f"{measure.title.lower()}: {measure.unit}",
        )
        for title, measure, direction in wanted
    ]


def _groups(report: Report) -> list[Strip]:
    strips = []
    for rows in report.copies.groups[:_GROUPS_SHOWN]:
        named = Counter(
            EXPRESSIONS[label] if label >= 0 else "not scored" for label in report.labels[rows]
        )
        labels = ", ".join(f"{name} {count}" for name, count in named.most_common())
        sides = ", ".join(sorted(set(report.sides[rows].tolist()) - {""})) or "no split"
        title, note = f"{len(rows)} near-duplicates", f"labelled {labels}; in {sides}"
        strips.append(_strip(report, rows[:COLUMNS], title, note))
    return strips


def _shifted(report: Report, generator: np.random.Generator) -> list[Strip]:
    pairs = report.copies.shifted
    if not pairs:
        return []
    shown = generator.permutation(np.array(pairs, np.int64))[: COLUMNS // 2].ravel()
    note = f"{len(pairs):,} pairs on different sides; neighbours here are pairs"
    return [_strip(report, shown, "one photograph, cut a few pixels apart", note)]


def _strip(report: Report, rows: Rows, title: str, note: str) -> Strip:
    alt = f"{len(rows)} sample faces. {title}: {note}."
    return Strip(title, note, montage(report.table.images[rows], columns=COLUMNS, alt=alt))
