"""Runs the demonstration: a fresh home, the platform, the made data, the story, its end."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from rich.console import Console

from include.contracts.errors import PlatformError
from include.demo.loop.report import (
    show_addresses,
    show_step,
    show_table,
    write_story,
)
from include.demo.loop.sets import settings_of, write_archive, write_audit_set
from include.demo.loop.settings import fresh_home, home_of, open_platform
from include.demo.loop.stage import Stage, Told
from include.demo.loop.story import DAGS, Recorded, steps
from include.demo.loop.weeks import DEGRADED, HEALTHY, RECOVERED, write_week
from include.platform.console import Ticker, duration
from include.platform.following import wait_for_dags
from include.platform.supervisor import Platform
from include.settings import ModelSettings


def run_demo_loop(console: Console, *, stop: bool) -> int:
    """Run the demonstration and return its exit status: 0 when every step came out as told.

    Args:
        console: Where people read.
        stop: Stop the platform at the end; else it stays up to be looked at.

    Raises:
        PlatformError: The platform does not start.
    """
    console.rule("From labels to a better model, and back", align="left")
    home = home_of(os.environ)
    fresh_home(home)
    data = home / "made"
    platform = open_platform(home, settings_of(data), os.environ)
    stays_up = False
    pool = ThreadPoolExecutor(1)
    try:
        told, failed = _play(console, platform, _make(pool, data))
        write_story(home, told, failed)
        stays_up = not stop
    finally:
        pool.shutdown(cancel_futures=True)
        if not stays_up:
            with Ticker(console) as ticker:
                ticker.show("stopping the platform")
                platform.down()
    if stays_up:
        show_addresses(console, platform)
    if failed:
        console.print(f"[red]Not as told.[/red] Logs of the platform: {platform.layout.logs}")
    return 1 if failed else 0


def _make(pool: ThreadPoolExecutor, data: Path) -> Recorded:
    """Make the data in the order in which it is needed."""
    data.mkdir()
    first = pool.submit(write_week, data, HEALTHY)
    audit_set = pool.submit(write_audit_set, data)
    second = pool.submit(write_week, data, DEGRADED)
    archive = pool.submit(write_archive, data)
    third = pool.submit(write_week, data, RECOVERED)
    return Recorded(
        weeks={HEALTHY.study: first, DEGRADED.study: second, RECOVERED.study: third},
        audit_set=audit_set,
        archive=archive,
    )


def _play(
    console: Console, platform: Platform, recorded: Recorded
) -> tuple[list[Told], str | None]:
    """Start the platform and do every step; return what was told, and what ended it early."""
    told: list[Told] = []
    with Ticker(console) as ticker:
        platform.up(ticker.starting)
        with platform.api() as api:
            wait_for_dags(api, DAGS, ticker)
            stage = Stage(platform, api, ticker, ModelSettings().name)
            failed = None
            for name, deed in steps(stage, recorded):
                try:
                    done = deed()
                except PlatformError as error:
                    failed = f"{name}: {error}"
                    break
                told.append(done)
                show_step(console, done)
    console.print()
    show_table(console, stage, told)
    if failed:
        console.print(failed, style="red", markup=False, highlight=False)
    console.print(f"{duration(ticker.elapsed_s)} in all.")
    return told, failed
