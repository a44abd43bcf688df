"""Discovery on S3: odd keys beside good ones, the gate, a corrected study file."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

from include.ledger.ledger import Ledger
from include.pipeline.discover import discover
from include.settings import DiscoverySettings
from tests.unit.lake.conftest import Store

SETTINGS = DiscoverySettings(stable_for_s=0)


def test_an_intake(s3_store: Store, tmp_path: Path) -> None:
    lake = s3_store.lake
    now = datetime(2026, 3, 1, tzinfo=UTC)
    ledger = Ledger.open(f"sqlite:///{tmp_path}/ledger.sqlite", clock=lambda: now)
    for key in ("ad/a b.mp4", "ad//double.mp4", "ad/tab\t.mp4", "ad/../up.mp4", "office/x.mp4"):
        s3_store.drop(f"incoming/{key}", key.encode())
    s3_store.drop("incoming/office/study.yaml", b"purpose: workplace")

    summary = discover(lake, ledger, SETTINGS, run_key="1", now=now)

    assert (summary.listed, summary.new, summary.quarantined) == (5, 5, 2)
    (batch_id,) = summary.batch_ids
    claimed = ledger.recordings(batch_id)
    assert [item.recording for item in claimed] == ["/double.mp4", "a b.mp4", "tab\t.mp4"]
    for item in claimed:
        lake.fetch(item.key, tmp_path / "copy", version=item.version)
    codes = {json.loads(lake.get_bytes(key))["code"] for key in lake.list("quarantine")}
    assert codes == {"unusable_key", "purpose_denied"}

    # The same bytes under the same key are the same version on S3: only the
    # corrected study file can bring the recording back.
    s3_store.drop("incoming/office/x.mp4", b"office/x.mp4")
    assert discover(lake, ledger, SETTINGS, run_key="2", now=now).batch_ids == []
    s3_store.drop("incoming/office/study.yaml", b"purpose: market_research")
    now += timedelta(seconds=1)
    back = discover(lake, ledger, SETTINGS, run_key="3", now=now)
    assert (back.reopened, len(back.batch_ids)) == (1, 1)
