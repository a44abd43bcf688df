"""How often the rule of `health` errs: false alarms and power, by simulation.

    python -m benchmarks.simulations.health --weeks 200

Each simulated week has respondents who differ in how readable they are, a model that is
right as often as it says (less the planted loss), and the real selection, estimates and
rule. The sealed figures come from another set of single pictures without a loss, a new
one for each ten weeks.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from include.contracts.labels import EXPRESSIONS
from include.labelling.estimate import Estimates, LabelledSample, estimate
from include.labelling.health import Health, Reference, decide
from include.labelling.selection import FloatArray, Instant, Plan, select
from include.labelling.votes import ANSWERS

_SHARES = np.array([0.06, 0.04, 0.06, 0.22, 0.42, 0.10, 0.10])
"""How often each expression is answered, in label order; neutral leads, as in production."""
_PERSON_SD = 0.06
"""Standard deviation between respondents of the chance of being read rightly."""
_ABSTAIN_BELOW = 0.4
_WEEKS_PER_MODEL = 10
LOSSES: tuple[float, ...] = (0.0, 0.05, 0.10, 0.15, 0.20)


@dataclass(frozen=True, slots=True)
class World:
    """One simulated window.

    Attributes:
        respondents_n: People.
        instants_n: Instants of each.
        plan: The label queue's plan; its seed is replaced each week.
        sealed_n: Pictures behind the sealed figures.
        resamples: Bootstrap resamples of each estimate.
    """

    respondents_n: int = 60
    instants_n: int = 40
    plan: Plan = field(default_factory=Plan)
    sealed_n: int = 3000
    resamples: int = 300


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the rule said over the weeks of one planted loss.

    Attributes:
        loss: Planted loss of accuracy, 0 to 1.
        weeks: Weeks simulated.
        counts: Weeks per decision.
        accuracy: Mean of the estimates.
        true_accuracy: Mean accuracy of all published instants.
        coverage: Share of weeks whose 95 % interval holds that week's true accuracy.
    """

    loss: float
    weeks: int
    counts: Counter[Health]
    accuracy: float
    true_accuracy: float
    coverage: float


@dataclass(frozen=True, slots=True)
class _Published:
    """Model's probabilities (n, 7), true labels (n,) and persons (n,)."""

    probabilities: FloatArray
    labels: npt.NDArray[np.int64]
    people: npt.NDArray[np.int64]

    @property
    def accuracy(self) -> float:
        return float((self.probabilities.argmax(axis=1) == self.labels).mean())

    def sample(self, rows: npt.NDArray[np.int64], chances: FloatArray) -> LabelledSample:
        return LabelledSample(
            tuple(f"p{person}" for person in self.people[rows]),
            chances,
            np.eye(len(ANSWERS), dtype=np.int64)[self.labels[rows]],
            self.probabilities[rows],
            self.probabilities[rows].max(axis=1) < _ABSTAIN_BELOW,
        )


def simulate(world: World, loss: float, weeks: int, *, seed: int = 0) -> Outcome:
    """Run the rule over `weeks` independent weeks with one planted loss of accuracy."""
    generator = np.random.default_rng([seed, round(1000 * loss)])
    people = np.repeat(np.arange(world.respondents_n), world.instants_n)
    counts: Counter[Health] = Counter()
    estimated, true, covered = [], [], []
    for week in range(weeks):
        if week % _WEEKS_PER_MODEL == 0:
            reference = _sealed(world, generator)
        published = _publish(people, loss, _PERSON_SD, generator)
        found = _week(world, published, seed=seed + week)
        counts[decide(found, [reference]).health] += 1
        accuracy = found.figures["accuracy"]
        estimated.append(accuracy.value)
        true.append(published.accuracy)
        covered.append(accuracy.low <= published.accuracy <= accuracy.high)
    means = (float(np.mean(values)) for values in (estimated, true, covered))
    return Outcome(loss, weeks, counts, *means)


def _sealed(world: World, generator: np.random.Generator) -> Reference:
    """Measure a new model as its package is sealed: single pictures, no design."""
    published = _publish(np.arange(world.sealed_n), 0.0, 0.0, generator)
    whole = published.sample(np.arange(world.sealed_n), np.ones(world.sealed_n))
    figures = estimate(whole, resamples=world.resamples).figures
    return Reference("the sealed test figures", figures)


def _week(world: World, published: _Published, *, seed: int) -> Estimates:
    """Draw, label and estimate one week."""
    instants = [
        Instant(f"{row:06d}", "study", f"r{person}", f"p{person}", "f1", tuple(answer))
        for row, (person, answer) in enumerate(
            zip(published.people, published.probabilities.tolist(), strict=True)
        )
    ]
    chosen = select(instants, replace(world.plan, seed=seed))
    rows = np.array([int(item.instant.row_id) for item in chosen])
    chances = np.array([item.inclusion_probability for item in chosen])
    return estimate(published.sample(rows, chances), resamples=world.resamples)


def _publish(
    people: npt.NDArray[np.int64], loss: float, person_sd: float, generator: np.random.Generator
) -> _Published:
    """Make answers and truths: right with the stated confidence, less loss and person."""
    n, classes = len(people), len(EXPRESSIONS)
    confidence = 0.3 + 0.7 * generator.beta(4, 1.4, n)
    answers = generator.choice(classes, n, p=_SHARES)
    probabilities = np.repeat(((1 - confidence) / (classes - 1))[:, None], classes, axis=1)
    probabilities[np.arange(n), answers] = confidence
    ease = generator.normal(0.0, person_sd, int(people.max()) + 1)[people]
    right = generator.random(n) < np.clip(confidence - loss + ease, 0, 1)
    others = (answers + generator.integers(1, classes, n)) % classes
    return _Published(probabilities, np.where(right, answers, others), people)


HEADER = (
    "| planted loss | true accuracy | estimate | coverage | healthy | watch | degraded |\n"
    "|---|---|---|---|---|---|---|\n"
)


def line(outcome: Outcome) -> str:
    """Return the outcome as a line of the Markdown table under `HEADER`."""
    shares = " | ".join(f"{100 * outcome.counts[h] / outcome.weeks:.1f} %" for h in Health)
    return (
        f"| {100 * outcome.loss:.0f} points | {outcome.true_accuracy:.3f} | "
        f"{outcome.accuracy:.3f} | {100 * outcome.coverage:.1f} % | {shares} |\n"
    )


def main() -> int:
    """Simulate every loss and print the table as it grows."""
    parser = argparse.ArgumentParser(description="False alarms and power of the health rule")
    parser.add_argument("--weeks", type=int, default=200, help="weeks per planted loss")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    sys.stdout.write(HEADER)
    for loss in LOSSES:
        sys.stdout.write(line(simulate(World(), loss, arguments.weeks, seed=arguments.seed)))
        sys.stdout.flush()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
