"""Which frames stand for which sampling instants. Pure: integers in, integers out.

Time is the file's own presentation timestamp, as FFmpeg prints it; nothing is
shifted to zero. Target k lies at `start + k / rate`, where `start` is the
timestamp of the first frame shown, and owns the period up to the next target.
The first frame presented within that period stands for it; a period without a
frame is a gap. A frame stands for at most one target. Comparisons are exact:
ticks and rationals, no floating point.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction


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
    """

    def __init__(self, rate_hz: float, time_base: Fraction) -> None:
        self.rate = Fraction(repr(rate_hz))
        self.time_base = time_base
        self.start: int | None = None
        self.next_instant = 0
        self._per_tick = time_base * self.rate

    def instant_of(self, pts: int) -> int:
        """Return the target that owns `pts`; negative before the start.

        Raises:
            ValueError: No timestamp was offered yet.
        """
        if self.start is None:
            raise ValueError("the stream has not started")
        return (pts - self.start) * self._per_tick.numerator // self._per_tick.denominator

    def offer(self, pts: int) -> list[Pick]:
        """Take the next presentation timestamp; return the instants it settles.

        Gaps come first, then `pts` itself when it is the first of its period.
        A timestamp in a period that is settled already, or earlier, settles nothing.
        """
        if self.start is None:
            self.start = pts
        instant = self.instant_of(pts)
        if instant < self.next_instant:
            return []
        gaps = [Pick(missed, None) for missed in range(self.next_instant, instant)]
        self.next_instant = instant + 1
        return [*gaps, Pick(instant, pts)]

    def finish(self, expected: int) -> list[Pick]:
        """Return gaps for what is left of `expected` instants once the stream has ended."""
        gaps = [Pick(missed, None) for missed in range(self.next_instant, expected)]
        self.next_instant = max(self.next_instant, expected)
        return gaps

    def target_s(self, instant: int) -> float:
        """Return the time of a target on the file's clock, seconds."""
        return float((self.start or 0) * self.time_base + instant / self.rate)

    def pts_s(self, pts: int) -> float:
        """Return a timestamp in seconds, never less than the target it stands for."""
        return float(pts * self.time_base)


def expected_instants(duration_s: float | None, rate_hz: float) -> int:
    """Return how many targets a stream of this duration must be able to serve.

    Headers round a duration up and count the time the last frame stays on
    screen, so only targets that lie a whole period before the end are promised;
    the frames themselves may settle one more. At least one.
    """
    if duration_s is None or duration_s <= 0:
        return 1
    return max(1, int(duration_s * rate_hz))
