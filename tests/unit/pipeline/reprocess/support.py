"""A lake of published recordings without a model: answers are written where jobs write them.

Collecting and publishing are the pipeline's own; what the video room and the inference room
leave in the lake is written here by hand.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from include.composition import Services
from include.contracts.identity import stable_hash
from include.contracts.package import package_sha256
from include.contracts.validation import VALIDATION, ValidationResult
from include.inference.answers import AnswerIndex
from include.lake import keys
from include.ledger.ledger import Recording
from include.pipeline import collect, publish
from include.pipeline.reprocess import begin, put_in_front, report, republish
from include.settings import (
    DiscoverySettings,
    ReprocessSettings,
    Settings,
    TransformSettings,
)
from ml.registry.protocol import ModelVersion, VersionStatus
from tests.fakes.home import services_in
from tests.fakes.manifests import extraction_bytes
from tests.fakes.tiny_package import build_tiny_package
from tests.unit.insights.changes import surprised
from tests.unit.insights.recordings import answers, manifest, story

START = datetime(2026, 3, 2, 9, tzinfo=UTC)
Top = Callable[[int, int], tuple[str, float]]


@dataclass
class Shelf:
    """A registry of two versions: 1 is the champion, 2 the challenger."""

    versions: list[ModelVersion] = field(default_factory=list)

    def list_versions(self, name: str) -> tuple[ModelVersion, ...]:
        return tuple(item for item in self.versions if item.name == name)

    def get(self, name: str, version: str) -> ModelVersion:
        return next(item for item in self.list_versions(name) if item.version == version)

    def approve(self, version: str, status: VersionStatus = VersionStatus.APPROVED) -> None:
        self.versions = [
            replace(item, status=status) if item.version == version else item
            for item in self.versions
        ]


@dataclass
class Made:
    """The lake, and what a test does to it."""

    services: Services
    shelf: Shelf

    @property
    def old(self) -> ModelVersion:
        return self.shelf.versions[0]

    @property
    def new(self) -> ModelVersion:
        return self.shelf.versions[1]

    def incoming(self, name: str) -> Path:
        """The local path of a file that people drop."""
        return Path(self.services.lake.uri(keys.INCOMING)[len("file://") :]) / name

    def advance(self, days: float) -> datetime:
        """Move the platform's clock."""
        now = self.services.ledger.clock() + timedelta(days=days)
        self.services.ledger.clock = lambda: now
        return now

    def drop(self, *names: str, content: str = "first") -> list[Recording]:
        """Publish recordings by the champion, as the stages do."""
        services, ledger = self.services, self.services.ledger
        for name in names:
            path = self.incoming(name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"{name} {content}")
        ledger.observe(services.lake.list_incoming(), ledger.clock())
        [batch_id] = ledger.claim(
            f"run {names} {content}", ledger.clock(), services.settings.discovery
        )
        ledger.pin_model(
            batch_id,
            name=self.old.name,
            version=self.old.version,
            package_uri=self.old.package_uri,
            sha256=self.old.sha256,
        )
        for item in ledger.recordings(batch_id):
            extraction_id = stable_hash({"key": item.key, "content": content})
            _extract(services, extraction_id)
            self.answer(extraction_id, self.old, story)
            self.answer(extraction_id, self.new, surprised)
            ledger.identify(item.id, video_id=extraction_id * 2, extraction_id=extraction_id)
            ledger.mark_extracted(item.id)
        collect.run(services, batch_id)
        publish.run(services, batch_id)
        return ledger.recordings(batch_id)

    def answer(self, extraction_id: str, model: ModelVersion, top: Top) -> None:
        """Leave what a transform job of a model answers to an extraction."""
        table = pq.read_table(
            io.BytesIO(self.services.lake.get_bytes(keys.extraction_manifest(extraction_id)))
        )
        shard = keys.shard_basename(extraction_id, 0)
        key = f"{keys.transform_output(f'fex-{model.version}-{extraction_id}')}/{shard}.out"
        lines = "".join(json.dumps(line) + "\n" for line in answers(table, top=top))
        self.services.lake.put_bytes(key, lines.encode())
        AnswerIndex(self.services.lake, model.sha256).add({shard: key})

    def unanswer(self, recording: Recording, model: ModelVersion) -> None:
        """Have a model not answer a recording."""
        self.services.lake.delete(keys.transform_answers(model.sha256, recording.extraction_id))

    def reprocess(self, run_id: str, **form: object) -> dict[str, object]:
        """All stages but the transform task, whose answers are there; the report's JSON."""
        begin.run(self.services, run_id, **form)
        republish.run(self.services, run_id)
        put_in_front.run(self.services, run_id)
        report.run(self.services, run_id)
        return self.report(run_id)

    def report(self, run_id: str) -> dict[str, object]:
        content = self.services.lake.get_bytes(keys.reprocess(run_id, report.DOCUMENT))
        found: dict[str, object] = json.loads(content)
        return found

    def bytes_of(self, *prefixes: str) -> dict[str, bytes]:
        """Everything under these prefixes."""
        lake = self.services.lake
        return {key: lake.get_bytes(key) for prefix in prefixes for key in lake.list(prefix)}


def make(home: Path, *, cap: int = 200) -> Made:
    """A platform with two registered models; empty in a new home."""
    services = services_in(
        home,
        clock=lambda: START,
        discovery=DiscoverySettings(stable_for_s=0.0),
        transform=TransformSettings(jobs_dir=home / "jobs"),
        reprocess=ReprocessSettings(max_recordings=cap),
    )
    settings = services.settings
    return Made(
        services,
        Shelf(
            [
                _version(settings, home, "1", ("champion",), VersionStatus.APPROVED),
                _version(settings, home, "2", ("challenger",), VersionStatus.PENDING),
            ]
        ),
    )


def names(absent: Sequence[dict[str, str]]) -> list[str]:
    """Of a report's list of recordings."""
    return [item["recording"] for item in absent]


def _version(
    settings: Settings, home: Path, version: str, aliases: tuple[str, ...], status: VersionStatus
) -> ModelVersion:
    path = home / "models" / version / "model.tar.gz"
    if path.exists():  # the platform of a home that another process made
        sha256 = package_sha256(path)
    else:
        path.parent.mkdir(parents=True)
        sha256 = build_tiny_package(
            path, abstain_threshold=0.4, temperature=1.0, metrics={}, package_version=version
        )
    return ModelVersion(settings.model.name, version, path.as_uri(), sha256, aliases, status)


def _extract(services: Services, extraction_id: str) -> None:
    table = manifest(12, reasons={3: "no_face"})
    shard = keys.shard_basename(extraction_id, 0)
    shards = [None if name is None else shard for name in table["shard"].to_pylist()]
    position = table.schema.get_field_index("shard")
    table = table.set_column(position, table.schema.field("shard"), pa.array(shards, pa.string()))
    sink = io.BytesIO()
    pq.write_table(table, sink)
    marker = extraction_bytes(12.0, settings={"sample_rate_hz": 1.0})
    validation = ValidationResult(extraction_id, "ok")
    for key, content in (
        (keys.extraction_manifest(extraction_id), sink.getvalue()),
        (keys.shard(extraction_id, shard), b"crops"),
        (
            keys.validation_result(extraction_id),
            VALIDATION.write(validation),
        ),
        (keys.extraction_marker(extraction_id), marker),
    ):
        services.lake.put_bytes(key, content)
