"""A stream's clock made steady. Pure: integers in, integers out.

Recordings are joined, recorders restart, a computer's clock is set: the
timestamps of one file then start again or leap ahead, while what was recorded
goes on. Here time goes on too: the first frame behind such a seam is placed at
the end of the last frame before it (its timestamp plus its duration), and every
later one keeps its distance from that frame.

What is a seam, and what a gap in the recording:

- Back by more than `BACK_S` against an order that a sound stream keeps: decoding
  times never fall; a key frame is shown after everything sent before it; without
  reordering every frame is. Smaller steps back are jitter of a writer.
- Ahead by more than `AHEAD_S` from one frame to the next. A camera that froze, lost
  chunks or a still screen leave seconds without frames, and those seconds passed:
  they stay a gap. Nobody watches a stimulus for a minute unfilmed.

FFmpeg's own bounds for live streams are 0.1 s back and 10 s ahead
(`ts_discontinuity_detect`); ahead is wider here because a gap that was taken for
a seam would shift all that follows against the stimulus.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

BACK_S = Fraction(1, 10)
AHEAD_S = Fraction(60)
LONGEST_STEP_S = 10
"""A frame stated to last longer says nothing about when the next part begins."""
MAX_SEAMS_NOTED = 100
_STRAGGLERS = 16
"""Frames sent after a seam that may still be shown before it (the DPB of H.264 and HEVC)."""
_USUAL_STEP_S = Fraction(1, 25)


@dataclass(frozen=True, slots=True)
class Seam:
    """Where the file's clock broke off.

    `at` is the steady time of the first frame behind it and `jump` what the
    clock leapt there, negative for back; both in ticks.
    """

    at: int
    jump: int


class SteadyClock:
    """Places the packets of one stream, offered in decoding order, on one steady clock.

    Args:
        time_base: Seconds per tick.
        wraps_at: Ticks after which the clock starts at 0 again by design, if it does.
        reorders: Whether frames are shown in another order than they are sent.
        decoding_times: Whether the container itself stores decoding times.
    """

    def __init__(
        self,
        time_base: Fraction,
        *,
        wraps_at: int | None = None,
        reorders: bool = True,
        decoding_times: bool = True,
    ) -> None:
        self.seams: list[Seam] = []
        self._wraps_at = wraps_at
        self._raw: int | None = None  # the last timestamp, unwrapped
        self._reorders = reorders
        self._decoding_times = decoding_times
        self._back = round(BACK_S / time_base)
        self._ahead = round(AHEAD_S / time_base)
        self._longest_step = round(LONGEST_STEP_S / time_base)
        self._step = max(1, round(_USUAL_STEP_S / time_base))
        self._offset = 0
        self._latest: int | None = None  # highest steady time so far
        self._end = 0  # highest steady end of a frame so far
        self._key = self._key_before = 0  # steady times of the last two key frames
        self._decoded: int | None = None  # steady decoding time of the last packet
        self._stragglers = 0
        self._seam_at = 0  # steady time of the last seam
        self._before_seam = 0  # the offset that held before it

    @property
    def end(self) -> int:
        """Steady time at which the last frame so far ends, ticks."""
        return self._end

    def place(
        self, pts: int, dts: int | None, duration: int | None, *, is_key: bool
    ) -> tuple[int, int | None]:
        """Return the steady presentation and decoding time of the next packet."""
        pts = self._unwrapped(pts)
        if dts is not None and self._wraps_at:
            dts = pts - _nearest(pts - dts, self._wraps_at)
        if self._latest is None:
            self._note(pts, dts, duration, is_key=is_key)
            return pts, dts
        straggler = self._straggler(pts, is_key=is_key)
        if straggler is not None:
            return straggler, None if dts is None else min(dts + self._before_seam, straggler)
        self._check(pts, dts, is_key=is_key)
        placed = pts + self._offset
        steady_dts = None if dts is None else min(dts + self._offset, placed)
        self._note(placed, steady_dts, duration, is_key=is_key)
        return placed, steady_dts

    def _unwrapped(self, pts: int) -> int:
        if self._wraps_at and self._raw is not None:
            pts = self._raw + _nearest(pts - self._raw, self._wraps_at)
        self._raw = pts
        return pts

    def _straggler(self, pts: int, *, is_key: bool) -> int | None:
        """The time of a frame shown before a leap ahead that was sent after it."""
        if not self._stragglers or is_key:
            self._stragglers = 0
            return None
        self._stragglers -= 1
        old, new = pts + self._before_seam, pts + self._offset
        return old if abs(old - self._seam_at) < abs(new - self._seam_at) else None

    def _check(self, pts: int, dts: int | None, *, is_key: bool) -> None:
        placed = pts + self._offset
        if self._latest is not None and placed - self._latest > self._ahead:
            self._stragglers = _STRAGGLERS if self._reorders else 0
            self._seam(placed, self._end)
        elif is_key or not self._reorders:
            if self._latest is not None and placed < self._latest - self._back:
                self._seam(placed, self._end)
        elif self._decoding_times and dts is not None and self._decoded is not None:
            decoded = dts + self._offset
            if decoded < self._decoded - self._back:
                self._seam(decoded, self._decoded + self._step)
        elif placed < self._key_before - self._back:
            # Frames sent after a key frame may be shown before it, never before the one before.
            self._seam(placed, self._end)

    def _seam(self, found: int, expected: int) -> None:
        if len(self.seams) < MAX_SEAMS_NOTED:
            self.seams.append(Seam(at=self._end, jump=found - expected))
        self._seam_at = self._end
        self._before_seam = self._offset
        self._offset += expected - found
        self._decoded = None

    def _note(self, placed: int, dts: int | None, duration: int | None, *, is_key: bool) -> None:
        first = self._latest is None
        latest = placed if self._latest is None else self._latest
        if duration and 0 < duration <= self._longest_step:
            self._step = duration
        elif 0 < placed - latest <= self._longest_step:
            self._step = placed - latest
        self._latest = max(latest, placed)
        self._end = placed + self._step if first else max(self._end, placed + self._step)
        if is_key or first:
            self._key_before, self._key = (placed if first else self._key), placed
        if dts is not None:
            self._decoded = dts


def _nearest(difference: int, modulus: int) -> int:
    """Return the number congruent to `difference` that is nearest to zero."""
    return (difference + modulus // 2) % modulus - modulus // 2
