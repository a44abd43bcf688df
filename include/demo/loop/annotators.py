"""Two made annotators: they see what is displayed, and slip now and then.

What is displayed is known because the recordings are made. Their answers are a plain CSV, as
anybody may drop it; nothing of what the model answered reaches them.
"""

from __future__ import annotations

import csv
import io

import numpy as np

from include.contracts.labels import EXPRESSIONS
from include.demo.loop.weeks import Week, displayed_at, scripts
from include.labelling.queue import Draw

ANNOTATORS = ("anna", "ben")
SLIPS = 0.04
"""Share of answers that name another expression."""


def answers(draw: Draw, week: Week) -> bytes:
    """Return the answers to a draw of one week as CSV; the same draw, the same answers.

    Args:
        draw: The platform's own record of what was asked; only row ids and recordings are
            read.
        week: The study that the faces are from.

    Raises:
        ValueError: The draw asks about another study.
    """
    known = scripts(week)
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(("row_id", "annotator", "label"))
    for item in draw.selected:
        instant = item.instant
        if instant.study != week.study:
            raise ValueError(f"{instant.study!r} is not {week.study!r}")
        displayed = displayed_at(known[instant.recording], instant.row_id)
        for who in ANNOTATORS:
            writer.writerow((instant.row_id, who, _answer(displayed, f"{who}/{instant.row_id}")))
    return text.getvalue().encode()


def _answer(displayed: str, seed: str) -> str:
    chance = np.random.default_rng(list(seed.encode()))
    if chance.random() >= SLIPS:
        return displayed
    return str(chance.choice([label for label in EXPRESSIONS if label != displayed]))
