"""The weeks of the demonstration: who displays what, when, in what light.

Two things change between a healthy week and a degraded one: the room is dark, so that the
camera adds noise, and the film is sadder, so that what is displayed has other shares. Both
are recorded for real; nothing else is told to anybody.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from include.labelling.votes import row_in_extraction
from include.made_media.demo_video import write_video
from include.made_media.posed_faces import Lighting, frames

PEOPLE = 14
"""More than ten, so that the rule of health has enough respondents with a margin."""
RATE_HZ = 4
SIZE_PX = (640, 360)

DAYLIGHT = Lighting()
CINEMA = Lighting(gain=0.3, noise=8.0)


@dataclass(frozen=True, slots=True)
class Week:
    """A study of one week.

    Attributes:
        study: Its name.
        lighting: Of every room.
        seconds: How long each expression is displayed by each respondent.
    """

    study: str
    lighting: Lighting
    seconds: Mapping[str, int]


HEALTHY = Week("Week 1 - comedy at home", DAYLIGHT, {"happiness": 5, "neutral": 5, "sadness": 2})
DEGRADED = Week("Week 2 - drama in the dark", CINEMA, {"happiness": 3, "neutral": 3, "sadness": 6})
RECOVERED = Week("Week 3 - drama in the dark", CINEMA, DEGRADED.seconds)


def scripts(week: Week) -> dict[str, tuple[str, ...]]:
    """Return what each recording displays, second by second; the same week, the same scripts."""
    found = {}
    for number in range(1, PEOPLE + 1):
        name = f"r{number:02d}.mp4"
        displayed = [label for label, length in week.seconds.items() for _ in range(length)]
        order = np.random.default_rng(list(f"{week.study}/{name}".encode())).permutation(
            len(displayed)
        )
        found[name] = tuple(displayed[place] for place in order)
    return found


def displayed_at(script: tuple[str, ...], row_id: str) -> str:
    """Return what a sampled face of a recording displays.

    Args:
        script: Of its recording, an expression a second; instants are a second apart.
        row_id: Of the face in the lake (`include.labelling.votes.lake_row_id`).
    """
    instant = int(row_in_extraction(row_id).partition("-")[0])
    return script[instant]


def write_week(folder: Path, week: Week) -> Path:
    """Write a study's recordings and respondents.csv, and return its folder.

    The same week makes the same bytes; written once, it is kept.
    """
    study = folder / week.study
    if study.exists():
        return study
    draft = folder / f".{week.study}"
    draft.mkdir(parents=True, exist_ok=True)
    lines = [("recording", "respondent", "age_group")]
    for number, (name, script) in enumerate(scripts(week).items(), start=1):
        pictures = frames(
            f"{week.study}/{name}",
            script,
            seconds_each=1,
            rate_hz=RATE_HZ,
            size=SIZE_PX,
            lighting=week.lighting,
        )
        write_video(draft / name, pictures, size=SIZE_PX, rate=RATE_HZ)
        lines.append((name, f"P{number:02d}", "25-34" if number % 2 else "35-44"))
    with (draft / "respondents.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(lines)
    return draft.rename(study)
