"""What Airflow adds to a batch of 1 and of 50 short recordings.

Starts a platform in a temporary home, drops the recordings, and compares the
time of the `video_analysis` run with the same stages on the same recordings in
one process without Airflow.
"""

from __future__ import annotations

import os
import socket
import tempfile
import time
from datetime import datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

from include.composition import build_services
from include.contracts.errors import PlatformError
from include.ledger.ledger import FINAL, Ledger
from include.pipeline import intake, open_batch
from include.pipeline.run_batch import run_batch
from include.platform.dropping import drop
from include.platform.layout import Layout
from include.platform.supervisor import Platform
from include.settings import DiscoverySettings, Settings, StorageSettings, TransformSettings
from tests.media.make_media import many_short_videos

SIZES = (1, 50)
_TIMEOUT_S = 1200.0


def main() -> None:
    """Measure both sizes and print one table."""
    table = Table(title="Airflow's part in a batch of short recordings (1.5 s each), wall seconds")
    for column in ("recordings", "analysis run", "same stages, no Airflow", "Airflow's part"):
        table.add_column(column, justify="right")
    with tempfile.TemporaryDirectory() as scratch:
        home = Path(scratch)
        os.environ.update(environment(home))
        platform = Platform.from_environment(dict(os.environ))
        platform.up(lambda *_: None)
        try:
            for count in SIZES:
                folder = home / f"recordings-{count}"
                many_short_videos(folder, count)
                with_airflow = analysed(platform, folder, count)
                without = _without_airflow(home / f"plain-{count}", folder)
                table.add_row(
                    str(count),
                    f"{with_airflow:.1f}",
                    f"{without:.1f}",
                    f"{with_airflow - without:.1f}",
                )
        finally:
            platform.down()
    Console(width=120).print(table)


def environment(home: Path) -> dict[str, str]:
    """Return settings of a platform of its own in an empty folder."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    return {
        "FEX_HOME": str(home / "platform"),
        "FEX_PLATFORM__API_PORT": str(port),
        "FEX_DISCOVERY__STABLE_FOR_S": "0",
    }


def analysed(platform: Platform, folder: Path, count: int) -> float:
    """Drop a folder of `count` recordings; return the seconds of the last run when all ended.

    Raises:
        PlatformError: They did not end in time.
    """
    layout: Layout = platform.layout
    ledger = Ledger.open(f"sqlite:///{layout.ledger}")
    done_before = sum(ledger.counts()[state] for state in FINAL)
    drop(folder, layout.lake, f"bench-{count}")
    with platform.api() as api:
        api.trigger("video_intake")
        give_up_at = time.monotonic() + _TIMEOUT_S
        while time.monotonic() < give_up_at:
            settled = sum(ledger.counts()[state] for state in FINAL) - done_before
            runs = api.dag_runs("video_analysis")
            if settled >= count and all(run["end_date"] for run in runs):
                return _duration_s(runs[-1])
            time.sleep(1.0)
    raise PlatformError(f"the batch of {count} did not end within {_TIMEOUT_S:g} s")


def _duration_s(run: dict[str, str]) -> float:
    begin, end = (datetime.fromisoformat(run[name]) for name in ("start_date", "end_date"))
    return (end - begin).total_seconds()


def _without_airflow(home: Path, folder: Path) -> float:
    settings = Settings(
        storage=StorageSettings(
            lake_url=(home / "lake").as_uri(),
            ledger_url=f"sqlite:///{home}/ledger.sqlite",
            scratch_dir=home / "scratch",
        ),
        discovery=DiscoverySettings(stable_for_s=0.0),
        transform=TransformSettings(jobs_dir=home / "jobs"),
    )
    services = build_services(settings)
    drop(folder, home / "lake", "bench")
    [entry] = intake.run(services, "bench")
    batch_id = str(entry["trigger_run_id"])
    started = time.monotonic()
    open_batch.pin_packaged(services, batch_id)
    run_batch(services, batch_id)
    return time.monotonic() - started


if __name__ == "__main__":
    main()
