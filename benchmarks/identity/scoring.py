"""Holds what a build published about a recording against the truth.

A row of `predictions.parquet` with a face is matched to the face of the truth that its box
lies on, at the presentation time of the row. Three questions are then put:

- **merge**: does one `face_id` stand on rows of two different people?
- **split**: do one person's rows bear two different `face_id`s?
- **respondent**: is what the summary reports about a respondent, and about nobody else?

`unknown` is no `face_id`: it neither merges nor splits, its share of rows is counted. A mirror
image is its person: it never merges with that person, and since two faces of one moment
cannot share an id, it is told from the person when splits are counted.
"""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.identity.posing import Box
from benchmarks.identity.truth import MIRROR, RESPONDENT, Shown, Truth
from include.contracts.rows import UNKNOWN_FACE

VISIBLE_MIN = 0.55
"""A face of which less is visible may be missed, and is not matched."""
_NEAR = 0.35
"""How far a found box's middle may lie from the true one, in sides of the true box."""
_SIZES = (0.45, 2.2)
"""Ratio of the sides of a found box to the true ones."""
_CLEARER = 0.2
"""By how much nearer the best true face must be than any other for a match to be certain."""
PURE_MIN = 0.9
"""Share of the reported rows that must be the respondent's."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A row that stands for a certain face."""

    pts_s: float
    face_id: str
    person: str
    role: str


@dataclass(frozen=True, slots=True)
class Counted:
    """How many of how many."""

    hits: int
    n: int

    def __add__(self, other: Counted) -> Counted:
        return Counted(self.hits + other.hits, self.n + other.n)


@dataclass(frozen=True, slots=True)
class Score:
    """What became of one recording.

    Attributes:
        name, category, half: Of the recording.
        merged: Whether some `face_id` stands on two people.
        split: Whether some person bears two `face_id`s.
        person_pairs: Pairs of people who were named, and those of them who share an id.
        people: People (and mirror images) named at two moments or more, and those split.
        returns: Pairs of one person's appearances, named both, and those named differently.
        unknown: Rows that stand for a certain face, and those of them that are unknown.
        respondent: Whether the report is about a respondent and nobody else; None where no
            face of a respondent was found at all.
        found: Moments with a visible respondent, and those of them with a row for one.
        verdict: Of the quality rules that were published with it.
    """

    name: str
    category: str
    half: str
    merged: bool
    split: bool
    person_pairs: Counted
    people: Counted
    returns: Counted
    unknown: Counted
    respondent: bool | None
    found: Counted
    verdict: str


def score(
    truth: Truth, rows: Iterable[Mapping[str, Any]], reported: Sequence[str], verdict: str = ""
) -> Score:
    """Judge one recording.

    Args:
        truth: What it shows.
        rows: Of `predictions.parquet`: at least `pts_s`, `face_id` and the box.
        reported: The `face_id`s that the summary reports as respondents; may be empty.
        verdict: What the summary says about its quality.
    """
    rows = list(rows)
    seen = match(truth, rows)
    named = [item for item in seen if item.face_id != UNKNOWN_FACE]
    people_of: dict[str, set[str]] = defaultdict(set)
    ids_of: dict[tuple[str, bool], list[str]] = defaultdict(list)
    for item in named:
        people_of[item.face_id].add(item.person)
        ids_of[item.person, item.role == MIRROR].append(item.face_id)
    persons = sorted({item.person for item in named})
    shared = {
        pair for people in people_of.values() for pair in itertools.combinations(sorted(people), 2)
    }
    often = [ids for ids in ids_of.values() if len(ids) > 1]
    split = sum(len(set(ids)) > 1 for ids in often)
    return Score(
        name=truth.name,
        category=truth.category,
        half=truth.half,
        merged=bool(shared),
        split=split > 0,
        person_pairs=Counted(len(shared), len(persons) * (len(persons) - 1) // 2),
        people=Counted(split, len(often)),
        returns=_returns(truth, named),
        unknown=Counted(len(seen) - len(named), len(seen)),
        respondent=_about_a_respondent(seen, reported),
        found=_found(truth, rows, seen),
        verdict=verdict,
    )


def match(truth: Truth, rows: Iterable[Mapping[str, Any]]) -> list[Seen]:
    """Return the rows that stand for a certain face of the truth.

    A row between two faces that overlap, and a row on nothing, stand for nobody.
    """
    seen = []
    for row in rows:
        if row["face_id"] is None or row["pts_s"] is None:
            continue
        box = tuple(float(row[f"box_{name}_px"]) for name in ("x", "y", "width", "height"))
        face = _face_at((box[0], box[1], box[2], box[3]), truth.at(float(row["pts_s"])))
        if face is not None:
            seen.append(Seen(float(row["pts_s"]), str(row["face_id"]), face.person, face.role))
    return seen


def _face_at(box: Box, faces: Sequence[Shown]) -> Shown | None:
    near = sorted(((_distance(box, face), index) for index, face in enumerate(faces)))
    if not near or near[0][0] > _NEAR:
        return None
    if len(near) > 1 and near[1][0] - near[0][0] < _CLEARER:
        return None
    face = faces[near[0][1]]
    return face if face.visible >= VISIBLE_MIN else None


def _distance(box: Box, face: Shown) -> float:
    """Distance of the middles in sides of the true box; infinite where sizes do not fit."""
    x, y, width, height = face.box_px
    side, found = (width * height) ** 0.5, (box[2] * box[3]) ** 0.5
    if not _SIZES[0] <= found / max(1e-6, side) <= _SIZES[1]:
        return float("inf")
    dx = box[0] + box[2] / 2 - x - width / 2
    dy = box[1] + box[3] / 2 - y - height / 2
    return float((dx * dx + dy * dy) ** 0.5 / side)


def _returns(truth: Truth, named: Sequence[Seen]) -> Counted:
    """Pairs of appearances of one person; each is named by the id that most of its rows bear."""
    appearances: dict[tuple[str, bool], list[Counter[str]]] = defaultdict(list)
    spans = _spans(truth)
    for key, stretches in spans.items():
        for start, end in stretches:
            ids = Counter(
                item.face_id
                for item in named
                if (item.person, item.role == MIRROR) == key and start <= item.pts_s <= end
            )
            if ids:
                appearances[key].append(ids)
    pairs = [
        (one.most_common(1)[0][0], other.most_common(1)[0][0])
        for group in appearances.values()
        for one, other in itertools.combinations(group, 2)
    ]
    return Counted(sum(one != other for one, other in pairs), len(pairs))


def _spans(truth: Truth) -> dict[tuple[str, bool], list[tuple[float, float]]]:
    """First and last time of each appearance: without a gap, and within one shot."""
    spans: dict[tuple[str, bool], list[tuple[float, float]]] = defaultdict(list)
    last: dict[tuple[str, bool], int] = {}
    cuts = {round(start * truth.rate_hz) for start in truth.scenes}
    for index, frame in enumerate(truth.frames):
        t_s = index / truth.rate_hz
        for key in {(shown.person, shown.role == MIRROR) for shown in frame}:
            goes_on = last.get(key) == index - 1 and index not in cuts
            if goes_on:
                spans[key][-1] = (spans[key][-1][0], t_s)
            else:
                spans[key].append((t_s, t_s))
            last[key] = index
    return spans


def _about_a_respondent(seen: Sequence[Seen], reported: Sequence[str]) -> bool | None:
    if not any(item.role == RESPONDENT for item in seen):
        return None
    about = []
    for face_id in reported:
        rows = Counter((item.person, item.role) for item in seen if item.face_id == face_id)
        if not rows:
            return False
        (person, role), count = rows.most_common(1)[0]
        if role != RESPONDENT or count < PURE_MIN * rows.total():
            return False
        about.append(person)
    return bool(about)


def _found(truth: Truth, rows: Sequence[Mapping[str, Any]], seen: Sequence[Seen]) -> Counted:
    moments = {float(row["pts_s"]) for row in rows if row["pts_s"] is not None}
    visible = {
        pts_s
        for pts_s in moments
        if any(f.role == RESPONDENT and f.visible >= VISIBLE_MIN for f in truth.at(pts_s))
    }
    hit = {item.pts_s for item in seen if item.role == RESPONDENT}
    return Counted(len(visible & hit), len(visible))
