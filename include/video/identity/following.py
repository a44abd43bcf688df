"""Follows faces from instant to instant, and asks who they are where that is in doubt.

A face that goes on in the same place, of the same size, with the same look, is
the same face. Over a gap, where the look changed, or where two faces may have
swapped, its descriptor decides; where it does not, a new tracklet begins.
Once the recording has ended, `people.name_people` says which tracklets are one
person. Method: tracking by tracklets and their association, as in Huang, Wu,
Nevatia, "Robust object tracking by hierarchical association of detection
responses" (ECCV 2008).
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

from include.video.assignment import cheapest_assignment
from include.video.detection import Detection, Image
from include.video.identity.embedding import FaceEmbedder, chip_of
from include.video.identity.evidence import Evidence
from include.video.identity.look import Look
from include.video.identity.people import name_people
from include.video.identity.tracklets import SeenFace, Tracklet

LOOK_SURE = 0.82
"""Likeness, -1..1, from which a face that did not move away is the same without asking."""
GOES_ON_MAX = 0.22
"""Unlikeness up to which a face that was asked about continues its tracklet."""
RIVAL_MARGIN = 0.12
"""By how much a face must be nearer to its own tracklet than to one it may have swapped with."""
FOLLOW_COST_MAX = 1.6
"""Highest cost at which a face takes up the place of a tracklet."""
AMBIGUITY_MARGIN = 0.12
"""Two ways of following whose costs differ by less are a doubt."""

_REACH = 1.5
"""Two who are this many face sizes apart may pass each other unseen between two instants."""
_PATIENCE_INSTANTS = 10
_BLIND_LIKENESS = 0.5
_MAX_DESCRIPTIONS = 6000
_MAX_WAITING = 16


class FaceFollower:
    """Gives each face of successive pictures the number of its tracklet.

    Args:
        embedder: Describes faces where the look does not settle it.
    """

    def __init__(self, embedder: FaceEmbedder) -> None:
        self._embedder = embedder
        self._open: list[Tracklet] = []
        self._all: list[Tracklet] = []
        self._waiting: list[Tracklet] = []
        self._descriptions_left = _MAX_DESCRIPTIONS

    def follow(
        self, instant: int, scene: int, image_bgr: Image, faces: list[SeenFace]
    ) -> list[int]:
        """Return the number of the tracklet, 0, 1, ..., of each face.

        Args:
            instant: Index of the sampling instant; increases between calls.
            scene: Number of the scene; increases at each cut.
            image_bgr: The picture the faces were found in.
            faces: At most a dozen faces of one picture.
        """
        self._close(instant, scene)
        places, rivals = self._assign(instant, faces)
        numbers = []
        for index, face in enumerate(faces):
            chip = None
            if face.describable:
                chip = chip_of(image_bgr, face.detection.landmarks_px)
            asked = _Asked(face, chip, instant)
            place = places.get(index)
            tracklet = self._continued(place, rivals.get(index), asked) if place else None
            if tracklet is None:
                tracklet = self._begin(scene, place if index not in rivals else None, asked)
            tracklet.take(instant, face)
            if chip is not None:
                self._keep_chip(tracklet, chip, face.look)
            numbers.append(tracklet.number)
        return numbers

    def names(self) -> list[int]:
        """Return the person of each tracklet by number: 1, 2, ...; 0 where it cannot be told."""
        described = [tracklet for tracklet in self._all if tracklet.describable]
        for tracklet in described:
            # Faces that are always in view together are told apart by that.
            if any(not tracklet.meets(other) for other in described if other is not tracklet):
                self._introduce(tracklet)
        return name_people(self._all)

    # -- one face

    def _continued(self, place: Tracklet, rival: Tracklet | None, asked: _Asked) -> Tracklet | None:
        """Return the tracklet that the face continues; None where that is not certain."""
        gap = asked.instant - place.instant > 1
        if not asked.face.describable or asked.chip is None:
            goes_on = not (gap or rival or place.describable)
            return place if goes_on else None
        candidate = place if place.describable else place.before
        if candidate is None or (gap and not place.describable):
            return None
        unquestioned = not gap and rival is None
        sure = unquestioned and candidate.likeness(asked.face.look) >= LOOK_SURE
        if not sure and not self._is_same(candidate, rival, asked):
            return None
        if candidate is not place:
            self._resume(candidate, place)
        return candidate

    def _is_same(self, candidate: Tracklet, rival: Tracklet | None, asked: _Asked) -> bool:
        evidence = self._evidence_on(asked)
        if evidence is None:
            return False
        self._introduce(candidate)
        if not candidate.gallery.evidence:
            return False
        own = candidate.gallery.unlikeness([evidence])
        if own > GOES_ON_MAX:
            return False
        if rival is not None:
            self._introduce(rival)
            if not rival.gallery.evidence:
                return False
            if rival.gallery.unlikeness([evidence]) < own + RIVAL_MARGIN:
                return False
        candidate.gallery.add(evidence)
        return True

    def _begin(self, scene: int, place: Tracklet | None, asked: _Asked) -> Tracklet:
        describable = asked.face.describable and asked.chip is not None
        new = Tracklet(len(self._all), scene, describable)
        if place is not None and asked.instant - place.instant == 1:
            new.before = place
            place.after = new
        if place is not None:
            self._leave(place)
        if asked.evidence is not None:
            new.gallery.add(asked.evidence)
        self._all.append(new)
        self._open.append(new)
        return new

    def _resume(self, candidate: Tracklet, place: Tracklet) -> None:
        """A face is describable again: the tracklet it had before goes on."""
        place.after = candidate
        self._open.remove(place)
        self._open.append(candidate)

    def _leave(self, place: Tracklet) -> None:
        """A tracklet whose place was taken is no longer followed; it may still be met again."""
        if place in self._open:
            self._open.remove(place)
            self._wait(place)

    # -- descriptors

    def _evidence_on(self, asked: _Asked) -> Evidence | None:
        if asked.evidence is None and asked.chip is not None:
            asked.evidence = self._describe(asked.chip, asked.face.look)
        return asked.evidence

    def _describe(self, chip_bgr: Image, look: Look) -> Evidence | None:
        if self._descriptions_left <= 0:
            return None
        self._descriptions_left -= 1
        return Evidence(self._embedder.describe(chip_bgr), look)

    def _keep_chip(self, tracklet: Tracklet, chip: Image, look: Look) -> None:
        if not tracklet.gallery.evidence and tracklet.first_chip is None:
            tracklet.first_chip = (chip, look)
        else:
            tracklet.last_chip = (chip, look)

    def _introduce(self, tracklet: Tracklet) -> None:
        """Describe the faces that were kept for it."""
        for chip in (tracklet.first_chip, tracklet.last_chip):
            if chip is not None and (evidence := self._describe(*chip)) is not None:
                tracklet.gallery.add(evidence)
        tracklet.first_chip = tracklet.last_chip = None

    def _wait(self, tracklet: Tracklet) -> None:
        """Chips of a closed tracklet wait to be described, so that memory stays bounded."""
        self._waiting.append(tracklet)
        if len(self._waiting) > _MAX_WAITING:
            self._introduce(self._waiting.pop(0))

    # -- places

    def _close(self, instant: int, scene: int) -> None:
        closed = [
            tracklet
            for tracklet in self._open
            if tracklet.scene != scene or instant - tracklet.instant > _PATIENCE_INSTANTS
        ]
        for tracklet in closed:
            self._open.remove(tracklet)
            self._wait(tracklet)

    def _assign(
        self, instant: int, faces: list[SeenFace]
    ) -> tuple[dict[int, Tracklet], dict[int, Tracklet]]:
        """Return by face whose place it took up, and whose it may as well have taken up."""
        tracks = self._open
        if not tracks or not faces:
            return {}, {}
        # One private column per face stands for "none of these".
        cost = [
            [_follow_cost(track, instant, face) for track in tracks]
            + [FOLLOW_COST_MAX + 1e-6 * index for index in range(len(faces))]
            for face in faces
        ]
        columns = cheapest_assignment(cost)
        chosen = [(i, c) for i, c in enumerate(columns) if c < len(tracks)]
        rivals: dict[int, Tracklet] = {}
        for (i, a), (j, b) in itertools.combinations(chosen, 2):
            swapped = cost[i][b] + cost[j][a]
            if swapped - (cost[i][a] + cost[j][b]) < AMBIGUITY_MARGIN:
                rivals[i], rivals[j] = tracks[b], tracks[a]
        for i, own in chosen:
            for other, track in enumerate(tracks):
                alike = track.describable and track.likeness(faces[i].look) >= LOOK_SURE
                if other != own and alike and _moved(track, faces[i]) < _REACH:
                    rivals[i] = track
        return {i: tracks[c] for i, c in chosen}, rivals


@dataclass(slots=True)
class _Asked:
    """A face about which may be asked, once."""

    face: SeenFace
    chip: Image | None
    instant: int
    evidence: Evidence | None = None


def _follow_cost(track: Tracklet, instant: int, face: SeenFace) -> float:
    """Distance in face sizes, ratio of sizes, and unlikeness, each about 0..1 for one person."""
    # A person who was away may be back anywhere: place counts for less.
    patience = min(4.0, 1.0 + 0.5 * (instant - track.instant - 1))
    moved = min(2.0, _moved(track, face) / patience)
    resized = abs(math.log(_size_px(face.detection) / _size_px(_last(track)))) / patience
    blind = not (track.describable and face.describable)
    likeness = _BLIND_LIKENESS if blind else track.likeness(face.look)
    return 0.4 * moved + 0.5 * resized + 2.0 * (1.0 - likeness)


def _moved(track: Tracklet, face: SeenFace) -> float:
    """Distance of the centres in face sizes."""
    before, now = _last(track), face.detection
    distance = math.hypot(
        before.x_px + before.width_px / 2 - now.x_px - now.width_px / 2,
        before.y_px + before.height_px / 2 - now.y_px - now.height_px / 2,
    )
    return 2 * distance / (_size_px(before) + _size_px(now))


def _last(track: Tracklet) -> Detection:
    assert track.detection is not None  # a tracklet begins with a face
    return track.detection


def _size_px(detection: Detection) -> float:
    return math.sqrt(max(1.0, detection.width_px * detection.height_px))
