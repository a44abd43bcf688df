"""Made-up recordings with the structure of real traffic, for measuring the monitor.

Studies run for some days, each with its own level of every figure (its stimulus, its
room, its panel); recordings vary around their study. Spreads are assumptions, stated
here and in docs/decisions/0014-drift.md; they are not estimates from customers' data.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from include.contracts.labels import EXPRESSIONS
from include.monitoring.watched import COLUMNS, Sample
from include.statistics.arrays import FloatArray

_LEVELS: tuple[tuple[float, float, float], ...] = (
    # mean, spread between studies, spread between recordings of a study
    (120.0, 10.0, 22.0),  # brightness, grey levels
    (5.3, 0.25, 0.6),  # sharpness, log of the variance of the Laplacian
    (4.9, 0.15, 0.3),  # face_side_px, log of pixels
    (2.1, 0.2, 0.5),  # head_turn_deg, log of degrees
    (2.6, 0.4, 0.9),  # face_coverage, logit
    (0.85, 0.15, 0.35),  # confidence, logit
    (-2.2, 0.3, 0.8),  # abstention_share, logit
)
_SHARES = {
    "anger": 0.05,
    "disgust": 0.03,
    "fear": 0.04,
    "happiness": 0.22,
    "neutral": 0.48,
    "sadness": 0.10,
    "surprise": 0.08,
}
_STUDY_CONCENTRATION = 60.0
"""Dirichlet concentration of a study's shares: happiness then varies by about 5 points."""
_RECORDING_CONCENTRATION = 8.0
"""Of a recording around its study: about 14 points."""


@dataclass(frozen=True, slots=True)
class Traffic:
    """How much is published.

    Attributes:
        recordings_per_day: Mean of a Poisson number, over all studies.
        studies_at_once: Studies that run side by side.
        study_days: How long each runs.
        study_effects: Whether studies differ; without, recordings are independent.
    """

    recordings_per_day: int = 40
    studies_at_once: int = 5
    study_days: int = 5
    study_effects: bool = True


def make(traffic: Traffic, *, days: int, rng: np.random.Generator) -> Sample:
    """Make the recordings of `days` days, ordinals 1..days."""
    counts = rng.poisson(traffic.recordings_per_day, days)
    day = np.repeat(np.arange(1, days + 1), counts)
    slot = rng.integers(0, traffic.studies_at_once, day.size)
    # Studies do not all begin on the same day.
    turn = (day + slot * traffic.study_days // traffic.studies_at_once) // traffic.study_days
    study = (turn * traffic.studies_at_once + slot).astype(np.int64)
    values = np.empty((day.size, len(COLUMNS)))
    studies = int(study.max()) + 1
    scale = 1.0 if traffic.study_effects else 0.0
    for index, (mean, between, within) in enumerate(_LEVELS):
        level = mean + scale * between * rng.standard_normal(studies)
        values[:, index] = level[study] + within * rng.standard_normal(day.size)
    values[:, 0] = values[:, 0].clip(5.0, 250.0)
    values[:, 1:4] = np.exp(values[:, 1:4])
    values[:, 4:7] = 1.0 / (1.0 + np.exp(-values[:, 4:7]))
    mix = np.array([_SHARES[label] for label in EXPRESSIONS])
    of_study = rng.dirichlet(mix * _STUDY_CONCENTRATION, studies)
    centres = of_study[study] if traffic.study_effects else np.tile(mix, (day.size, 1))
    gammas = rng.standard_gamma(np.maximum(centres, 1e-3) * _RECORDING_CONCENTRATION)
    values[:, 7:] = gammas / gammas.sum(axis=1, keepdims=True)
    return Sample(values, day.astype(np.int64), study)


def _column(values: FloatArray, name: str, change: Callable[[FloatArray], FloatArray]) -> None:
    index = COLUMNS.index(name)
    values[:, index] = change(values[:, index])


def darker(values: FloatArray) -> None:
    """Every face 30 % darker."""
    _column(values, "brightness", lambda x: x * 0.7)


def fewer_faces(values: FloatArray) -> None:
    """Face coverage 15 points lower."""
    _column(values, "face_coverage", lambda x: np.maximum(x - 0.15, 0.0))


def happier(values: FloatArray) -> None:
    """Share of happiness about 10 points higher, at the cost of the others in proportion."""
    happiness = COLUMNS.index("share_happiness")
    others = 1.0 - values[:, happiness]
    # In proportion to what is left, so that no recording passes 1: 10 points on average.
    raised = values[:, happiness] + others * 0.10 / others.mean()
    factor = (1.0 - raised) / np.maximum(others, 1e-9)
    values[:, len(COLUMNS) - len(EXPRESSIONS) :] *= factor[:, None]
    values[:, happiness] = raised


def less_sure(values: FloatArray) -> None:
    """Confidence 0.05 lower."""
    _column(values, "confidence", lambda x: x - 0.05)


SHIFTS: dict[str, Callable[[FloatArray], None]] = {
    "darkening by 30 %": darker,
    "face coverage -15 points": fewer_faces,
    "happiness share +10 points": happier,
    "confidence -0.05": less_sure,
}
