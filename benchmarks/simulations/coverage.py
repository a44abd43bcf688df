"""`python -m benchmarks.simulations.coverage`: how often intervals hold what they claim to.

Draws samples of made populations whose true figure is known, computes each interval by the
very function that prints it, and counts how often it holds the truth. Nominal is 95 %. Beside
each share stands its own 95 % (Wilson) interval over the trials. `--out` keeps them as JSON.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from include.statistics import counts, independent, means, words
from include.statistics.arrays import FloatArray
from include.statistics.bands import mean_band
from include.statistics.bootstrap import Bootstrap
from include.statistics.clusters import ClusterBootstrap, ratio
from include.statistics.estimate import Estimate

TIMES = 60
ROWS_EACH = 20
Trial = Callable[[np.random.Generator], bool]


@dataclass(frozen=True, slots=True)
class Case:
    """One kind of interval on one kind of sample; `trial` says whether it held the truth."""

    interval: str
    sample: str
    trial: Trial


@dataclass(frozen=True, slots=True)
class Covered:
    """How often an interval held the truth."""

    interval: str
    sample: str
    held: int
    trials: int


def holds(found: Estimate, truth: float) -> bool:
    """Whether an interval holds the truth; one that is not there does not."""
    return found.low <= truth <= found.high


def count(method: counts.Method, p: float, n: int) -> Case:
    """A share of independent rows."""

    def trial(rng: np.random.Generator) -> bool:
        return holds(counts.share(int(rng.binomial(n, p)), n, method=method), p)

    return Case(f"share, {method}", f"{100 * p:g} % of {n} rows", trial)


def row_share(p: float, n: int) -> Case:
    """A share over the rows of a bootstrap, as evaluations have it."""

    def trial(rng: np.random.Generator) -> bool:
        hits = (rng.random(n) < p).astype(float)
        return holds(Bootstrap(n, resamples=500, seed=int(rng.integers(2**31))).mean(hits), p)

    return Case("share, bootstrap of rows", f"{100 * p:g} % of {n} rows", trial)


def people_share(p: float, alike: float, people: int) -> Case:
    """A share of rows that resemble each other within a person (beta-binomial)."""
    scale = (1 - alike) / alike

    def trial(rng: np.random.Generator) -> bool:
        rows = rng.integers(ROWS_EACH // 2, ROWS_EACH * 3 // 2, people)
        own = np.repeat(rng.beta(p * scale, (1 - p) * scale, people), rows)
        who = [str(number) for number in np.repeat(np.arange(people), rows)]
        hits = rng.random(len(own)) < own
        return holds(ClusterBootstrap(who, resamples=2).share(hits, np.ones(len(own))), p)

    return Case("share, people", f"{100 * p:g} %, {people} people, correlation {alike:g}", trial)


def people_mean(people: int) -> Case:
    """A mean of skewed values that differ between people and within them."""

    def trial(rng: np.random.Generator) -> bool:
        own = np.repeat(rng.exponential(1.0, people), ROWS_EACH)
        values = own + rng.normal(0, 1, len(own))
        who = [str(number) for number in np.repeat(np.arange(people), ROWS_EACH)]
        drawn = ClusterBootstrap(who, resamples=500, seed=int(rng.integers(2**31)))
        columns = np.column_stack([values, np.ones(len(values))])
        return holds(drawn.figure(columns, ratio, n=len(values)), 1.0)

    return Case("mean, bootstrap of people", f"skewed, {people} people", trial)


def student(people: int) -> Case:
    """A mean of one value for each person."""

    def trial(rng: np.random.Generator) -> bool:
        values = rng.beta(2, 5, people)
        return holds(means.mean(values.tolist(), (0.0, 1.0)), 2 / 7)

    return Case("mean, Student", f"beta(2, 5), {people} people", trial)


def two_shares(kind: str, p: float, q: float, n: int) -> Case:
    """A difference or a ratio of two groups, by MOVER of exact intervals."""
    combine = independent.difference if kind == "difference" else independent.ratio
    truth = p - q if kind == "difference" else p / q

    def trial(rng: np.random.Generator) -> bool:
        one, other = (
            counts.share(int(rng.binomial(n, share)), n, method="exact") for share in (p, q)
        )
        found = combine(one, other)
        return holds(found, truth) or not found.is_defined

    return Case(f"{kind}, MOVER", f"{100 * p:g} % and {100 * q:g} % of {n} people each", trial)


def paired(lost: float, gained: float, n: int) -> Case:
    """A difference of two models on the same faces."""

    def trial(rng: np.random.Generator) -> bool:
        drawn = rng.random(n)
        first, second = drawn > gained, (drawn > gained + lost) | (drawn <= gained)
        boot = Bootstrap(n, resamples=500, seed=int(rng.integers(2**31)))
        return holds(boot.difference(second, first), gained - lost)

    return Case(
        "difference, paired",
        f"{100 * gained:g} % gained, {100 * lost:g} % lost of {n} faces",
        trial,
    )


def smooth(rng: np.random.Generator, n: int, width: float) -> FloatArray:
    """Gaussian curves over a unit of time, correlated over `width` of it, shape (n, times)."""
    clock = np.linspace(0, 1, TIMES)
    near = np.exp(-0.5 * ((clock[:, None] - clock) / width) ** 2) + 1e-8 * np.eye(TIMES)
    return np.asarray(rng.normal(size=(n, TIMES)) @ np.linalg.cholesky(near).T)


def gaussian(rng: np.random.Generator, n: int) -> FloatArray:
    """Curves about one half that leave their range hardly ever."""
    return 0.5 + 0.06 * (smooth(rng, n, 0.08) + smooth(rng, n, 0.5))


def intensity(base: float) -> Callable[[np.random.Generator, int], FloatArray]:
    """Probabilities of one expression that rise at one moment, more in some people."""
    peak = 2 * np.exp(-0.5 * ((np.linspace(0, 1, TIMES) - 0.5) / 0.1) ** 2)

    def make(rng: np.random.Generator, n: int) -> FloatArray:
        person = 1.2 * rng.normal(size=(n, 1))
        return np.asarray(1 / (1 + np.exp(-(base + peak + person + 0.8 * smooth(rng, n, 0.08)))))

    return make


def shown(rng: np.random.Generator, n: int) -> FloatArray:
    """Whether each person displays an expression: 0 or 1 at each time."""
    peak = 2 * np.exp(-0.5 * ((np.linspace(0, 1, TIMES) - 0.5) / 0.1) ** 2)
    return (peak - 1.5 + rng.normal(size=(n, 1)) + smooth(rng, n, 0.05) > 0).astype(np.float64)


CURVES: dict[str, Callable[[np.random.Generator, int], FloatArray]] = {
    "Gaussian": gaussian,
    "a common expression": intensity(-1.0),
    "a rare expression": intensity(-3.0),
    "shown or not": shown,
}


def band(kind: str, respondents: int, *, absent: float = 0.0) -> Case:
    """A sup-t band: does it hold the whole true curve?"""
    make = CURVES[kind]
    rng = np.random.default_rng(99)
    truth = np.mean([make(rng, 5000).mean(axis=0) for _ in range(20)], axis=0)

    def trial(rng: np.random.Generator) -> bool:
        curves = make(rng, respondents)
        curves[rng.random(curves.shape) < absent] = np.nan
        seed = int(rng.integers(2**31))
        found = mean_band(curves, (0.0, 1.0), resamples=500, seed=seed)
        return bool(((found.low <= truth) & (truth <= found.high)).all())

    missing = f", {100 * absent:g} % not seen" if absent else ""
    return Case("sup-t band", f"{kind}, {respondents} respondents{missing}", trial)


def cases() -> list[Case]:
    """Return everything that is measured, in the order of the table."""
    return [
        *(count(method, p, n) for method in ("wilson", "exact") for p, n in _FEW),  # type: ignore[arg-type]
        *(row_share(p, n) for p, n in _FEW),
        *(
            people_share(p, alike, people)
            for people in (8, 20, 40, 120)
            for p, alike in ((0.8, 0.1), (0.8, 0.3), (0.97, 0.2), (0.99, 0.3))
        ),
        *(people_mean(people) for people in (8, 20, 40, 120)),
        *(student(people) for people in (8, 20, 30)),
        two_shares("difference", 0.0, 0.03, 150),
        two_shares("difference", 0.9, 0.8, 150),
        two_shares("ratio", 0.01, 0.03, 150),
        two_shares("ratio", 0.7, 0.9, 150),
        paired(0.01, 0.01, 200),
        paired(0.0, 0.005, 200),
        paired(0.03, 0.06, 400),
        *(band(kind, n) for kind in CURVES for n in (8, 20, 30)),
        band("a common expression", 20, absent=0.2),
    ]


_FEW = ((0.01, 20), (0.05, 50), (0.2, 20), (0.5, 100), (0.97, 100))


def measure(case: Case, trials: int, seed: int) -> Covered:
    """Run a case `trials` times."""
    rng = np.random.default_rng([seed, *case.interval.encode(), *case.sample.encode()])
    held = sum(case.trial(rng) for _ in range(trials))
    return Covered(case.interval, case.sample, held, trials)


def main(arguments: list[str] | None = None) -> int:
    """Print the table; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.simulations.coverage",
        description=(__doc__ or "").partition(": ")[2].partition("\n")[0],
    )
    parser.add_argument("--trials", type=int, default=1000, help="of each line (default: 1000)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, help="JSON file of the same figures")
    options = parser.parse_args(arguments)
    found = []
    sys.stdout.write("| interval | sample | nominal | measured | trials |\n|---|---|---|---|---|\n")
    for case in cases():
        one = measure(case, options.trials, options.seed)
        found.append(asdict(one))
        said = words.share(counts.share(one.held, one.trials))
        sys.stdout.write(f"| {one.interval} | {one.sample} | 95 % | {said} | {one.trials} |\n")
        sys.stdout.flush()
    if options.out is not None:
        options.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
