"""What ledger tests share."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from include.lake.store import IncomingObject
from include.settings import DiscoverySettings

SETTINGS = DiscoverySettings(
    stable_for_s=30,
    max_videos_per_batch=4,
    max_batches_per_run=2,
    lease_s=600,
    max_attempts=2,
)


@dataclass
class Clock:
    """A clock that tests move."""

    now: datetime

    def __call__(self) -> datetime:
        return self.now

    def advance(self, seconds: float) -> datetime:
        self.now += timedelta(seconds=seconds)
        return self.now


def incoming(
    name: str, version: str = "v1", *, size_bytes: int = 10, problem: str | None = None
) -> IncomingObject:
    study, _, recording = name.partition("/")
    return IncomingObject(
        key=f"incoming/{name}",
        uri=f"s3://bucket/incoming/{name}",
        study=study,
        recording=recording,
        size_bytes=size_bytes,
        version=version,
        etag=version,
        problem=problem,
    )


def listing(count: int, prefix: str = "s/r") -> list[IncomingObject]:
    return [incoming(f"{prefix}{number:05d}.mp4") for number in range(count)]
