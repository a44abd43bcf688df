"""What each scale needs, from measured costs and a replayed day. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from benchmarks.capacity import replay
from benchmarks.capacity.airflow_costs import AirflowCosts
from benchmarks.capacity.costs import Costs
from benchmarks.capacity.replay import DAYS, DROP, LONGEST_S, SHORTEST_S, WORKDAY_S, Day
from include.settings import DiscoverySettings

HOURS_A_MONTH = (10, 1_000, 1_000_000)
REPLAYED_AT_MOST = 2_000
"""Hours a month whose day is replayed recording by recording; above, by its shape scaled up."""
WITHIN_S = 900.0
"""95 of 100 recordings are published within a quarter of an hour."""
MONTH_S = 30 * 86_400.0
KEPT_DAYS = 30
"""How long a recording stays under `incoming/`, and is listed each time."""
LISTED_AT_ONCE = 1000
"""Keys of one answer of S3's ListObjectsV2."""
S3_LISTS_PER_S = 20
"""A listing is a chain: one answer names where the next begins; about 50 ms each."""


@dataclass(frozen=True, slots=True)
class Prices:
    """US dollars. Defaults are assumptions to be replaced by those of your contract.

    Attributes:
        core_h: A vCPU for an hour: c5 on demand as in an example of AWS's own documentation
            (Auto Scaling user guide: c5.2xlarge 0.34 for eight).
        writes: 1,000 PUT, POST or LIST requests (S3 Standard, us-east-1).
        reads: 1,000 GET or HEAD requests.
        gb_month: A gigabyte stored for a month.
    """

    core_h: float = 0.0425
    writes: float = 0.005
    reads: float = 0.0004
    gb_month: float = 0.023


@dataclass(frozen=True, slots=True)
class Scale:
    """What so many hours a month need.

    Attributes:
        recordings: A month.
        batches: A month, by the recordings that one intake run finds.
        cpu_h: CPU hours a month, Airflow's included.
        cores: So that 95 of 100 recordings end within `WITHIN_S`.
        day: The replayed day with these cores.
        requests: S3 requests a month by kind.
        stored_gb: Results of a month; recordings themselves are the customer's.
        rows: New rows of Airflow's database a month.
        dollars: A month by what is paid: cores kept all day, cores used, requests, storage.
        loads: Peak demand over what the settings and one process of each kind can do.
    """

    hours: float
    recordings: float
    batches: float
    cpu_h: float
    cores: int
    day: Day
    requests: Mapping[str, float]
    stored_gb: float
    rows: float
    dollars: Mapping[str, float]
    loads: Mapping[str, float]

    @property
    def bottleneck(self) -> str:
        """What is used most of what it can do."""
        return max(self.loads, key=lambda name: self.loads[name])


def scale(
    hours: float,
    costs: Costs,
    airflow: AirflowCosts,
    *,
    measured_batch: int,
    measured_s: float,
    settings: DiscoverySettings,
    prices: Prices,
) -> Scale:
    """Work out one scale.

    Args:
        hours: Of video a month.
        costs: Of recordings.
        airflow: Of the measured batch.
        measured_batch: Recordings in it.
        measured_s: Length of each, seconds.
        settings: How recordings become batches.
        prices: What is paid.
    """
    recordings = hours * 3600 / ((SHORTEST_S + LONGEST_S) / 2)
    a_minute = recordings / DAYS / (WORKDAY_S / 60)
    in_batch = min(settings.max_videos_per_batch, max(DROP, a_minute))
    batches = recordings / in_batch
    # What Airflow's processes and imports add to the stages, which were measured without it.
    overhead_s = max(0.0, airflow.cpu_s - measured_batch * costs.cpu_s(measured_s))
    each_s = overhead_s / in_batch
    factor = max(1.0, hours / REPLAYED_AT_MOST)
    came = replay.arrivals(hours / factor)

    def cpu_s(video_s: float) -> float:
        return costs.cpu_s(video_s) + each_s

    before_s = settings.stable_for_s + 60.0
    small = replay.cores_for(came, within_s=WITHIN_S, cpu_s=cpu_s, before_s=before_s)
    day = replay.replay(came, cores=small, cpu_s=cpu_s, before_s=before_s)
    cores = math.ceil(small * factor)
    pages = math.ceil(recordings * KEPT_DAYS / 30 / LISTED_AT_ONCE)
    requests = {kind: recordings * count for kind, count in costs.requests_per_recording.items()}
    requests["LIST"] = requests.get("LIST", 0.0) + pages * MONTH_S / 60
    stored_gb = hours * 3600 * costs.stored_bytes_per_video_s / 1e9
    cpu_h = day.cpu_h * recordings / day.recordings
    writes = sum(requests.get(kind, 0.0) for kind in ("PUT", "POST", "LIST"))
    reads = sum(requests.get(kind, 0.0) for kind in ("GET", "HEAD"))
    batches_per_s = a_minute / in_batch / 60
    return Scale(
        hours=hours,
        recordings=recordings,
        batches=batches,
        cpu_h=cpu_h,
        cores=cores,
        day=day,
        requests=requests,
        stored_gb=stored_gb,
        rows=batches * sum(airflow.rows.values()),
        dollars={
            "cores kept all month": cores * prices.core_h * MONTH_S / 3600,
            "cores only while used": cpu_h * prices.core_h,
            "requests": (writes * prices.writes + reads * prices.reads) / 1000,
            "a month of results stored": stored_gb * prices.gb_month,
        },
        loads={
            "the cores": day.busy,
            "the intake (batches per run)": a_minute
            / (settings.max_videos_per_batch * settings.max_batches_per_run),
            "the listing of incoming/": pages / S3_LISTS_PER_S / 60,
            **{
                f"Airflow's {name}": batches_per_s * used_s
                for name, used_s in airflow.loop_cpu_s.items()
            },
        },
    )
