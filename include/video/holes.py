"""Where a recording lacks frames that others refer to, though nothing says so. Pure.

A browser's recorder hands over a Matroska or WebM file in chunks. One that is lost in an
upload leaves a sound file: nothing in it is counted, every frame is whole, and only time
leaps; back, where the start of a cluster was lost, since blocks state their distance from it
(RFC 9559, 10.2). Decoders build what follows on the wrong picture and seldom say so (FFmpeg's vp9:
`findings/vp9-lost-chunk-unnoticed.sh`; dav1d and H.264's short frame numbers are no better
where the right references happen to lie there), until a key frame.

A leap may be none: a camera that froze, a canvas that stood still. Then the sound goes on,
while a lost chunk takes it too. Without sound nobody can tell, and what follows is doubted.
"""

from __future__ import annotations

from collections import deque
from enum import Enum
from statistics import median

from include.video.clock import BACK_S

SHORTEST_HOLE_S = 0.4
"""Survey tools ask for a chunk every half second or less often; a webcam's pictures come every
0.03 to 0.2 s, a busy browser's with waits of 0.3 s."""
USUAL_STEPS = 5
"""A leap is longer than this many usual distances of frames."""
LONGEST_SILENCE_S = 0.2
"""Packets of sound last 0.02 to 0.12 s."""
DOUBTED_BEFORE_S = 0.3
"""Chromium begins a cluster with each chunk, a frame or two late: where a chunk was lost, what is
left of its cluster seems to follow on what came before, by wrong times."""
_STEPS_KEPT = 15


class Integrity(Enum):
    """What can be said of a frame before it is decoded."""

    SOUND = "sound"
    ANEW = "anew"
    """A key frame behind a hole: sound, but what came right before it may be none."""
    IN_DOUBT = "in doubt"
    """It may refer to a frame that is missing."""
    MISPLACED = "misplaced"
    """So it may, and its time is counted from a cluster that it does not belong to."""


class HoleWatch:
    """Follows the packets of one video stream whose frames are not reordered, and the sound's.

    Args:
        usual_step_s: Distance of frames that the file states or FFmpeg found; None: unknown.
    """

    def __init__(self, usual_step_s: float | None) -> None:
        self._steps = deque([] if usual_step_s is None else [usual_step_s], maxlen=_STEPS_KEPT)
        self._seen: float | None = None
        self._latest: float | None = None
        self._heard: float | None = None
        self._silence = 0.0
        self._in_doubt = False

    def heard(self, at_s: float) -> None:
        """Note a packet of sound, seconds; each that lies before a frame in the file, before it."""
        if self._heard is not None:
            self._silence = max(self._silence, at_s - self._heard)
        self._heard = at_s

    def integrity(self, at_s: float, *, is_key: bool) -> Integrity:
        """Tell what is to be thought of the next frame.

        Args:
            at_s: Its time, seconds.
            is_key: It refers to no other frame, and none behind it to one before it.
        """
        step = None if self._seen is None else at_s - self._seen
        self._seen = at_s
        silence, self._silence = self._silence, 0.0
        is_behind_hole = step is not None and self._is_hole(step, silence)
        if is_key:
            self._in_doubt, self._latest = False, at_s
            # Back in time a key frame begins another part: nothing was lost.
            is_ahead = step is not None and step > 0
            return Integrity.ANEW if is_behind_hole and is_ahead else Integrity.SOUND
        self._in_doubt = self._in_doubt or is_behind_hole
        if self._in_doubt and self._latest is not None and at_s <= self._latest:
            return Integrity.MISPLACED
        self._latest = at_s if self._latest is None else max(at_s, self._latest)
        return Integrity.IN_DOUBT if self._in_doubt else Integrity.SOUND

    def _is_hole(self, step_s: float, silence_s: float) -> bool:
        if step_s < -BACK_S:
            return True
        usual_s = median(self._steps) if step_s > SHORTEST_HOLE_S and self._steps else 0.0
        if step_s <= max(SHORTEST_HOLE_S, USUAL_STEPS * usual_s):
            if step_s > 0:
                self._steps.append(step_s)
            return False
        if self._heard is not None and self._seen is not None:
            return max(silence_s, self._seen - self._heard) > LONGEST_SILENCE_S
        return True
