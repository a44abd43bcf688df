"""A tracklet: instants at which one face was followed without a doubt."""

from __future__ import annotations

from dataclasses import dataclass, field

from include.video.detection import Detection, Image
from include.video.identity.evidence import Gallery
from include.video.identity.look import Look

_MAX_LOOKS = 6


@dataclass(frozen=True, slots=True)
class SeenFace:
    """A detection with its look.

    `describable` is False where a descriptor would say little: a face in
    profile, or one of a few pixels.
    """

    detection: Detection
    look: Look
    describable: bool = True


@dataclass(slots=True)
class Tracklet:
    """One face while nothing speaks against its being the same one.

    `runs` are the first and last instants of stretches without a gap. A tracklet
    that is not `describable` was followed by place alone; `before` is the
    tracklet whose place it took up without a gap, `after` the one that took up its.
    `first_chip` and `last_chip` (150 x 150 BGR) are kept until they are described.
    """

    number: int
    scene: int
    describable: bool
    before: Tracklet | None = None
    after: Tracklet | None = None
    runs: list[tuple[int, int]] = field(default_factory=list)
    gallery: Gallery = field(default_factory=Gallery)
    looks: list[Look] = field(default_factory=list)
    detection: Detection | None = None
    first_chip: tuple[Image, Look] | None = None
    last_chip: tuple[Image, Look] | None = None

    @property
    def instant(self) -> int:
        """The last instant."""
        return self.runs[-1][1]

    def likeness(self, look: Look) -> float:
        """Return the likeness, -1..1, to the nearest look seen so far."""
        return max(float(own @ look) for own in self.looks)

    def take(self, instant: int, face: SeenFace) -> None:
        """Note the face at an instant after all others."""
        if self.runs and self.runs[-1][1] == instant - 1:
            self.runs[-1] = (self.runs[-1][0], instant)
        else:
            self.runs.append((instant, instant))
        self.detection = face.detection
        # The first look stays; the others are the latest.
        if len(self.looks) >= _MAX_LOOKS:
            del self.looks[1]
        self.looks.append(face.look)

    def meets(self, other: Tracklet) -> bool:
        """Return whether both are in view at one instant: two faces, hence not one."""
        mine, theirs = iter(self.runs), iter(other.runs)
        a, b = next(mine, None), next(theirs, None)
        while a is not None and b is not None:
            if a[0] <= b[1] and b[0] <= a[1]:
                return True
            if a[1] < b[1]:
                a = next(mine, None)
            else:
                b = next(theirs, None)
        return False
