"""Which tracklets of a recording are one person: by descriptors, only where that is clear."""

from __future__ import annotations

from dataclasses import dataclass, field

from include.video.identity.evidence import Gallery
from include.video.identity.tracklets import Tracklet

SAME_MAX = 0.24
"""Unlikeness up to which a tracklet is a person's."""
LINKED_MAX = 0.28
"""The same where the tracklet took up the person's place without a gap."""
OTHER_MIN = 0.36
"""Unlikeness from which a tracklet is not a person's."""
MARGIN = 0.06
"""By how much the nearest person must beat the second."""

UNKNOWN = 0
_MAX_PEOPLE = 256
_GALLERY_SIZE = 24


@dataclass(slots=True)
class _Person:
    number: int
    tracklets: list[Tracklet] = field(default_factory=list)
    gallery: Gallery = field(default_factory=lambda: Gallery(_GALLERY_SIZE))

    def take(self, tracklet: Tracklet) -> None:
        self.tracklets.append(tracklet)
        for evidence in tracklet.gallery.evidence:
            self.gallery.add(evidence)

    def meets(self, tracklet: Tracklet) -> bool:
        return any(own.meets(tracklet) for own in self.tracklets)


def name_people(tracklets: list[Tracklet]) -> list[int]:
    """Return the person of each tracklet, 1, 2, ... by first appearance; 0 where unclear.

    Tracklets come in the order of their beginnings. Two that are in view at once
    are two people. One is a person's when its faces are near to that person's and
    to nobody else's; it is a new person's when it is far from everybody; between
    the two it is nobody's. Tracklets without a described face belong to the person
    whose place they continue, if both ends agree.
    """
    people: list[_Person] = []
    owner: dict[int, _Person] = {}
    # Whoever is unclear at first may be clear once more of everybody is known.
    for _ in range(2):
        for tracklet in tracklets:
            if tracklet.number in owner or not tracklet.describable:
                continue
            person = _person_of(tracklet, people, owner)
            if person is not None:
                person.take(tracklet)
                owner[tracklet.number] = person
    _fill_blind(tracklets, owner)
    return _numbered(tracklets, owner)


def _person_of(
    tracklet: Tracklet, people: list[_Person], owner: dict[int, _Person]
) -> _Person | None:
    others = [person for person in people if not person.meets(tracklet)]
    if not others:
        return _new_person(people)
    evidence = tracklet.gallery.evidence
    if not evidence or not all(person.gallery.evidence for person in others):
        return None
    near = sorted(
        ((person.gallery.unlikeness(evidence), person.number, person) for person in others),
        key=lambda entry: entry[:2],
    )
    if near[0][0] >= OTHER_MIN:
        return _new_person(people)
    nearest, _, person = near[0]
    if len(near) > 1 and near[1][0] - nearest < MARGIN:
        return None
    limit = LINKED_MAX if _person_before(tracklet, owner) is person else SAME_MAX
    return person if nearest <= limit else None


def _person_before(tracklet: Tracklet, owner: dict[int, _Person]) -> _Person | None:
    """Return whose place the tracklet took up without a gap, across one that was followed blind."""
    before = tracklet.before
    if before is not None and not before.describable:
        before = before.before
    return owner.get(before.number) if before is not None else None


def _new_person(people: list[_Person]) -> _Person | None:
    if len(people) >= _MAX_PEOPLE:
        return None
    people.append(_Person(len(people)))
    return people[-1]


def _fill_blind(tracklets: list[Tracklet], owner: dict[int, _Person]) -> None:
    for tracklet in tracklets:
        if tracklet.describable:
            continue
        ends = {
            id(person): person
            for end in (tracklet.before, tracklet.after)
            if end is not None and (person := owner.get(end.number)) is not None
        }
        (person,) = ends.values() if len(ends) == 1 else (None,)
        if person is not None and not person.meets(tracklet):
            owner[tracklet.number] = person


def _numbered(tracklets: list[Tracklet], owner: dict[int, _Person]) -> list[int]:
    order: dict[int, int] = {}
    for tracklet in tracklets:
        person = owner.get(tracklet.number)
        if person is not None:
            order.setdefault(person.number, len(order) + 1)
    return [
        order[owner[tracklet.number].number] if tracklet.number in owner else UNKNOWN
        for tracklet in tracklets
    ]
