"""What one batch came to, in figures: how much, how fast, what failed, what it cost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from include.ledger.models import Recording, State, TransformJob
from include.observability import catalogue
from include.observability.prices import PriceTable
from include.observability.sink import Metric

RETURNED = "returned"
"""Reason of a recording that went back to the queue for another try."""


@dataclass(frozen=True, slots=True)
class BatchWork:
    """What is known of a settled batch.

    Attributes:
        started_at: When it was claimed, aware.
        settled_at: Aware.
        recordings: As the ledger has them after settlement.
        video_s: Seconds of video of each published recording.
        jobs: Its inference jobs.
        cpu_s: CPU seconds of its tasks.
        instance_type: Of the jobs; None for the embedded backend.
        instance_count: Instances of each job.
    """

    started_at: datetime
    settled_at: datetime
    recordings: Sequence[Recording]
    video_s: Sequence[float]
    jobs: Sequence[TransformJob]
    cpu_s: float
    instance_type: str | None
    instance_count: int

    @property
    def elapsed_s(self) -> float:
        """From claim to settlement, seconds."""
        return (self.settled_at - self.started_at).total_seconds()

    @property
    def instance_s(self) -> float:
        """Seconds of the jobs times their instances.

        From the entry in the ledger to its closing, so the wait for an instance is
        counted although it is not billed: an upper bound, by a few minutes a job.
        """
        return self.instance_count * sum(
            ((job.ended_at or self.settled_at) - job.created_at).total_seconds()
            for job in self.jobs
        )

    @property
    def failures(self) -> Mapping[str, int]:
        """How many recordings were not published, by reason."""
        return Counter(
            RETURNED if item.state is State.DISCOVERED else item.reason_code or item.state.value
            for item in self.recordings
            if item.state is not State.PUBLISHED
        )


def work_figures(work: BatchWork) -> list[Metric]:
    """The figures of a batch but for money."""
    now = work.settled_at
    published = sum(item.state is State.PUBLISHED for item in work.recordings)
    video_s = sum(work.video_s)
    found = [
        catalogue.PUBLISHED.at(now, published),
        catalogue.FAILURES.at(now, len(work.recordings) - published),
        *(
            catalogue.FAILURES_BY_REASON.at(now, count, Reason=reason)
            for reason, count in sorted(work.failures.items())
        ),
        catalogue.VIDEO_SECONDS.at(now, video_s),
        catalogue.BATCH_SECONDS.at(now, work.elapsed_s),
        catalogue.CPU_SECONDS.at(now, work.cpu_s),
        catalogue.TRANSFORM_SECONDS.at(now, work.instance_s),
    ]
    if work.elapsed_s > 0:
        rate = video_s * 3600.0 / work.elapsed_s
        found.append(catalogue.VIDEO_SECONDS_PER_HOUR.at(now, rate))
    return found


def cost_figures(work: BatchWork, prices: PriceTable) -> list[Metric]:
    """What the batch cost; per minute of video only where there is some.

    Raises:
        ConfigurationError: A price is missing.
    """
    cost = prices.cost(
        cpu_s=work.cpu_s, instance_s=work.instance_s, instance_type=work.instance_type
    )
    found = [catalogue.COST.at(work.settled_at, cost, Currency=prices.currency)]
    if video_s := sum(work.video_s):
        found.append(
            catalogue.COST_PER_VIDEO_MINUTE.at(
                work.settled_at, cost * 60.0 / video_s, Currency=prices.currency
            )
        )
    return found
