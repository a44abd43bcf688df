"""What is known about a recording: who is where in each frame, and as what."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.identity.posing import Box

RESPONDENT, POSTER, TV, MIRROR, PASSER_BY = "respondent", "poster", "tv", "mirror", "passer-by"
ROLES = (RESPONDENT, POSTER, TV, MIRROR, PASSER_BY)


@dataclass(frozen=True, slots=True)
class Shown:
    """A face in one frame.

    Attributes:
        person: Who it is.
        role: One of `ROLES`.
        box_px: Where the face is.
        visible: Share of the box that nothing covers, 0..1.
    """

    person: str
    role: str
    box_px: Box
    visible: float = 1.0


@dataclass(frozen=True, slots=True)
class Truth:
    """What a recording shows.

    Attributes:
        name: Of the recording, without ending.
        category: Which kind of case it is.
        half: "dev", "test" or "real".
        rate_hz: Frames per second; frame k is shown from k / rate on.
        scenes: Times in seconds at which the picture is cut.
        frames: Faces of each frame.
    """

    name: str
    category: str
    half: str
    rate_hz: float
    scenes: tuple[float, ...]
    frames: tuple[tuple[Shown, ...], ...]

    def at(self, pts_s: float) -> tuple[Shown, ...]:
        """Return the faces of the frame shown at a presentation time."""
        index = round(pts_s * self.rate_hz)
        return self.frames[index] if 0 <= index < len(self.frames) else ()

    def respondents(self) -> set[str]:
        """Who is a respondent at any time."""
        return {
            shown.person for frame in self.frames for shown in frame if shown.role == RESPONDENT
        }

    def write(self, path: Path) -> None:
        """Write as JSON; frames as rows of person, role, box and visible share."""
        people = sorted({shown.person for frame in self.frames for shown in frame})
        number = {person: index for index, person in enumerate(people)}
        document = {
            "name": self.name,
            "category": self.category,
            "half": self.half,
            "rate_hz": self.rate_hz,
            "scenes": self.scenes,
            "people": people,
            "roles": ROLES,
            "frames": [
                [
                    [
                        number[shown.person],
                        ROLES.index(shown.role),
                        *(round(value, 1) for value in shown.box_px),
                        round(shown.visible, 2),
                    ]
                    for shown in frame
                ]
                for frame in self.frames
            ],
        }
        path.write_text(json.dumps(document, separators=(",", ":")) + "\n", encoding="utf-8")


def read_truth(path: Path) -> Truth:
    """Read what `Truth.write` wrote."""
    document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    people, roles = document["people"], document["roles"]
    return Truth(
        document["name"],
        document["category"],
        document["half"],
        document["rate_hz"],
        tuple(document["scenes"]),
        tuple(
            tuple(
                Shown(people[who], roles[role], (x, y, w, h), v) for who, role, x, y, w, h, v in f
            )
            for f in document["frames"]
        ),
    )
