"""A queue replayed: recordings arrive as people drop them, cores take them in order. Pure."""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

WORKDAY_S = 10 * 3600.0
DAYS = 21
"""Working days of a month."""
DROP = 30
"""Recordings that come together: a team drops a study's folder."""
SHORTEST_S, LONGEST_S = 30.0, 210.0
"""Lengths of recordings, evenly spread: an ad and its questions; two minutes on average."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """A recording that is dropped: when, seconds of the day, and how long it is, seconds."""

    at_s: float
    video_s: float


@dataclass(frozen=True, slots=True)
class Day:
    """One replayed working day.

    Attributes:
        recordings: How many came.
        video_h: How long they are together, hours.
        cpu_h: CPU hours of work.
        median_s: From the drop to the end of the work, median.
        p95_s: The same, 95th percentile.
        busy: Share of the cores' time in use while anything was to be done.
        drained_h: When the last one ended, hours after the day began.
    """

    recordings: int
    video_h: float
    cpu_h: float
    median_s: float
    p95_s: float
    busy: float
    drained_h: float


def arrivals(hours_a_month: float, *, seed: int = 1) -> list[Arrival]:
    """Return a working day's drops: studies at random times of ten hours (a Poisson process)."""
    draw = random.Random(seed)
    mean_s = (SHORTEST_S + LONGEST_S) / 2
    studies = hours_a_month * 3600 / DAYS / mean_s / DROP
    found, at_s = [], 0.0
    while True:
        at_s += draw.expovariate(studies / WORKDAY_S)
        if at_s >= WORKDAY_S:
            # A month of few drops has days without any: the day that is replayed has one.
            return found or _study(draw, draw.uniform(0, WORKDAY_S))
        found += _study(draw, at_s)


def _study(draw: random.Random, at_s: float) -> list[Arrival]:
    return [Arrival(at_s, draw.uniform(SHORTEST_S, LONGEST_S)) for _ in range(DROP)]


def replay(
    came: Sequence[Arrival],
    *,
    cores: int,
    cpu_s: Callable[[float], float],
    before_s: float = 0.0,
) -> Day:
    """Let `cores` take the recordings in the order they came; each keeps one core.

    Args:
        came: By rising time; at least one.
        cores: How many work.
        cpu_s: CPU seconds of a recording of so many seconds.
        before_s: What passes before anyone may take a recording: stability, the schedule.
    """
    free = [0.0] * cores
    heapq.heapify(free)
    took, work_s, last_s = [], 0.0, 0.0
    for item in came:
        service_s = cpu_s(item.video_s)
        end_s = max(heapq.heappop(free), item.at_s + before_s) + service_s
        heapq.heappush(free, end_s)
        took.append(end_s - item.at_s)
        work_s += service_s
        last_s = max(last_s, end_s)
    took.sort()
    return Day(
        recordings=len(came),
        video_h=sum(item.video_s for item in came) / 3600,
        cpu_h=work_s / 3600,
        median_s=took[len(took) // 2],
        p95_s=took[min(len(took) - 1, int(0.95 * len(took)))],
        busy=work_s / (cores * (last_s - came[0].at_s)),
        drained_h=last_s / 3600,
    )


def cores_for(
    came: Sequence[Arrival], *, within_s: float, cpu_s: Callable[[float], float], before_s: float
) -> int:
    """Return the fewest cores with which 95 of 100 recordings end within `within_s`.

    Raises:
        ValueError: Not even a core for each would do.
    """
    low, high = 1, len(came)
    if replay(came, cores=high, cpu_s=cpu_s, before_s=before_s).p95_s > within_s:
        raise ValueError("no number of cores is enough")
    while low < high:
        middle = (low + high) // 2
        if replay(came, cores=middle, cpu_s=cpu_s, before_s=before_s).p95_s <= within_s:
            high = middle
        else:
            low = middle + 1
    return low
