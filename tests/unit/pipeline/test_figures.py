"""Figures of the queue and of settled batches, on a real ledger and a real lake."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from include.composition import Services
from include.contracts.errors import PlatformError
from include.lake import keys
from include.ledger.ledger import JobStatus
from include.observability import catalogue
from include.observability.cpu import note, noted_cpu_s, process_cpu_s
from include.observability.embedded import read_metrics
from include.pipeline import intake, settle
from include.settings import (
    DiscoverySettings,
    TransformSettings,
    WatchSettings,
)
from tests.fakes.home import services_in, storage_in
from tests.fakes.manifests import extraction_bytes

START = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
MODEL = {"name": "m", "version": "1", "package_uri": "file:///m", "sha256": "0" * 64}


class Clock:
    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now


def make(folder: Path, **groups: object) -> Services:
    return services_in(
        folder,
        clock=Clock(),
        storage=storage_in(folder, s3_region="us-east-1"),
        discovery=DiscoverySettings(stable_for_s=0, max_attempts=2),
        **groups,
    )


def forward(services: Services, **delta: float) -> None:
    services.ledger.clock.now += timedelta(**delta)


def figures(services: Services) -> dict[tuple[str, ...], float]:
    return {
        (metric.name, *metric.dimensions.values()): metric.value
        for metric in read_metrics(services.lake, START.date())
    }


def drop(services: Services, *names: str) -> None:
    for name in names:
        services.lake.put_bytes(f"incoming/study/{name}.mp4", b"bytes of " + name.encode())


def begin(services: Services, *names: str) -> tuple[str, dict[str, int]]:
    """Claim a batch of these recordings; return it and their ids by name."""
    drop(services, *names)
    # Files are stamped by the real clock, which must not run ahead of ours.
    services.ledger.observe(services.lake.list_incoming(), services.ledger.clock())
    (batch_id,) = services.ledger.claim("run", services.ledger.clock(), services.settings.discovery)
    services.ledger.pin_model(batch_id, **MODEL)
    found = {item.recording: item.id for item in services.ledger.recordings(batch_id)}
    return batch_id, {name: found[f"{name}.mp4"] for name in names}


def publish(services: Services, recording_id: int, duration_s: float) -> None:
    ledger, identity = services.ledger, f"e{recording_id}"
    services.lake.put_bytes(keys.extraction_marker(identity), extraction_bytes(duration_s))
    ledger.identify(recording_id, video_id=f"v{recording_id}", extraction_id=identity)
    ledger.mark_extracted(recording_id)
    ledger.mark_transformed(recording_id, analysis_id=f"a{recording_id}")
    ledger.mark_published(recording_id, result_key=f"published/{recording_id}")


def test_the_intake_emits_the_queue(tmp_path: Path) -> None:
    services = make(tmp_path)
    drop(services, "one", "two")
    services.ledger.observe(services.lake.list_incoming(), START)
    forward(services, minutes=4)
    assert len(intake.run(services, "run")) == 1
    found = figures(services)
    assert found[("QueueDepth",)] == 2.0  # claimed, but their run has not begun
    assert found[("OldestWaiting",)] == 240.0
    assert found[("InWork",)] == 0.0
    assert found[("OverdueClaims",)] == 0.0


def test_an_idle_queue_is_reported_as_well(tmp_path: Path) -> None:
    services = make(tmp_path)
    assert intake.run(services, "run") == []
    assert figures(services)[("QueueDepth",)] == 0.0
    assert figures(services)[("OldestWaiting",)] == 0.0


def test_a_settled_batch_emits_what_it_came_to(tmp_path: Path) -> None:
    services = make(tmp_path)
    batch_id, ids = begin(services, "a", "b", "c", "d")
    publish(services, ids["a"], 90.0)
    publish(services, ids["b"], 30.0)
    for name in ("c", "d"):
        services.ledger.quarantine(ids[name], code="truncated", reason="r", result_key="k")
    note(services.lake, batch_id, "extract/0/1", 40.0)
    note(services.lake, batch_id, "extract/1/1", 20.5)
    forward(services, minutes=10)
    settle.run(services, batch_id)
    assert figures(services) == {
        ("RecordingsPublished",): 2.0,
        ("Failures",): 2.0,
        ("FailuresByReason", "truncated"): 2.0,
        ("VideoSeconds",): 120.0,
        ("VideoSecondsPerHour",): 720.0,
        ("BatchSeconds",): 600.0,
        ("CpuSeconds",): 60.5,
        ("TransformSeconds",): 0.0,
        ("Cost", "USD"): 0.0,
        ("CostPerVideoMinute", "USD"): 0.0,
    }


def test_a_batch_that_is_settled_again_is_not_counted_again(tmp_path: Path) -> None:
    services = make(tmp_path)
    batch_id, ids = begin(services, "a")
    publish(services, ids["a"], 60.0)
    settle.run(services, batch_id)
    before = sorted(services.lake.list("watch/metrics"))
    forward(services, minutes=10)
    settle.run(services, batch_id)
    assert sorted(services.lake.list("watch/metrics")) == before


def test_what_did_not_finish_is_counted_although_settling_is_red(tmp_path: Path) -> None:
    services = make(tmp_path)
    batch_id, _ = begin(services, "a")
    with pytest.raises(PlatformError, match="did not finish"):
        settle.run(services, batch_id)
    assert figures(services)[("FailuresByReason", "returned")] == 1.0
    assert ("CostPerVideoMinute", "USD") not in figures(services)


def test_jobs_on_aws_cost_instance_time(tmp_path: Path) -> None:
    services = make(tmp_path, transform=TransformSettings(backend="sagemaker", instance_count=2))
    batch_id, ids = begin(services, "a")
    services.ledger.record_job(
        "job", batch_id=batch_id, generation=0, spec_hash="h", shards=["s.tar"]
    )
    forward(services, minutes=30)
    services.ledger.close_job("job", JobStatus.COMPLETED)
    forward(services, minutes=30)
    publish(services, ids["a"], 120.0)
    settle.run(services, batch_id)
    found = figures(services)
    assert found[("TransformSeconds",)] == 3600.0
    assert found[("Cost", "USD")] == pytest.approx(0.115)
    assert found[("CostPerVideoMinute", "USD")] == pytest.approx(0.0575)


def test_a_missing_price_costs_the_other_figures_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    transform = TransformSettings(backend="sagemaker", instance_type="ml.p9.huge")
    services = make(tmp_path, transform=transform)
    batch_id, ids = begin(services, "a")
    publish(services, ids["a"], 60.0)
    settle.run(services, batch_id)
    assert ("VideoSeconds",) in figures(services)
    assert ("Cost", "USD") not in figures(services)
    assert "ml.p9.huge" in caplog.text


def test_watching_never_stops_what_is_watched(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    watch = WatchSettings(statsd_host="no-such-host.invalid")
    services = make(tmp_path, watch=watch)
    batch_id, ids = begin(services, "a")
    publish(services, ids["a"], 60.0)
    with caplog.at_level(logging.ERROR):
        assert settle.run(services, batch_id)["published"] == 1
        intake.run(services, "again")
    assert "no figures of the queue" in caplog.text
    assert f"no figures of {batch_id}" in caplog.text
    assert not services.lake.exists(keys.batch_figures(batch_id)), "they may be emitted later"


def test_every_platform_figure_is_emitted(tmp_path: Path) -> None:
    services = make(tmp_path)
    batch_id, ids = begin(services, "a", "b")
    publish(services, ids["a"], 60.0)
    services.ledger.quarantine(ids["b"], code="truncated", reason="r", result_key="k")
    forward(services, minutes=1)
    settle.run(services, batch_id)
    intake.run(services, "next")
    emitted = {metric.name: metric for metric in read_metrics(services.lake, START.date())}
    assert set(emitted) == {figure.name for figure in catalogue.PLATFORM}
    for figure in catalogue.PLATFORM:
        metric = emitted[figure.name]
        assert tuple(metric.dimensions) == figure.dimensions, figure.name
        assert metric.unit is figure.unit
        assert metric.adds_up == figure.adds_up


def test_a_try_noted_twice_counts_once(tmp_path: Path) -> None:
    services = make(tmp_path)
    for cpu_s in (1.0, 3.0):
        note(services.lake, "batch", "probe/-1/1", cpu_s)
    note(services.lake, "batch", "probe/-1/2", 0.5)
    note(services.lake, "another batch", "probe/-1/1", 100.0)
    assert noted_cpu_s(services.lake, "batch") == 3.5


def test_tries_without_a_note_are_told_once(tmp_path: Path) -> None:
    services = make(tmp_path)
    batch_id, ids = begin(services, "a")
    publish(services, ids["a"], 60.0)
    for task in ("probe/-1/1", "extract/0/1", "extract/1/3", "publish/-1/2"):
        note(services.lake, batch_id, task, 1.0)
    for _ in range(2):
        settle.run(services, batch_id)
    (sent,) = [key for key in services.lake.list(keys.NOTICES) if key.endswith("notice.json")]
    told = json.loads(services.lake.get_bytes(sent))
    assert "extract [1], try 1, extract [1], try 2, publish, try 1" in told["body"]
    assert "production-stack.md" in told["body"]


def test_a_batch_that_lost_no_try_tells_nobody(tmp_path: Path) -> None:
    services = make(tmp_path)
    batch_id, ids = begin(services, "a")
    publish(services, ids["a"], 60.0)
    for task in ("probe/-1/1", "extract/0/1", "extract/0/2"):
        note(services.lake, batch_id, task, 1.0)
    settle.run(services, batch_id)
    assert list(services.lake.list(keys.NOTICES)) == []


def test_cpu_time_of_ended_children_counts() -> None:
    import subprocess
    import sys

    before = process_cpu_s()
    subprocess.run([sys.executable, "-c", "sum(range(10**7))"], check=True)
    assert process_cpu_s() - before > 0.05


def test_a_figure_refuses_other_dimensions_than_its_own() -> None:
    with pytest.raises(ValueError, match="Reason"):
        catalogue.FAILURES_BY_REASON.at(START, 1.0)
    with pytest.raises(ValueError, match="QueueDepth"):
        catalogue.QUEUE_DEPTH.at(START, 1.0, Reason="x")
