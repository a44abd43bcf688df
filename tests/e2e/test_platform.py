"""The platform as its users meet it: real scheduler, real recordings, real results."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import httpx
import pandas as pd
import pytest

from include.ledger.audit_tables import Deed
from include.ledger.ledger import State
from include.made_media.demo_video import make_demo_video
from tests.e2e.conftest import RunningPlatform, report_address

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Four different recordings, long enough to be caught in the middle."""
    folder = tmp_path_factory.mktemp("recordings")
    made = []
    for number in range(4):
        path = folder / f"respondent {number}.mp4"
        make_demo_video(path, seconds=20 + number)
        made.append(path)
    return made


def test_a_scheduler_killed_in_the_middle_loses_nothing_and_does_nothing_twice(
    platform: RunningPlatform, recordings: list[Path]
) -> None:
    platform.drop("spot", *recordings)
    platform.wait(lambda counts: counts[State.CLAIMED] > 0, timeout_s=120)
    scheduler = [
        pid for pid, words in platform.processes().items() if "scheduler" in words.split("|")[0]
    ]
    assert scheduler
    for pid in scheduler:
        os.kill(pid, signal.SIGKILL)
    time.sleep(2)
    assert platform.command("status", check=False).returncode != 0

    platform.command("up")
    platform.wait_until_settled(len(recordings), timeout_s=300)

    counts = platform.ledger().counts()
    assert counts[State.PUBLISHED] == len(recordings)
    assert sum(counts.values()) == len(recordings)
    manifests = platform.published()
    assert len(manifests) == len(recordings)
    for key, manifest in manifests.items():
        folder = (platform.layout.lake / "published" / key).parent
        assert {path.name for path in folder.iterdir()} == {*manifest["files"], "manifest.json"}
        rows = pd.read_parquet(folder / "predictions.parquet")
        assert rows["row_id"].is_unique
        assert sorted(rows["instant"].unique()) == list(range(rows["instant"].max() + 1))

    platform.command("down")
    assert platform.processes() == {}, "down leaves no process behind"


@pytest.mark.thorough
def test_history_survives_a_restart_and_the_same_bytes_are_not_computed_twice(
    platform: RunningPlatform, recordings: list[Path]
) -> None:
    platform.drop("spot", recordings[0])
    platform.wait_until_settled(1)
    platform.command("down")
    assert platform.processes() == {}
    platform.command("up")

    again = recordings[0].parent / "the same again.mp4"
    again.write_bytes(recordings[0].read_bytes())
    bad = recordings[0].parent / "notes.mp4"
    bad.write_text("no video at all")
    platform.drop("spot", again, bad)
    platform.wait_until_settled(3)

    ledger = platform.ledger()
    counts = ledger.counts()
    assert counts[State.PUBLISHED] == 2
    assert counts[State.QUARANTINED] == 1
    manifests = list(platform.published().values())
    assert len({manifest["analysis_id"] for manifest in manifests}) == 1
    assert len(list((platform.layout.lake / "extractions").iterdir())) == 1
    _a_marketer_reads_the_report_and_it_is_written_down(platform, recordings[0].name)
    reasons = list((platform.layout.lake / "quarantine").rglob("reason.json"))
    assert len(reasons) == 1
    assert "notes.mp4" in reasons[0].read_text()


def _a_marketer_reads_the_report_and_it_is_written_down(
    platform: RunningPlatform, recording: str
) -> None:
    """Airflow's server hands it out to whoever may, and the ledger says who looked."""

    report = report_address("spot", recording)
    with platform.signed_in("marketer") as client:
        assert httpx.get(str(client.base_url.join(report))).status_code == 401
        assert "displayed expression" in client.get(report).text
        assert client.get("/fex/faces").status_code == 403
        assert client.get("/fex/audit-log").status_code == 403
    entries = list(platform.ledger().audit.entries())
    assert [entry.who for entry in entries if entry.deed == Deed.LOOK] == ["marketer"]
    # Written down at the first start, and not again: nothing changed.
    assert sum(entry.deed == Deed.SETTINGS for entry in entries) == 1
