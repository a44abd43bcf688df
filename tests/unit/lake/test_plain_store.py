"""An S3-compatible store that lists no versions and deletes one object at a time."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest

from include.lake.raw import RawBucket
from include.lake.store import Lake
from include.settings import StorageSettings

BUCKET = "fex"


@pytest.fixture
def lake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lake]:
    """A lake in localbucket, which answers both requests with 501."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "any")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "localbucket", str(tmp_path), "--port", str(port)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            url = f"http://127.0.0.1:{port}"
            client = boto3.client("s3", endpoint_url=url)
            give_up_at = time.monotonic() + 30
            while True:
                try:
                    client.create_bucket(Bucket=BUCKET)
                    break
                except Exception:
                    assert time.monotonic() < give_up_at
                    time.sleep(0.1)
            yield Lake.open(
                StorageSettings(
                    lake_url=f"s3://{BUCKET}/lake", s3_endpoint_url=url, s3_region="us-east-1"
                )
            )
        finally:
            server.kill()


def test_everything_is_seen_read_and_deleted(lake: Lake) -> None:
    for number in range(3):
        lake.put_bytes(f"extractions/a/{number}", b"x" * number)
    lake.put_bytes("extractions/b/kept", b"y")
    raw = lake.raw()
    assert isinstance(raw, RawBucket)
    found = {item.key: item for item in raw.walk()}
    assert len(found) == 4
    assert {item.version for item in found.values()} == {None}
    assert b"".join(raw.chunks(found["extractions/a/2"])) == b"xx"
    assert lake.delete_prefix("extractions/a") == 3
    lake.erase_versions("extractions/b/kept")
    assert list(raw.walk()) == []
