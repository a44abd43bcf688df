"""How often one person may ask: a bucket of tokens for each, filled again steadily."""

from __future__ import annotations

import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable


class TokenBuckets:
    """Token buckets (as in RFC 2697, one rate) by name. Safe to share between threads.

    Each holds `per_minute` tokens at first and at most. Names that were not heard of for the
    longest are forgotten when there are too many: their buckets are full again by then, or
    somebody asks under very many names, and each of them has only one bucket.
    """

    def __init__(
        self,
        per_minute: int,
        *,
        clock: Callable[[], float] = time.monotonic,
        names_at_most: int = 10_000,
    ) -> None:
        self._size = float(per_minute)
        self._per_s = per_minute / 60.0
        self._clock = clock
        self._most = names_at_most
        self._lock = threading.Lock()
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, name: str) -> int:
        """Take one token; return 0, or after how many seconds (from 1) there is one again."""
        with self._lock:
            now = self._clock()
            held, since = self._buckets.pop(name, (self._size, now))
            held = min(self._size, held + (now - since) * self._per_s)
            wait = 0 if held >= 1 else max(1, math.ceil((1 - held) / self._per_s))
            self._buckets[name] = (held if wait else held - 1, now)
            while len(self._buckets) > self._most:
                self._buckets.popitem(last=False)
            return wait
