"""`make demo`: a recording is dropped, and watched until its report is there.

Ends with 0 when at least one recording was published and none failed.
Recordings set aside in quarantine do not fail the demo: refusing a bad file
with a reason is the platform working. When *nothing* was published there is no
report to look at, and the demo says so with 1.
"""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from include.contracts.errors import PlatformError
from include.demo.results import show_results
from include.ledger.models import State
from include.platform.console import Ticker, duration
from include.platform.dropping import Followed, drop, local_lake
from include.platform.following import (
    ANALYSIS,
    INTAKE,
    Ending,
    follow_recordings,
    wait_for_dags,
)
from include.platform.supervisor import Platform

STUDY = "demo"


class DemoError(PlatformError):
    """The demo cannot begin."""


def run_demo(platform: Platform, console: Console, *, video: Path | None, timeout_s: float) -> int:
    """Run the demo and return its exit status.

    Raises:
        PlatformError: The platform does not start, or there is nothing to drop.
    """
    if video is not None and not video.exists():
        raise DemoError(f"There is no file or folder at {video}.")
    console.rule("From a video to a report of displayed expressions", align="left")
    started_here = False
    try:
        with ThreadPoolExecutor(1) as pool, Ticker(console) as ticker:
            source = pool.submit(_source, platform, video)
            started_here = True  # also when the start is interrupted half-way
            started_here = platform.up(ticker.starting)
            ending, lake = _watch(platform, source, ticker, timeout_s)
        show_results(console, platform, ending.rows, lake)
        if ending.timed_out:
            console.print(f"[red]Not finished after {duration(timeout_s)}.[/red]")
    finally:
        if started_here:
            with Ticker(console) as ticker:
                ticker.show("stopping the platform")
                platform.down()
    console.print(_closing_line(ending, still_up=not started_here))
    return 0 if ending.ok else 1


def _source(platform: Platform, video: Path | None) -> Path:
    """Return the given recordings, or make one while the platform starts."""
    if video is not None:
        return video
    from include.made_media.demo_video import make_demo_video

    folder = platform.layout.home / "demo"
    folder.mkdir(parents=True, exist_ok=True)
    made = folder / "demo.mp4"
    draft = folder / ".demo.mp4"
    make_demo_video(draft)
    return draft.replace(made)


def _watch(
    platform: Platform, source: Future[Path], ticker: Ticker, timeout_s: float
) -> tuple[Ending, Path]:
    """Drop the recordings and wait until each of them has reached an end."""
    env = platform.environment()
    lake_url, ledger_url = env["FEX_STORAGE__LAKE_URL"], env["FEX_STORAGE__LEDGER_URL"]
    lake = local_lake(lake_url)
    with platform.api() as api:
        wait_for_dags(api, (INTAKE, ANALYSIS), ticker)
        ticker.show("making the video" if not source.done() else "dropping the recording")
        dropped = drop(source.result(), lake, STUDY)
        since = datetime.now(UTC)
        followed = Followed(lake_url=lake_url, ledger_url=ledger_url, dropped=dropped)
        return follow_recordings(platform, api, followed, since, ticker, timeout_s), lake


def _closing_line(ending: Ending, *, still_up: bool) -> str:
    again = (
        "The platform is still up." if still_up else "The platform is stopped; make up starts it."
    )
    if ending.ok:
        return again
    if not any(row.state is State.PUBLISHED for row in ending.rows):
        return f"[red]Nothing was published.[/red] {again}"
    return f"[red]Not every recording reached its end.[/red] {again}"
