"""Which published instants people should label: a sample with known probabilities.

**Design.** Three wishes make one inclusion probability per instant:

- *random*: every instant of the frame alike, so that nothing is out of reach and
  estimates stay unbiased;
- *uncertainty*: the least certain instants (smallest margin between the two most
  probable expressions), where a label teaches most;
- *disagreement*: instants the challenger answers otherwise than the champion.

The rates add up to an instant's probability, at most 1. Where a respondent would exceed
the cap in expectation, that person's probabilities are scaled down to it. The draw is
randomised systematic sampling with unequal probabilities (Madow 1949, Annals of
Mathematical Statistics 20, 333-354), people in random order and each person's instants in
random order: its inclusion probabilities are *exactly* the ones written down, the size is
the expected one rounded up or down, and no respondent exceeds the cap.

**Estimator.** A mean over the frame is estimated by weights 1 / probability (Horvitz and
Thompson 1952, JASA 47, 663-685), normalised by their sum (Hajek 1971): see `estimate`.
`stratum` says which wish chose an instant, drawn in proportion to the rates; it describes,
it does not weight. What was queued or labelled before is not in the frame: draw once per
window of recordings, so that windows' samples have frames apart and can be put together.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from include.contracts.labels import EXPRESSIONS

FloatArray = npt.NDArray[np.float64]


class Stratum(StrEnum):
    """The wish that chose an instant."""

    RANDOM = "random"
    UNCERTAINTY = "uncertainty"
    DISAGREEMENT = "disagreement"


@dataclass(frozen=True, slots=True)
class Instant:
    """A published face with the model's answer.

    Attributes:
        row_id: Unique in the lake (`votes.lake_row_id`).
        study: Name of the study.
        recording: Name of the recording.
        respondent: Pseudonym of the person seen; the recording's id where none is declared.
        face_id: Track of the face in its recording.
        champion: Probabilities in the order of `EXPRESSIONS`, calibrated, sum 1.
        challenger: The same of the challenger, or None where it did not run.
    """

    row_id: str
    study: str
    recording: str
    respondent: str
    face_id: str
    champion: tuple[float, ...]
    challenger: tuple[float, ...] | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """How many labels to ask for, in expectation, and of whom.

    Attributes:
        random: Labels of the random wish, at least 1.
        uncertainty: Labels of the uncertainty wish.
        disagreement: Labels of the disagreement wish; what disagreements cannot fill
            goes to uncertainty, and from there to random.
        uncertain_share: Share of the frame, above 0 and up to 1, that counts as uncertain.
        cap_per_respondent: Most labels of one person, at least 1.
        seed: Same frame, plan and seed: same sample.

    Raises:
        ValueError: A number is out of its range.
    """

    random: int = 150
    uncertainty: int = 100
    disagreement: int = 50
    uncertain_share: float = 0.2
    cap_per_respondent: int = 10
    seed: int = 0

    def __post_init__(self) -> None:
        if self.random < 1 or min(self.uncertainty, self.disagreement) < 0:
            raise ValueError("random is at least 1, uncertainty and disagreement at least 0")
        if not 0 < self.uncertain_share <= 1 or self.cap_per_respondent < 1:
            raise ValueError("uncertain_share is in (0, 1], cap_per_respondent at least 1")


@dataclass(frozen=True, slots=True)
class Selected:
    """An instant to label, and how it came to be chosen.

    Attributes:
        instant: What to label.
        stratum: The wish that chose it.
        inclusion_probability: Above 0, up to 1; its inverse is the weight.
    """

    instant: Instant
    stratum: Stratum
    inclusion_probability: float


def select(
    instants: Sequence[Instant], plan: Plan, *, taken: Collection[str] = ()
) -> list[Selected]:
    """Draw the instants to label, in random order.

    Args:
        instants: What was published in the window, one per row id.
        plan: Sizes, cap and seed.
        taken: Row ids that are queued or labelled already; never chosen again.

    Raises:
        ValueError: A row id comes twice, or an instant has not seven probabilities.
    """
    excluded = frozenset(taken)
    # Sorted, so that the sample does not hang on the order in which files were listed.
    frame = sorted((i for i in instants if i.row_id not in excluded), key=lambda i: i.row_id)
    if not frame:
        return []
    _check(frame)
    rates = _rates(frame, plan)
    people = np.unique([i.respondent for i in frame], return_inverse=True)[1]
    probabilities = capped(np.minimum(rates.sum(axis=1), 1.0), people, plan.cap_per_respondent)
    generator = np.random.default_rng(plan.seed)
    chosen = systematic(probabilities, people, generator)
    strata = list(Stratum)
    return [
        Selected(
            frame[row],
            strata[int(generator.choice(len(strata), p=rates[row] / rates[row].sum()))],
            float(probabilities[row]),
        )
        for row in generator.permutation(chosen)
    ]


def capped(probabilities: FloatArray, people: npt.NDArray[np.int64], cap: int) -> FloatArray:
    """Scale each person's probabilities (n,) so that no expected number exceeds `cap`."""
    expected = np.bincount(people, weights=probabilities)
    scale = np.minimum(1.0, cap / np.maximum(expected, np.finfo(float).tiny))
    return np.asarray(probabilities * scale[people])


def systematic(
    probabilities: FloatArray, people: npt.NDArray[np.int64], generator: np.random.Generator
) -> npt.NDArray[np.int64]:
    """Draw rows with exactly these inclusion probabilities (Madow 1949).

    One random start and steps of 1 along the running sum. A person's rows lie side by
    side, so a person with the sum s gives floor(s) or ceil(s) rows.
    """
    rank = generator.permutation(int(people.max()) + 1)
    order = np.lexsort((generator.random(len(people)), rank[people]))
    # Rounded, or a person's sum of 10.000000000000002 could give eleven rows.
    ends = np.round(np.cumsum(probabilities[order]), 9)
    marks = np.floor(ends + (1.0 - generator.random()))
    return np.asarray(order[np.diff(marks, prepend=0.0) > 0], np.int64)


def _rates(frame: Sequence[Instant], plan: Plan) -> FloatArray:
    """Return each wish's rate per instant, shape (n, 3), in the order of `Stratum`."""
    champion = np.array([i.champion for i in frame])
    ranked = np.sort(champion, axis=1)
    margins = ranked[:, -1] - ranked[:, -2]
    uncertain_n = max(1, round(plan.uncertain_share * len(frame)))
    uncertain = np.zeros(len(frame), bool)
    uncertain[np.argsort(margins, kind="stable")[:uncertain_n]] = True
    disagrees = np.array(
        [
            i.challenger is not None and np.argmax(i.challenger) != np.argmax(i.champion)
            for i in frame
        ]
    )
    rates = np.zeros((len(frame), len(Stratum)))
    left_over = 0.0
    wishes = (
        (2, disagrees, plan.disagreement),
        (1, uncertain, plan.uncertainty),
        (0, np.ones(len(frame), bool), plan.random),
    )
    for column, members, wanted in wishes:
        # What the wishes before have surely taken is not there to be taken again.
        free = np.where(members, np.maximum(1.0 - rates.sum(axis=1), 0.0), 0.0)
        room = free.sum()
        rate = min(1.0, (wanted + left_over) / room) if room > 0 else 0.0
        rates[:, column] = rate * free
        # Not below 0: what is wholly filled may be overfilled by a rounding error.
        left_over = max(0.0, wanted + left_over - rates[:, column].sum())
    return rates


def _check(frame: Sequence[Instant]) -> None:
    for before, instant in itertools.pairwise(frame):
        if before.row_id == instant.row_id:
            raise ValueError(f"row {instant.row_id} is given twice")
    for instant in frame:
        for answer in (instant.champion, instant.challenger):
            if answer is not None and len(answer) != len(EXPRESSIONS):
                raise ValueError(f"row {instant.row_id} has {len(answer)} probabilities, not 7")
