"""What differs in a study: figures over its respondents, each with a 95 % interval.

The unit is the respondent: instants of one face resemble each other, and so do recordings
of one person. A figure is the mean of the respondents' own figures, each person counting
once, with the interval of Student's t (Student, "The probable error of a mean", Biometrika
6, 1908). With few respondents it is wide, as it should be; with one there is none.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from include.contracts.labels import EXPRESSIONS
from include.insights.change import Pair, RecordingChange
from include.statistics.estimate import Estimate
from include.statistics.means import mean


@dataclass(frozen=True, slots=True)
class StudyChange:
    """One study, before and after.

    Attributes:
        study: As people wrote it.
        recordings: Compared.
        respondents: Seen in them.
        known: Respondents that `respondents.csv` names; the others are recordings.
        faces: Instants of respondents' faces that were compared.
        changed: Share of a respondent's instants whose displayed expression differs.
        differences: Share of readable time by expression, after less before.
        abstained: Share of judged faces on which the model abstained, after less before.
        confidence: Mean confidence, after less before.
        dominant_changed: Respondents of a recording whose most frequent displayed expression is
            another.
        verdict_changed: Recordings whose quality verdict is another.
    """

    study: str
    recordings: int
    respondents: int
    known: int
    faces: int
    changed: Estimate
    differences: Mapping[str, Estimate]
    abstained: Estimate
    confidence: Estimate
    dominant_changed: int
    verdict_changed: int


def study_changes(
    changes: Sequence[RecordingChange], known: Mapping[str, frozenset[str]]
) -> tuple[StudyChange, ...]:
    """Sum up recordings by study, sorted by its name.

    Args:
        changes: Compared recordings.
        known: Identities of respondents by study that `respondents.csv` names.
    """
    by_study: defaultdict[str, list[RecordingChange]] = defaultdict(list)
    for change in changes:
        by_study[change.study].append(change)
    return tuple(
        _study(name, by_study[name], known.get(name, frozenset())) for name in sorted(by_study)
    )


def _study(name: str, changes: Sequence[RecordingChange], known: frozenset[str]) -> StudyChange:
    people = {change.respondent for change in changes}
    return StudyChange(
        study=name,
        recordings=len({item.after for item in changes}),
        respondents=len(people),
        known=len(people & known),
        faces=sum(change.change.faces for change in changes),
        changed=_over_respondents(
            changes,
            lambda item: item.change.changed if item.change.faces else None,
            # Recordings of one person count by what could be compared in them.
            weight=lambda item: item.change.faces,
            bounds=(0.0, 1.0),
        ),
        differences={
            label: _over_respondents(changes, _share_difference(label)) for label in EXPRESSIONS
        },
        abstained=_over_respondents(changes, lambda item: _difference(item.abstained)),
        confidence=_over_respondents(changes, lambda item: _difference(item.confidence)),
        dominant_changed=sum(len(set(item.change.dominant)) > 1 for item in changes),
        verdict_changed=len({item.after for item in changes if len(set(item.verdicts)) > 1}),
    )


def _share_difference(label: str) -> Callable[[RecordingChange], float | None]:
    return lambda item: _difference(item.shares[label])


def _difference(pair: Pair) -> float | None:
    before, after = pair
    return None if before is None or after is None else after - before


def _over_respondents(
    changes: Sequence[RecordingChange],
    figure: Callable[[RecordingChange], float | None],
    *,
    weight: Callable[[RecordingChange], float] = lambda _: 1.0,
    bounds: tuple[float, float] = (-1.0, 1.0),
) -> Estimate:
    own: defaultdict[str, list[tuple[float, float]]] = defaultdict(list)
    for change in changes:
        value = figure(change)
        if value is not None:
            own[change.respondent].append((value, weight(change)))
    means = [
        math.fsum(value * share for value, share in pairs) / math.fsum(share for _, share in pairs)
        for pairs in own.values()
    ]
    return mean(means, bounds)
