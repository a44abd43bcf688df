"""docs/capacity.md: measured costs, what each scale needs, what gives out first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from benchmarks.capacity import scales
from benchmarks.capacity.airflow_costs import AirflowCosts
from benchmarks.capacity.costs import EACH, LONG_S, RATE_HZ, SHORT_S, SIZE, Costs
from benchmarks.capacity.replay import DAYS, DROP, LONGEST_S, SHORTEST_S, WORKDAY_S
from benchmarks.capacity.scales import Prices, Scale

_REMEDIES = {
    "the cores": "add workers",
    "the intake (batches per run)": "raise `FEX_DISCOVERY__MAX_BATCHES_PER_RUN`",
    "the listing of incoming/": "let a lifecycle rule take recordings out of `incoming/` once they "
    "are published, or split studies over several lakes",
    "Airflow's scheduler": "run several schedulers, and larger batches",
    "Airflow's api-server": "run several API servers behind a proxy, and larger batches",
}


def page(costs: Costs, airflow: AirflowCosts, found: Sequence[Scale], prices: Prices) -> str:
    """Return the page as Markdown."""
    return "\n".join([*_head(), *_costs(costs, airflow), *_scales(found, prices), *_limits(found)])


def _head() -> list[str]:
    return [
        "# Capacity",
        "",
        (
            "Made by `make capacity` on two shared cores; run it on yours. Costs of recordings are"
            f" measured on {EACH} of {SHORT_S:g} s and {EACH} of {LONG_S:g} s"
            f" ({SIZE[0]}x{SIZE[1]}, {RATE_HZ} frames a second, one face, sampled once a"
            " second) that"
            " go through the real stages on a store that speaks S3, Airflow's on a platform of its"
            " own. What a month needs is worked out from them: studies of"
            f" {DROP} recordings of {SHORTEST_S:g} to {LONGEST_S:g} s are dropped at random"
            " within the"
            f" {WORKDAY_S / 3600:g} hours of {DAYS} working days, and a day is replayed"
            " recording by"
            " recording."
        ),
        "",
    ]


def _costs(costs: Costs, airflow: AirflowCosts) -> list[str]:
    lines = [
        "## What a recording costs",
        "",
        "| stage | CPU seconds per recording | per second of video |",
        "|---|---:|---:|",
    ]
    for stage, fixed in costs.cpu_s_per_recording.items():
        lines.append(f"| {stage} | {fixed:.3f} | {costs.cpu_s_per_video_s[stage]:.4f} |")
    lines += [
        (
            f"| **all** | **{sum(costs.cpu_s_per_recording.values()):.2f}** |"
            f" **{sum(costs.cpu_s_per_video_s.values()):.4f}** |"
        ),
        "",
        (
            "Libraries that are loaded once for a batch are shared among its recordings here"
            f" ({EACH}). S3 requests per recording: {_named(costs.requests_per_recording, 1)}."
            " Results"
            f" take {costs.stored_bytes_per_video_s / 1000:.0f} kB per second of video, most of"
            " it the"
            " crops of faces."
        ),
        "",
        (
            f"A batch of {EACH} short ones in Airflow: {airflow.cpu_s:.1f} CPU seconds in all,"
            f" {airflow.wall_s:.0f} s from drop to end; of the components themselves"
            f" {_named(airflow.loop_cpu_s, 2)} CPU seconds; new rows in Airflow's database"
            f" {sum(airflow.rows.values())} ({_named(airflow.rows, 0)}). Idle, all components use"
            f" {airflow.idle_cores:.2f} cores."
        ),
        "",
    ]
    return lines


def _scales(found: Sequence[Scale], prices: Prices) -> list[str]:
    rows: list[tuple[str, list[str]]] = [
        ("recordings", [f"{item.recordings:,.0f}" for item in found]),
        ("batches", [f"{item.batches:,.0f}" for item in found]),
        ("CPU hours", [f"{item.cpu_h:,.1f}" for item in found]),
        (
            f"cores for 95 % within {scales.WITHIN_S / 60:g} min",
            [f"{item.cores:,}" for item in found],
        ),
        (
            "from drop to end, median / 95th percentile",
            [f"{item.day.median_s:.0f} / {item.day.p95_s:.0f} s" for item in found],
        ),
        (
            "use of the cores, first drop to last end",
            [f"{100 * item.day.busy:.0f} %" for item in found],
        ),
        ("S3 requests", [f"{sum(item.requests.values()):,.0f}" for item in found]),
        ("of these, listings", [f"{item.requests['LIST']:,.0f}" for item in found]),
        ("results, GB", [f"{item.stored_gb:,.1f}" for item in found]),
        ("new rows in Airflow's database", [f"{item.rows:,.0f}" for item in found]),
    ]
    rows += [
        (f"{name}, $", [f"{item.dollars[name]:,.2f}" for item in found])
        for name in found[0].dollars
    ]
    return [
        "## A month",
        "",
        "| hours of video a month | " + " | ".join(f"{item.hours:,.0f}" for item in found) + " |",
        "|---|" + "---:|" * len(found),
        *(f"| {name} | " + " | ".join(cells) + " |" for name, cells in rows),
        "",
        (
            f"Above {scales.REPLAYED_AT_MOST:,} hours a month the day of that many is replayed and"
            " scaled up. Prices are assumptions, to be replaced by yours"
            f" (`make capacity ARGS='--core-hour {prices.core_h}'`): {prices.core_h} $ for a"
            " core and"
            " hour (c5 on demand, an example in AWS's Auto Scaling guide),"
            f" {prices.writes} $ for 1,000 writes or listings, {prices.reads} $ for 1,000 reads,"
            f" {prices.gb_month} $ for a GB and month (S3 Standard). Inference runs on the workers'"
            " cores here; with SageMaker its share is billed there. PostgreSQL, Redis, the load"
            " balancer and traffic are not in it."
        ),
        "",
    ]


def _limits(found: Sequence[Scale]) -> list[str]:
    names = list(found[0].loads)
    lines = [
        "## What gives out first",
        "",
        (
            "Demand at the day's average pace over what the shipped settings, or one process,"
            " can do;"
            " above 1 it does not keep up."
        ),
        "",
        "| hours a month | " + " | ".join(f"{item.hours:,.0f}" for item in found) + " |",
        "|---|" + "---:|" * len(found),
        *(
            f"| {name} | " + " | ".join(f"{item.loads[name]:.2g}" for item in found) + " |"
            for name in names
        ),
        "",
    ]
    for item in found:
        over = [name for name in names if item.loads[name] > 1]
        said = "; ".join(f"{name} ({_REMEDIES.get(name, 'run several')})" for name in over)
        lines.append(
            f"- **{item.hours:,.0f} hours**: most used is {item.bottleneck}."
            + (f" Does not keep up: {said}." if said else " Everything keeps up.")
        )
    return [
        *lines,
        "",
        (
            f"A listing names {scales.LISTED_AT_ONCE:,} keys at a time, one answer after the"
            " other, at"
            f" an assumed {scales.S3_LISTS_PER_S} a second; recordings are taken to stay under"
            f" `incoming/` for {scales.KEPT_DAYS} days. The ledger is measured on its own at"
            " 1,000,000"
            " recordings (`make bench ARGS=ledger`). Airflow's database grows until"
            " `airflow db clean` is run."
        ),
        "",
    ]


def _named(figures: Mapping[str, float], digits: int) -> str:
    return ", ".join(f"{name} {value:.{digits}f}" for name, value in figures.items())
