"""Weeks that never happened: how often does the audit cry wolf, and what does it catch?

`python -m benchmarks.simulations.bias_audit` runs the very audit on made answers. In fair
weeks no group differs from another; in biased weeks the pictures of one declared group are
degraded, so that faces are missed, found unreadable, and answered wrongly more often. With
`--panel` the fair weeks are real ones: the outcomes of a real audit set, its groups dealt
anew among its people. The defaults of `AuditSettings` were chosen by its table
(docs/decisions/0015-bias-audit.md).
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from include.contracts.labels import EXPRESSIONS
from include.governance.bias.audit import audit, estimated_verdict
from include.governance.bias.disparity import Status
from include.governance.bias.rows import PERSON, AuditRows, audit_rows
from include.governance.bias.settings import AuditSettings
from include.statistics import counts, words

RACES = ("A", "B", "C", "D", "E", "F", "G")
GENDERS = ("f", "m")
AGES = ("0-9", "10-19", "20-29", "30-39", "40-49", "50+")
_AGE_SHARES = (0.14, 0.11, 0.29, 0.22, 0.12, 0.12)
BIASED = RACES[0]
_SHOWN = dict(
    zip(EXPRESSIONS, (0.05, 0.02, 0.03, 0.33, 0.45, 0.08, 0.04), strict=True),
)
"""How often each expression is displayed: as uneven as in practice, since the rates near one
half are the ones that chance moves most."""

Week = Callable[[int], AuditRows]


@dataclass(frozen=True, slots=True)
class World:
    """What the made weeks look like.

    Attributes:
        people: Audited people, one row each.
        face_found: Share of faces found.
        quality: Share of found faces that are readable.
        abstained: Share of readable faces on which the model abstains.
        accuracy: Share of answers that are right.
        missed_more: Added to the share of faces not found in the planted group.
        unreadable_more: Added to the share of unreadable faces in the planted group.
        wrong_more: Added to the share of wrong answers in the planted group.
    """

    people: int = 2000
    face_found: float = 0.93
    quality: float = 0.97
    abstained: float = 0.05
    accuracy: float = 0.80
    missed_more: float = 0.0
    unreadable_more: float = 0.0
    wrong_more: float = 0.0


def made_week(world: World, seed: int) -> AuditRows:
    """Make one week's rows, with three attributes as in FairFace."""
    rng = np.random.default_rng(seed)
    count = world.people
    race = rng.choice(RACES, count)
    planted = race == BIASED
    found = rng.random(count) < world.face_found - world.missed_more * planted
    usable = found & (rng.random(count) < world.quality - world.unreadable_more * planted)
    abstained = usable & (rng.random(count) < world.abstained)
    answered = usable & ~abstained
    shares = np.array([_SHOWN[label] for label in EXPRESSIONS])
    truth = rng.choice(len(EXPRESSIONS), count, p=shares)
    other = (truth + rng.integers(1, len(EXPRESSIONS), size=count)) % len(EXPRESSIONS)
    right = rng.random(count) < world.accuracy - world.wrong_more * planted
    answer = np.where(right, truth, other)
    # A Beta of mean `accuracy`: a model that is calibrated on the whole.
    confidence = rng.beta(8 * world.accuracy, 8 * (1 - world.accuracy), count)
    names = np.array(EXPRESSIONS, dtype=object)
    frame = pd.DataFrame(
        {
            PERSON: [f"p{number:06d}" for number in range(count)],
            "age": rng.choice(AGES, count, p=_AGE_SHARES),
            "gender": rng.choice(GENDERS, count),
            "race": race,
            "face_found": found,
            "quality_ok": usable,
            "abstained": abstained,
            "answer": pd.Series(names[answer]).where(answered, None),
            "truth": names[truth],
            "confidence": np.where(usable, confidence, np.nan),
        }
    )
    return audit_rows(frame, attributes=("age", "gender", "race"), source="declared")


def dealt_week(panel: pd.DataFrame, attributes: tuple[str, ...], seed: int) -> AuditRows:
    """Deal the groups of a real panel anew among its people: what happened stays, who differs.

    Args:
        panel: Rows of a fixed audit set, as they are kept in the lake.
        attributes: Its group columns.
        seed: Of the deal.
    """
    groups = panel.drop_duplicates(PERSON).set_index(PERSON)[list(attributes)]
    order = np.random.default_rng(seed).permutation(len(groups))
    dealt = pd.DataFrame(groups.to_numpy()[order], index=groups.index, columns=groups.columns)
    frame = panel.drop(columns=list(attributes)).join(dealt, on=PERSON)
    return audit_rows(frame, attributes=attributes, source="annotated")


def verdict(rows: AuditRows, settings: AuditSettings) -> Status:
    """Return the verdict of a week; only weeks that are not green are resampled."""
    if estimated_verdict(rows, settings) is Status.GREEN:
        return Status.GREEN
    return audit(rows, settings).verdict


def verdicts(week: Week, settings: AuditSettings, *, weeks: int, seed: int) -> Counter[Status]:
    """Count the verdicts of `weeks` weeks."""
    return Counter(
        verdict(week(seed + number), replace(settings, seed=seed + number))
        for number in range(weeks)
    )


def line(name: str, counted: Counter[Status]) -> str:
    """Return one line of the table: shares, each with its exact 95 % interval."""
    weeks = counted.total()
    cells = [words.share(counts.share(counted[one], weeks, method="exact")) for one in Status]
    return f"| {name} | {weeks} | {' | '.join(cells)} |\n"


def main(arguments: list[str] | None = None) -> int:
    """Print shares of green, amber and red weeks, fair and biased."""
    defaults = AuditSettings()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--weeks", type=int, default=200)
    parser.add_argument("--biased-weeks", type=int, default=50)
    parser.add_argument("--people", type=int, default=2000)
    parser.add_argument("--resamples", type=int, default=defaults.resamples)
    parser.add_argument("--minimum-people", type=int, default=defaults.minimum_people)
    parser.add_argument("--tolerated-gap", type=float, default=defaults.tolerated_gap)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--panel", type=Path, help="kept rows of a real audit set, Parquet")
    options = parser.parse_args(arguments)
    settings = AuditSettings(
        resamples=options.resamples,
        minimum_people=options.minimum_people,
        tolerated_gap=options.tolerated_gap,
    )
    fair = World(people=options.people)
    worlds: dict[str, tuple[Week, int]] = {
        "fair": (lambda seed: made_week(fair, seed), options.weeks)
    }
    for points in (10, 20, 30):
        share = points / 100
        world = replace(fair, missed_more=share, unreadable_more=share / 2, wrong_more=share)
        worlds[f"one group degraded by {points} points"] = (
            lambda seed, world=world: made_week(world, seed),  # type: ignore[misc]
            options.biased_weeks,
        )
    if options.panel is not None:
        panel = pd.read_parquet(options.panel)
        attributes = tuple(name for name in ("age", "gender", "race") if name in panel)
        worlds = {
            "real outcomes, groups dealt anew": (
                lambda seed: dealt_week(panel, attributes, seed),
                options.weeks,
            )
        }
    sys.stdout.write("| world | weeks | green | amber | red |\n|---|---|---|---|---|\n")
    for name, (week, weeks) in worlds.items():
        counted = verdicts(week, settings, weeks=weeks, seed=options.seed) if weeks else None
        if counted:
            sys.stdout.write(line(name, counted))
            sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
