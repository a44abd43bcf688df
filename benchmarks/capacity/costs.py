"""What a recording costs: CPU by stage, S3 requests, stored bytes, Airflow's rows. Measured.

Two batches run through the real stages on a store that speaks S3 (moto's server, a process
of its own that logs each request). Recordings of two lengths separate what each recording
costs from what each second of it does.
"""

from __future__ import annotations

import os
import re
import resource
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import boto3

from benchmarks.clips import Clip
from include.composition import Services, build_services
from include.pipeline import intake, open_batch
from include.pipeline.run_batch import run_batch
from include.settings import (
    DiscoverySettings,
    Settings,
    StorageSettings,
    TransformSettings,
)

SHORT_S, LONG_S = 10.0, 60.0
EACH = 3
"""Recordings of a batch."""
SIZE, RATE_HZ = (1280, 720), 30
REGION = "eu-central-1"
_BUCKET, _LAKE = "capacity", "lake"
_REQUEST = re.compile(r'"(GET|HEAD|PUT|POST|DELETE) (\S+) HTTP')
_START_S = 60.0


@dataclass(frozen=True, slots=True)
class Batch:
    """One measured batch.

    Attributes:
        cpu_s: CPU seconds by stage, of this process and its children.
        requests: S3 requests by kind: GET, HEAD, PUT, POST, DELETE, LIST.
        stored_bytes: What lies in the lake beside the recordings themselves.
        wall_s: From the claim to the end.
    """

    cpu_s: Mapping[str, float]
    requests: Mapping[str, int]
    stored_bytes: int
    wall_s: float


@dataclass(frozen=True, slots=True)
class Costs:
    """What follows from a batch of short and one of long recordings.

    Attributes:
        cpu_s_per_recording: CPU seconds by stage that length does not change.
        cpu_s_per_video_s: CPU seconds by stage for each second of video.
        requests_per_recording: S3 requests by kind; those of a batch shared among its recordings.
        stored_bytes_per_video_s: Crops, tables, reports.
    """

    cpu_s_per_recording: Mapping[str, float]
    cpu_s_per_video_s: Mapping[str, float]
    requests_per_recording: Mapping[str, float]
    stored_bytes_per_video_s: float

    def cpu_s(self, video_s: float) -> float:
        """CPU seconds of one recording of this length."""
        fixed = sum(self.cpu_s_per_recording.values())
        return fixed + video_s * sum(self.cpu_s_per_video_s.values())


def measure(home: Path) -> tuple[Costs, tuple[Batch, Batch]]:
    """Run both batches and derive costs.

    Args:
        home: An empty folder for clips, ledger and logs.
    """
    # moto's server takes any; obstore and boto3 want some.
    os.environ |= {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}
    with _store(home / "requests.log") as url:
        first, second = (_batch(home, url, seconds) for seconds in (SHORT_S, LONG_S))
    more_s = EACH * (LONG_S - SHORT_S)
    slope = {
        stage: max(0.0, (second.cpu_s[stage] - first.cpu_s[stage]) / more_s)
        for stage in first.cpu_s
    }
    fixed = {
        stage: max(0.0, first.cpu_s[stage] / EACH - SHORT_S * slope[stage]) for stage in first.cpu_s
    }
    kinds = sorted({*first.requests, *second.requests})
    requests = {
        kind: (first.requests.get(kind, 0) + second.requests.get(kind, 0)) / (2 * EACH)
        for kind in kinds
    }
    stored = (second.stored_bytes - first.stored_bytes) / more_s
    return Costs(fixed, slope, requests, max(0.0, stored)), (first, second)


def _batch(home: Path, url: str, seconds: float) -> Batch:
    name = f"{seconds:g}s"
    s3 = boto3.client("s3", endpoint_url=url, region_name=REGION)
    bucket = f"{_BUCKET}-{name}"
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
    folder = home / name
    folder.mkdir()
    for number in range(EACH):
        # Lengths differ a little, so that no two recordings are the same bytes.
        clip = Clip(f"{name}-{number}", *SIZE, RATE_HZ, seconds + number / RATE_HZ)
        s3.upload_file(str(clip.make(folder)), bucket, f"{_LAKE}/incoming/study/{clip.name}.mp4")
    services = _services(home / name, url, bucket)
    log = home / "requests.log"
    seen, since = len(_requests(log)), time.monotonic()
    cpu_s: dict[str, float] = {}
    [entry] = intake.run(services, "capacity")
    before, stage = _cpu_s(), "intake"

    def announce(next_stage: str) -> None:
        nonlocal before, stage
        now = _cpu_s()
        cpu_s[stage] = now - before
        before, stage = now, next_stage

    batch_id = str(entry["trigger_run_id"])
    open_batch.pin_packaged(services, batch_id)
    ended = run_batch(services, batch_id, announce=announce)
    announce("")
    assert ended.get("published") == EACH, ended
    wall_s = time.monotonic() - since
    requests = Counter(_requests(log)[seen:])
    stored = sum(
        item["Size"]
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket)
        for item in page.get("Contents", ())
        if not item["Key"].startswith(f"{_LAKE}/incoming/")
    )
    return Batch(cpu_s, requests, stored, wall_s)


def _services(home: Path, url: str, bucket: str) -> Services:
    return build_services(
        Settings(
            storage=StorageSettings(
                lake_url=f"s3://{bucket}/{_LAKE}",
                s3_endpoint_url=url,
                s3_region=REGION,
                ledger_url=f"sqlite:///{home / 'ledger.sqlite'}",
                scratch_dir=home / "scratch",
            ),
            discovery=DiscoverySettings(stable_for_s=0),
            transform=TransformSettings(jobs_dir=home / "jobs"),
        )
    )


def _cpu_s() -> float:
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(item.ru_utime + item.ru_stime for item in used)


def _requests(log: Path) -> list[str]:
    """Kinds of all requests so far."""
    found = _REQUEST.findall(log.read_text(errors="replace"))
    return ["LIST" if "list-type=" in path else method for method, path in found]


@contextmanager
def _store(log: Path) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with log.open("wb") as written:
        server = subprocess.Popen(
            [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
            stdout=subprocess.DEVNULL,
            stderr=written,
        )
    try:
        deadline = time.monotonic() + _START_S
        while time.monotonic() < deadline:
            with socket.socket() as asked:
                if asked.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait()
