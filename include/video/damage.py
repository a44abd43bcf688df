"""From when to when the decoder could not show what was recorded. Pure.

A decoder goes on after damage: it repeats or patches pictures, says so for some
of them and shows the others as if nothing had happened. So from the first
damaged frame on nothing counts, until a key frame, which refers to nothing
before it, decodes without error.
"""

from __future__ import annotations

from dataclasses import dataclass, field

MAX_SPANS_NOTED = 100


@dataclass(slots=True)
class DamageWatch:
    """Follows the decoded frames of one stream in order of presentation.

    `spans` are (first damaged frame, key frame that ended it or None) in ticks.
    """

    spans: list[tuple[int, int | None]] = field(default_factory=list)
    _since: int | None = None
    _clean: int | None = None  # the last key frame that decoded without error

    def note(self, pts: int) -> None:
        """Note that the frame of this time could not be decoded, or not whole."""
        if self._clean is not None and pts < self._clean:
            return  # Shown before a clean key frame: nothing behind it refers to this one.
        if self._since is None:
            self._since = pts
            if len(self.spans) < MAX_SPANS_NOTED:
                self.spans.append((pts, None))
        elif pts < self._since:
            self._since = pts
            self._close_last(pts, None)

    def shows(self, pts: int, *, is_key: bool, is_damaged: bool) -> bool:
        """Tell whether a decoded frame shows what was recorded.

        Args:
            pts: Its time.
            is_key: It is an intra-coded key frame.
            is_damaged: The decoder says that it lacks something.
        """
        if is_damaged:
            self.note(pts)
            return False
        if is_key:
            self._clean = pts
            if self._since is not None and pts >= self._since:
                self._close_last(self._since, pts)
                self._since = None
        return self._since is None or pts < self._since

    def _close_last(self, since: int, until: int | None) -> None:
        # Past the bound the last span stands for all that follow.
        if self.spans and (self.spans[-1][1] is None or len(self.spans) < MAX_SPANS_NOTED):
            self.spans[-1] = (since, until)
