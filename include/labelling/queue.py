"""The platform's own record of one draw, and its join with the answers.

The record keeps what annotators must not see: the design and the model's published
answers. Without it no label can be weighted, so it is written before the tasks are.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np
import numpy.typing as npt

from include.contracts.documents import Content, Form
from include.labelling.estimate import LabelledSample
from include.labelling.selection import Plan, Selected
from include.labelling.votes import extraction_of


@dataclass(frozen=True, slots=True)
class Source:
    """The analysis whose published answers the faces of one extraction have.

    Attributes:
        analysis_id: Identity of the analysis.
        model_name: Who answered.
        model_version: Its version.
        model_sha256: Hex digest of its package.
        published_at: When the answers were published; aware, ISO 8601.
    """

    analysis_id: str
    model_name: str
    model_version: str
    model_sha256: str
    published_at: str


@dataclass(frozen=True, slots=True)
class Draw:
    """One draw from what was published in a window.

    Attributes:
        queue_id: Its identity.
        since: First moment of the window, aware.
        until: First moment after it, aware.
        plan: Sizes, cap and seed.
        frame_n: Faces that could have been drawn.
        sources: Every extraction of the frame, by its id.
        selected: What was drawn, in random order.
        abstained: Row ids among them that were published as "not readable".
    """

    queue_id: str
    since: datetime
    until: datetime
    plan: Plan
    frame_n: int
    sources: Mapping[str, Source]
    selected: tuple[Selected, ...]
    abstained: frozenset[str]

    @property
    def asked(self) -> frozenset[str]:
        """Row ids that people are asked about."""
        return frozenset(item.instant.row_id for item in self.selected)

    def answered_by(self, model_sha256: str) -> tuple[Selected, ...]:
        """Return what of the draw a model package answered."""
        return tuple(
            item
            for item in self.selected
            if self.sources[extraction_of(item.instant.row_id)].model_sha256 == model_sha256
        )


def without(draw: Draw, extraction_ids: Collection[str]) -> Draw:
    """Return a draw without the faces of erased extractions.

    Probabilities and the size of the frame stay as they were drawn: who is missing counts as
    not labelled, which the normalised estimator takes for chance.
    """
    gone = {
        item.instant.row_id
        for item in draw.selected
        if extraction_of(item.instant.row_id) in extraction_ids
    }
    return replace(
        draw,
        sources={name: found for name, found in draw.sources.items() if name not in extraction_ids},
        selected=tuple(item for item in draw.selected if item.instant.row_id not in gone),
        abstained=draw.abstained - gone,
    )


def _named(content: Content) -> Content:
    content["selected"] = content.pop("items")
    return content


DRAW = Form(Draw, schema=2, upgrades={1: _named})


@dataclass(frozen=True, slots=True)
class LaidOut:
    """That everything annotators need of a draw is there: `queue.json`, written last.

    Attributes:
        queue_id: The draw.
        since: First moment of its window; aware.
        until: First moment after it; aware.
        asked: Faces drawn.
        pictures: Those with a crop.
        files: Names of what lies beside the pictures.
    """

    queue_id: str
    since: datetime
    until: datetime
    asked: int
    pictures: int
    files: tuple[str, ...]


LAID_OUT = Form(LaidOut)


def labelled_sample(
    draws: Iterable[Draw],
    votes: Mapping[str, npt.NDArray[np.int64]],
    *,
    model_sha256: str,
) -> LabelledSample | None:
    """Join answers with what was asked and what one model published.

    Args:
        draws: Draws whose frames do not overlap.
        votes: Answers per row id, from `votes.counts`; rows not selected are left out.
        model_sha256: The model package whose answers count.

    Returns:
        The labelled faces, or None where none has a label yet.
    """
    chosen = [(draw, item) for draw in draws for item in draw.answered_by(model_sha256)]
    chosen = [(draw, item) for draw, item in chosen if item.instant.row_id in votes]
    if not chosen:
        return None
    answered: Sequence[Selected] = [item for _, item in chosen]
    return LabelledSample(
        tuple(item.instant.respondent for item in answered),
        np.array([item.inclusion_probability for item in answered]),
        np.stack([votes[item.instant.row_id] for item in answered]),
        np.array([item.instant.champion for item in answered]),
        np.array([item.instant.row_id in draw.abstained for draw, item in chosen]),
    )
