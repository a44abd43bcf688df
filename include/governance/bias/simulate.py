"""Weeks that never happened: how often does the audit cry wolf, and what does it catch?

`python -m include.governance.bias.simulate` runs the very audit on made answers. In
fair weeks no group differs from another; in biased weeks one group's error is raised by
a stated amount. The defaults of `AuditSettings` are to be chosen by its table
(decision 0015, open).
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from include.contracts.labels import EXPRESSIONS
from include.governance.bias.audit import audit
from include.governance.bias.disparity import Status
from include.governance.bias.rows import AuditRows, audit_rows
from include.governance.bias.settings import AuditSettings

RACES = ("A", "B", "C", "D", "E", "F", "G")
GENDERS = ("f", "m")
BIASED = RACES[0]


@dataclass(frozen=True, slots=True)
class World:
    """What the made weeks look like.

    Attributes:
        people: Audited people, one row each, over 7 x 2 groups of equal chance.
        face_found: Share of faces found.
        quality: Share of found faces that are readable.
        abstained: Share of readable faces on which the model abstains.
        accuracy: Share of answers that are right.
        missed_more: Added to the share of faces not found in the planted group.
        wrong_more: Added to the share of wrong answers in the planted group.
    """

    people: int = 2000
    face_found: float = 0.97
    quality: float = 0.95
    abstained: float = 0.08
    accuracy: float = 0.80
    missed_more: float = 0.0
    wrong_more: float = 0.0


def made_week(world: World, seed: int) -> AuditRows:
    """Make one week's rows."""
    rng = np.random.default_rng(seed)
    count = world.people
    race, gender = rng.choice(RACES, count), rng.choice(GENDERS, count)
    planted = race == BIASED
    found = rng.random(count) < world.face_found - world.missed_more * planted
    usable = found & (rng.random(count) < world.quality)
    abstained = usable & (rng.random(count) < world.abstained)
    answered = usable & ~abstained
    truth = rng.integers(len(EXPRESSIONS), size=count)
    other = (truth + rng.integers(1, len(EXPRESSIONS), size=count)) % len(EXPRESSIONS)
    right_share = world.accuracy - world.wrong_more * planted
    answer = np.where(rng.random(count) < right_share, truth, other)
    # A Beta of mean `accuracy`: a model that is calibrated on the whole.
    confidence = rng.beta(8 * world.accuracy, 8 * (1 - world.accuracy), count)
    names = np.array(EXPRESSIONS, dtype=object)
    frame = pd.DataFrame(
        {
            "person_id": [f"p{number:06d}" for number in range(count)],
            "race": race,
            "gender": gender,
            "face_found": found,
            "quality_ok": usable,
            "abstained": abstained,
            "answer": np.where(answered, names[answer], None),
            "truth": names[truth],
            "confidence": np.where(usable, confidence, np.nan),
        }
    )
    return audit_rows(frame, attributes=("race", "gender"), source="declared")


def verdicts(world: World, settings: AuditSettings, *, weeks: int, seed: int) -> Counter[Status]:
    """Count the verdicts of `weeks` made weeks."""
    return Counter(
        audit(made_week(world, seed + week), replace(settings, seed=seed + week)).verdict
        for week in range(weeks)
    )


def main(arguments: list[str] | None = None) -> int:
    """Print shares of green, amber and red weeks, fair and biased."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--weeks", type=int, default=200)
    parser.add_argument("--people", type=int, default=2000)
    parser.add_argument("--resamples", type=int, default=AuditSettings().resamples)
    parser.add_argument("--minimum-people", type=int, default=AuditSettings().minimum_people)
    parser.add_argument("--tolerated-gap", type=float, default=AuditSettings().tolerated_gap)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    settings = AuditSettings(
        resamples=options.resamples,
        minimum_people=options.minimum_people,
        tolerated_gap=options.tolerated_gap,
    )
    fair = World(people=options.people)
    worlds = {
        "fair": fair,
        "wrong answers +10 points": replace(fair, wrong_more=0.10),
        "wrong answers +20 points": replace(fair, wrong_more=0.20),
        "wrong answers +30 points": replace(fair, wrong_more=0.30),
        "faces missed +20 points": replace(fair, missed_more=0.20),
        "faces missed +30 points": replace(fair, missed_more=0.30),
    }
    sys.stdout.write("| world | weeks | green | amber | red |\n|---|---|---|---|---|\n")
    for name, world in worlds.items():
        counted = verdicts(world, settings, weeks=options.weeks, seed=options.seed)
        shares = " | ".join(f"{counted[status] / options.weeks:.1%}" for status in Status)
        sys.stdout.write(f"| {name} | {options.weeks} | {shares} |\n")
        sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
