"""Follows faces through one video: the same person keeps the same `face_id`.

Within a scene a face is followed by place, size and look. After a cut, place
says nothing: a face takes up an earlier track only when its look clearly
matches that one and no other. When two ways of naming the faces are about
equally good, the faces are "unknown" rather than guessed. A look is a coarse
picture of the aligned crop: it tells faces of one video apart and is neither
kept nor comparable between videos.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from include.video.assignment import cheapest_assignment
from include.video.detection import Detection, Image

UNKNOWN = "unknown"
REJOIN_LIKENESS_MIN = 0.80
"""Likeness, -1..1, from which a face may take up a track of an earlier scene."""
REJOIN_MARGIN = 0.08
"""By how much the best earlier track must beat the second best."""
FOLLOW_COST_MAX = 1.6
"""Highest cost at which a face continues a track of its own scene."""
AMBIGUITY_MARGIN = 0.12
"""Two namings whose costs differ by less are a guess."""

_LOOK_SIDE_PX = 16
_LOOK_SMOOTHING = 0.3
_MAX_TRACKS = 256
_NO_TRACK_COST = FOLLOW_COST_MAX

Look = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class SeenFace:
    """A detection with its look."""

    detection: Detection
    look: Look


@dataclass(slots=True)
class _Track:
    face_id: str
    scene: int
    instant: int
    detection: Detection
    look: Look


def look_of(crop_bgr: Image) -> Look:
    """Return a unit vector that describes an aligned crop: coarse grey and colour layout.

    Light is taken out by removing the mean and scaling; expression changes
    little at this resolution, hair, skin tone and outline remain.
    """
    lab = cv2.cvtColor(crop_bgr, cv2.COLOR_BGR2LAB)
    small = cv2.resize(lab, (_LOOK_SIDE_PX, _LOOK_SIDE_PX), interpolation=cv2.INTER_AREA)
    vector = small.astype(np.float32).reshape(-1, 3)
    light = vector[:, 0] - vector[:, 0].mean()
    light /= max(1e-6, float(np.linalg.norm(light)))
    # Chroma is centred on neutral grey, not on its mean: the tone itself is telling.
    chroma = (vector[:, 1:] - 128.0).ravel()
    chroma /= max(60.0, float(np.linalg.norm(chroma)))
    joint = np.concatenate([light, 0.7 * chroma])
    return np.asarray(joint / max(1e-6, float(np.linalg.norm(joint))), dtype=np.float32)


class FaceTracker:
    """Names the faces of successive sampled frames of one video."""

    def __init__(self) -> None:
        self._tracks: list[_Track] = []
        self._created = 0

    def name_faces(self, instant: int, scene: int, faces: list[SeenFace]) -> list[str]:
        """Return a face id per face, "f1", "f2", ... or "unknown".

        Args:
            instant: Index of the sampling instant; increases between calls.
            scene: Number of the scene; increases at each cut.
            faces: At most a dozen faces of one frame.
        """
        if not faces:
            return []
        named, ambiguous = self._follow(instant, scene, faces)
        self._rejoin(scene, faces, named, ambiguous)
        ids = []
        for index, face in enumerate(faces):
            if index in ambiguous:
                ids.append(UNKNOWN)
                continue
            track = named.get(index) or self._new_track(instant, scene, face)
            self._advance(track, instant, scene, face)
            ids.append(track.face_id)
        return ids

    def _follow(
        self, instant: int, scene: int, faces: list[SeenFace]
    ) -> tuple[dict[int, _Track], set[int]]:
        """Continue tracks of the same scene."""
        tracks = [track for track in self._tracks if track.scene == scene]
        if not tracks:
            return {}, set()
        # One private column per face stands for "none of these tracks".
        cost = [
            [_follow_cost(track, instant, face) for track in tracks]
            + [_NO_TRACK_COST + 1e-6 * index for index in range(len(faces))]
            for face in faces
        ]
        columns = cheapest_assignment(cost)
        named = {i: tracks[c] for i, c in enumerate(columns) if c < len(tracks)}
        ambiguous: set[int] = set()
        for (i, a), (j, b) in itertools.combinations(
            [(i, c) for i, c in enumerate(columns) if c < len(tracks)], 2
        ):
            swapped = cost[i][b] + cost[j][a]
            if swapped - (cost[i][a] + cost[j][b]) < AMBIGUITY_MARGIN:
                ambiguous |= {i, j}
        return named, ambiguous

    def _rejoin(
        self, scene: int, faces: list[SeenFace], named: dict[int, _Track], ambiguous: set[int]
    ) -> None:
        """Let faces without a track take up one of an earlier scene that clearly looks alike."""
        taken = {track.face_id for track in named.values()}
        free = [t for t in self._tracks if t.face_id not in taken and t.scene != scene]
        claims: dict[str, list[tuple[float, int, _Track]]] = {}
        for index, face in enumerate(faces):
            if index in named or index in ambiguous or not free:
                continue
            likeness = sorted(
                ((float(track.look @ face.look), order) for order, track in enumerate(free)),
                reverse=True,
            )
            best, order = likeness[0]
            second = likeness[1][0] if len(likeness) > 1 else -1.0
            if best >= REJOIN_LIKENESS_MIN and best - second >= REJOIN_MARGIN:
                track = free[order]
                claims.setdefault(track.face_id, []).append((best, index, track))
        for rivals in claims.values():
            rivals.sort(key=lambda claim: -claim[0])
            if len(rivals) == 1 or rivals[0][0] - rivals[1][0] >= REJOIN_MARGIN:
                named[rivals[0][1]] = rivals[0][2]

    def _new_track(self, instant: int, scene: int, face: SeenFace) -> _Track:
        self._created += 1
        track = _Track(f"f{self._created}", scene, instant, face.detection, face.look)
        self._tracks.append(track)
        if len(self._tracks) > _MAX_TRACKS:
            self._tracks.remove(min(self._tracks, key=lambda t: t.instant))
        return track

    def _advance(self, track: _Track, instant: int, scene: int, face: SeenFace) -> None:
        track.scene, track.instant, track.detection = scene, instant, face.detection
        blended = (1 - _LOOK_SMOOTHING) * track.look + _LOOK_SMOOTHING * face.look
        track.look = np.asarray(blended / max(1e-6, float(np.linalg.norm(blended))), np.float32)


def _follow_cost(track: _Track, instant: int, face: SeenFace) -> float:
    """Distance in face sizes, ratio of sizes, and unlikeness, each about 0..1 for one person."""
    before, now = track.detection, face.detection
    size_before = math.sqrt(max(1.0, before.width_px * before.height_px))
    size_now = math.sqrt(max(1.0, now.width_px * now.height_px))
    distance = math.hypot(
        before.x_px + before.width_px / 2 - now.x_px - now.width_px / 2,
        before.y_px + before.height_px / 2 - now.y_px - now.height_px / 2,
    )
    # A person who was away may be back anywhere: place counts for less.
    patience = min(4.0, 1.0 + 0.5 * (instant - track.instant - 1))
    moved = min(2.0, distance / ((size_before + size_now) / 2) / patience)
    resized = abs(math.log(size_now / size_before)) / patience
    unlike = 1.0 - float(track.look @ face.look)
    return 0.4 * moved + 0.5 * resized + 2.0 * unlike
