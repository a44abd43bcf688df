"""A small platform for tests of inference: lake, ledger, model package, and what goes wrong."""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Protocol

import boto3

from include.contracts.identity import stable_hash
from include.inference.backend import InferenceBackend
from include.inference.coordinator import TransformCoordinator
from include.inference.embedded import EmbeddedBackend
from include.inference.sagemaker import SageMakerBackend
from include.inference.spec import TransformSpec, basename, build_spec
from include.lake import keys
from include.lake.originals import IncomingObject
from include.lake.store import Lake
from include.ledger.ledger import Ledger
from include.settings import DiscoverySettings, StorageSettings, TransformSettings
from tests.fakes.sagemaker import FakeSageMaker
from tests.fakes.tiny_package import build_shard, build_tiny_package

Crops = Mapping[str, bytes]
_REGION = "us-east-1"
_numbers = itertools.count()


class Kind(Protocol):
    """One implementation of the backend and the ways to break it."""

    name: str
    storage: StorageSettings
    settings: TransformSettings
    package_uri: str
    package_sha256: str

    def backend(self, lake: Lake) -> InferenceBackend: ...

    def lose_machine(self, spec: TransformSpec) -> None:
        """End the job as a lost machine does, while it works."""

    def lose_machine_at(self, shards: Sequence[str]) -> None:
        """Have the machine lost when it comes to these shards (fake) or nothing (embedded)."""


class EmbeddedKind:
    name = "embedded"

    def __init__(self, folder: Path, **settings: object) -> None:
        self.storage = StorageSettings(lake_url=(folder / "lake").as_uri())
        self.settings = TransformSettings(
            jobs_dir=folder / "jobs", poll_interval_s=0.05, embedded_threads=1, **settings
        )
        package = folder / "package" / "model.tar.gz"
        package.parent.mkdir(parents=True, exist_ok=True)
        self.package_sha256 = build_tiny_package(package)
        self.package_uri = package.as_uri()

    def backend(self, lake: Lake) -> EmbeddedBackend:
        return EmbeddedBackend(settings=self.settings, storage=self.storage, lake=lake)

    def lose_machine(self, spec: TransformSpec) -> None:
        os.killpg(self.runner_pid(spec.name), signal.SIGKILL)

    def lose_machine_at(self, shards: Sequence[str]) -> None:
        return

    def runner_pid(self, name: str) -> int:
        from include.inference.embedded_job import TransformFolder

        pid = TransformFolder.open(self.settings.jobs_dir, name).process_id()
        assert pid
        return pid


class SageMakerKind:
    name = "sagemaker"

    def __init__(self, folder: Path, service: FakeSageMaker, **settings: object) -> None:
        self.service = service
        bucket = f"fex-{next(_numbers)}-{os.getpid()}"
        self.storage = StorageSettings(
            lake_url=f"s3://{bucket}/lake", s3_endpoint_url=service.url, s3_region=_REGION
        )
        self.settings = TransformSettings(
            backend="sagemaker",
            poll_interval_s=0.05,
            role_arn="arn:aws:iam::123456789012:role/fex-transform",
            image_uri="123456789012.dkr.ecr.us-east-1.amazonaws.com/pytorch-inference:2",
            **settings,
        )
        s3 = service.s3()
        s3.create_bucket(Bucket=bucket)
        package = folder / "model.tar.gz"
        self.package_sha256 = build_tiny_package(package)
        s3.upload_file(str(package), bucket, "models/model.tar.gz")
        self.package_uri = f"s3://{bucket}/models/model.tar.gz"

    def backend(self, lake: Lake) -> SageMakerBackend:
        client = boto3.client("sagemaker", endpoint_url=self.service.url, region_name=_REGION)
        return SageMakerBackend(
            client=client, settings=self.settings, lake=lake, storage=self.storage, signers=()
        )

    def lose_machine(self, spec: TransformSpec) -> None:
        self.service.control(crash=spec.shard_basenames, object_s=0.0)

    def lose_machine_at(self, shards: Sequence[str]) -> None:
        self.service.control(crash=tuple(shards))


@dataclass
class Platform:
    """A lake with shards, a ledger with batches, a backend."""

    kind: Kind
    folder: Path
    lake: Lake = field(init=False)
    ledger: Ledger = field(init=False)
    backend: InferenceBackend = field(init=False)

    def __post_init__(self) -> None:
        self.ledger_url = f"sqlite:///{self.folder / 'ledger.sqlite'}"
        self.lake = Lake.open(self.kind.storage)
        shutil.copyfile(_migrated_ledger(), self.folder / "ledger.sqlite")
        self.ledger = Ledger.open(self.ledger_url)
        self.backend = self.kind.backend(self.lake)

    def coordinator(self, **changes: object) -> TransformCoordinator:
        return TransformCoordinator(
            backend=changes.pop("backend", self.backend),
            lake=self.lake,
            ledger=self.ledger,
            settings=self.kind.settings.model_copy(update=changes),
        )

    def environment(self) -> dict[str, str]:
        """What a process needs in its environment to be on this platform."""
        storage, transform = self.kind.storage, self.kind.settings
        found = {
            "FEX_STORAGE__LAKE_URL": storage.lake_url,
            "FEX_STORAGE__LEDGER_URL": self.ledger_url,
            "FEX_STORAGE__S3_REGION": storage.s3_region,
            "FEX_TRANSFORM__BACKEND": transform.backend,
            "FEX_TRANSFORM__JOBS_DIR": str(transform.jobs_dir),
            "FEX_TRANSFORM__POLL_INTERVAL_S": str(transform.poll_interval_s),
            "FEX_TRANSFORM__EMBEDDED_THREADS": "1",
        }
        if storage.s3_endpoint_url:
            found |= {
                "FEX_STORAGE__S3_ENDPOINT_URL": storage.s3_endpoint_url,
                "FEX_TRANSFORM__ROLE_ARN": transform.role_arn or "",
                "FEX_TRANSFORM__IMAGE_URI": transform.image_uri or "",
                "AWS_ENDPOINT_URL_SAGEMAKER": storage.s3_endpoint_url,
            }
        return found

    def put_shards(self, *contents: Crops, label: str = "") -> list[str]:
        """Write the shards of a new extraction; return their keys."""
        return self.put_extraction(self.new_id(label), *contents)

    def put_extraction(self, extraction_id: str, *contents: Crops) -> list[str]:
        shard_keys = []
        for index, crops in enumerate(contents):
            key = keys.shard(extraction_id, keys.shard_basename(extraction_id, index))
            self.lake.put_bytes(key, build_shard(crops))
            shard_keys.append(key)
        self.lake.put_bytes(keys.extraction_marker(extraction_id), b"{}")
        return shard_keys

    def new_id(self, label: str = "") -> str:
        return stable_hash({"number": next(_numbers), "label": label, "at": str(self.folder)})

    def spec(self, shard_keys: Sequence[str], *, generation: int = 0, batch_id: str = "b-1"):
        return build_spec(
            batch_id=batch_id,
            generation=generation,
            lake_uri=self.lake.uri(""),
            model_package_uri=self.kind.package_uri,
            model_sha256=self.kind.package_sha256,
            shard_keys=shard_keys,
            settings=self.kind.settings,
        )

    def batch(self, *extractions: str, pinned: bool = True) -> str:
        """Open a batch of one recording for each extraction; return its id."""
        now = self.ledger.clock()
        number = next(_numbers)
        self.ledger.observe([_incoming(number, index) for index in range(len(extractions))], now)
        [batch_id] = self.ledger.claim(
            f"run-{number}", now, DiscoverySettings(stable_for_s=0, max_attempts=9)
        )
        if pinned:
            self.ledger.pin_model(
                batch_id,
                name="tiny",
                version="1",
                package_uri=self.kind.package_uri,
                sha256=self.kind.package_sha256,
            )
        for recording, extraction_id in zip(
            self.ledger.recordings(batch_id), extractions, strict=True
        ):
            self.ledger.identify(recording.id, video_id="v" * 64, extraction_id=extraction_id)
            self.ledger.mark_extracted(recording.id)
        return batch_id

    def extraction(self, *contents: Crops, label: str = "") -> str:
        """Write a new extraction; return its id."""
        extraction_id = self.new_id(label)
        self.put_extraction(extraction_id, *contents)
        return extraction_id

    def answer(self, spec: TransformSpec, key: str) -> bytes:
        """What the job answered to a shard."""
        return self.lake.get_bytes(self.backend.list_outputs(spec)[basename(key)])


@cache
def _migrated_ledger() -> Path:
    """A ledger at head to start from: migrating takes longer than most tests."""
    path = Path(tempfile.mkdtemp(prefix="ledger-")) / "ledger.sqlite"
    Ledger.open(f"sqlite:///{path}")
    return path


def _incoming(number: int, index: int) -> IncomingObject:
    key = f"{keys.INCOMING}/study/{number}-{index}.mp4"
    return IncomingObject(
        key=key,
        uri=f"file:///lake/{key}",
        study="study",
        recording=f"{number}-{index}.mp4",
        size_bytes=1,
        version="1",
        etag="1",
    )


def crops(*contents: bytes) -> Crops:
    """Crops of a shard, by row id."""
    return {f"{index:07d}-00": content for index, content in enumerate(contents)}
