"""Real stores: a folder, and a bucket on moto's S3 server."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from include.lake.store import Lake
from include.settings import StorageSettings


@dataclass(frozen=True)
class Store:
    """A lake and a way to drop a file into it as a person would, not through the lake."""

    lake: Lake
    drop: Callable[[str, bytes], None]
    scheme: str


@pytest.fixture(scope="session")
def s3_endpoint() -> Iterator[str]:
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def s3(s3_endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A boto3 client of the server, with credentials of nobody in the environment."""
    import boto3

    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    return boto3.client("s3", endpoint_url=s3_endpoint, region_name="us-east-1")


@pytest.fixture
def s3_store(s3: Any, s3_endpoint: str) -> Store:
    bucket = f"lake-{uuid.uuid4().hex[:12]}"
    s3.create_bucket(Bucket=bucket)
    lake = Lake.open(
        StorageSettings(
            lake_url=f"s3://{bucket}/some/prefix",
            s3_endpoint_url=s3_endpoint,
            s3_region="us-east-1",
        )
    )

    def drop(key: str, data: bytes) -> None:
        s3.put_object(Bucket=bucket, Key=f"some/prefix/{key}", Body=data)

    return Store(lake, drop, "s3")


@pytest.fixture
def local_store(tmp_path: Path) -> Store:
    root = tmp_path / "the lake"
    lake = Lake.open(StorageSettings(lake_url=f"file://{root}"))

    def drop(key: str, data: bytes) -> None:
        path = root / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)

    return Store(lake, drop, "file")


@pytest.fixture(params=["file", "s3"])
def store(request: pytest.FixtureRequest) -> Store:
    """The same tests on both stores."""
    name = "local_store" if request.param == "file" else "s3_store"
    found = request.getfixturevalue(name)
    assert isinstance(found, Store)
    return found
