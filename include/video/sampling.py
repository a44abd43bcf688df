"""Which frames stand for which sampling instants. Pure: integers in, integers out.

Time is the file's own presentation timestamp, as FFmpeg prints it; nothing is
shifted to zero. Target k lies at `start + k / rate`, where `start` is the
timestamp of the first frame shown, and owns the period up to the next target.
The first frame presented within that period stands for it; a period without a
frame is a gap. A frame stands for at most one target. Comparisons are exact:
ticks and rationals, no floating point.

Containers round a frame's time to their clock (Matroska: milliseconds; QuickTime:
often 1/600 s), so the frame of a target may be written a little before it. It is
taken all the same, up to what that rounding can be: `rounding_ticks`. Likewise a
frame that follows the last one at about the sampling period stands for the target
that is due when it misses that period by no more than the rounding: where frames
come hardly faster than targets, rounding alone would leave periods empty.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

COARSEST_CLOCK_S = Fraction(1, 500)
"""A clock with longer ticks counts frames (AVI; a time scale that is the frame rate): it is exact.
The coarsest one that rounds times is QuickTime's 1/600 s."""
_BROADCAST_RATES = (24, 30, 48, 60, 120)
_BROADCAST_ROUNDING_HZ = 0.005
"""23.98, 23.976, 29.97 and 59.94 are how people write a rate over 1.001."""


@dataclass(frozen=True, slots=True)
class Pick:
    """One sampling instant: the tick chosen for it, or None for a gap."""

    instant: int
    pts: int | None


class Sampler:
    """Chooses among timestamps offered in presentation order.

    Args:
        rate_hz: Targets per second.
        time_base: Seconds per tick of the stream.
        tolerance: Ticks by which a frame may precede the target it stands for, under 1.
    """

    def __init__(
        self, rate_hz: float, time_base: Fraction, tolerance: Fraction = Fraction(0)
    ) -> None:
        self.rate = exact_rate(rate_hz)
        self.time_base = time_base
        self.start: int | None = None
        self._last: int | None = None
        self.next_instant = 0
        self.tolerate(tolerance)

    def tolerate(self, ticks: Fraction) -> None:
        """Set the tolerance, before the first timestamp is offered."""
        self.tolerance = ticks
        per_tick = self.time_base * self.rate
        # Plain integers: this is asked for every frame of hours of video.
        self._times = ticks.denominator * per_tick.numerator
        self._plus = ticks.numerator * per_tick.numerator
        self._over = ticks.denominator * per_tick.denominator

    def instant_of(self, pts: int) -> int:
        """Return the target that owns `pts`; negative before the start.

        Raises:
            ValueError: No timestamp was offered yet.
        """
        if self.start is None:
            raise ValueError("the stream has not started")
        return ((pts - self.start) * self._times + self._plus) // self._over

    def offer(self, pts: int) -> list[Pick]:
        """Take the next presentation timestamp; return the instants it settles.

        Gaps come first, then `pts` itself when it is the first of its period.
        A timestamp in a period that is settled already, or earlier, settles nothing.
        """
        if self.start is None:
            self.start = pts
        instant = self.instant_of(pts)
        if instant > self.next_instant and self._may_be_due(pts):
            instant = self.next_instant
        self._last = pts
        if instant < self.next_instant:
            return []
        gaps = [Pick(missed, None) for missed in range(self.next_instant, instant)]
        self.next_instant = instant + 1
        return [*gaps, Pick(instant, pts)]

    def _may_be_due(self, pts: int) -> bool:
        """Whether rounding alone can have moved a frame out of the period that is due."""
        if self.start is None or self._last is None or not self._plus:
            return False
        scaled = (pts - self._last) * self._times
        follows = 0 < scaled < self._over + 2 * self._plus
        earliest = ((pts - self.start) * self._times - self._plus) // self._over
        return follows and earliest <= self.next_instant

    def finish(self, expected: int) -> list[Pick]:
        """Return gaps for what is left of `expected` instants once the stream has ended."""
        gaps = [Pick(missed, None) for missed in range(self.next_instant, expected)]
        self.next_instant = max(self.next_instant, expected)
        return gaps

    def target_s(self, instant: int) -> float:
        """Return the time of a target on the file's clock, seconds."""
        return float((self.start or 0) * self.time_base + instant / self.rate)

    def pts_s(self, pts: int) -> float:
        """Return a timestamp in seconds; less than its target by the tolerance at most."""
        return float(pts * self.time_base)


def exact_rate(rate_hz: float) -> Fraction:
    """Return the rate that is meant: 23.976 (or 23.98) is 24000/1001, 29.97 is 30000/1001."""
    rate = Fraction(repr(float(rate_hz)))
    for whole in _BROADCAST_RATES:
        meant = Fraction(whole * 1000, 1001)
        if abs(rate - meant) < _BROADCAST_ROUNDING_HZ:
            return meant
    return rate


def rounding_ticks(time_base: Fraction, first: Sequence[int]) -> Fraction:
    """Return how far a stream's timestamps may lie before the times they stand for, in ticks.

    A frame's time is rounded to the clock by half a tick at most. So is the time of
    the first frame, from which targets are counted, unless it is 0: then a frame may
    precede its target by (almost) a whole tick.

    The clock may be coarser than the stream's ticks say: after a remux from WebM, all
    distances are whole milliseconds, in whatever ticks they are written.

    Args:
        time_base: Seconds per tick.
        first: Timestamps of the first frames, in any order.
    """
    if time_base > COARSEST_CLOCK_S or not first:
        return Fraction(0)
    distance = math.gcd(*(pts - first[0] for pts in first))
    clock = distance if 0 < distance * time_base <= COARSEST_CLOCK_S else 1
    return Fraction(clock, 2) if min(first) == 0 else Fraction(clock) - Fraction(1, 1000)


def expected_instants(duration_s: float | None, rate_hz: float) -> int:
    """Return how many targets a stream of this duration must be able to serve.

    Headers round a duration up and count the time the last frame stays on
    screen, so only targets that lie a whole period before the end are promised;
    the frames themselves may settle one more. At least one.
    """
    if duration_s is None or duration_s <= 0:
        return 1
    return max(1, int(duration_s * float(exact_rate(rate_hz))))
