"""The audit end to end: pictures become recordings, the real pipeline reads them, the gate acts.

The set is made of one photograph that scikit-image ships, varied. One group's pictures are
then degraded, as a camera or a light that serves a group badly would.
"""

from __future__ import annotations

import importlib
import io
import json
import zipfile
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from include.composition import Services, build_registry, build_services
from include.contracts.errors import ConfigurationError
from include.contracts.rows import PREDICTIONS
from include.governance.bias import store
from include.governance.bias.disparity import Status
from include.governance.bias.gate import blocking_audit
from include.lake import keys
from include.pipeline.bias_audit import stage
from include.settings import (
    BiasAuditSettings,
    ModelSettings,
    Settings,
    StorageSettings,
    TransformSettings,
)
from ml.registry.champion import register_packaged_champion
from ml.registry.protocol import Document

pytestmark = pytest.mark.integration

EACH = 10
NOW = datetime(2026, 11, 16, 5, tzinfo=UTC)


def make_set(
    path: Path, *, degraded: str | None = None, dimmed: str | None = None, each: int = EACH
) -> Path:
    """Two groups; the degraded one's faces cannot be found, the dimmed one's are darker."""
    head = importlib.import_module("skimage.data").astronaut()[10:210, 130:330, ::-1]
    lines = ["file,group"]
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(2 * each):
            group = "AB"[number % 2]
            picture = cv2.resize(head, (224, 224), interpolation=cv2.INTER_AREA)
            if number % 4 > 1:
                picture = picture[:, ::-1]
            picture = np.clip(picture * (0.8 + 0.03 * number), 0, 255).astype(np.uint8)
            if group == degraded:
                picture = cv2.GaussianBlur(picture, (0, 0), 22) // 3
            if group == dimmed:
                picture = picture // 2
            archive.writestr(f"images/{number}.png", bytes(cv2.imencode(".png", picture)[1]))
            lines.append(f"{number}.png,{group}")
        archive.writestr("labels.csv", "\n".join(lines))
    return path


def make_services(home: Path, fixed_set: Path | None) -> Services:
    return build_services(
        Settings(
            storage=StorageSettings(
                lake_url=(home / "lake").as_uri(),
                ledger_url=f"sqlite:///{home}/ledger.sqlite",
                scratch_dir=home / "scratch",
            ),
            transform=TransformSettings(jobs_dir=home / "jobs", poll_interval_s=0.1),
            model=ModelSettings(
                mlflow_tracking_uri=f"sqlite:///{home}/mlflow.sqlite",
                mlflow_artifact_uri=(home / "artifacts").as_uri(),
            ),
            audit=BiasAuditSettings(fixed_set=fixed_set, minimum_people=EACH, resamples=200),
        )
    )


def with_set(services: Services, fixed_set: Path) -> Services:
    audit = services.settings.audit.model_copy(update={"fixed_set": fixed_set})
    return replace(services, settings=services.settings.model_copy(update={"audit": audit}))


def publish(services: Services, model_sha256: str) -> None:
    """Two respondents, as the pipeline publishes them: one seen, one never found."""
    lines = ["recording,respondent,gender"]
    for number in range(2 * EACH):
        seen = number % 2 == 0
        name = f"r{number}.mp4"
        lines.append(f"{name},P{number},{'f' if seen else 'm'}")
        row = {
            "row_id": "0000000-00",
            "instant": 0,
            "target_s": 0.0,
            "pts_s": 0.0,
            "scene": 0,
            "emotion": "neutral" if seen else None,
            "confidence": 0.9 if seen else None,
            "reason": None if seen else "no_face",
        }
        table = pa.Table.from_pylist([row], schema=PREDICTIONS)
        buffer = io.BytesIO()
        pq.write_table(table, buffer)
        prefix = keys.published("spot", name, f"analysis{number}")
        services.lake.put_bytes(f"{prefix}/predictions.parquet", buffer.getvalue())
        manifest = {
            "study": "spot",
            "recording": name,
            "video_id": f"v{number}",
            "extraction_id": f"e{number}",
            "analysis_id": f"analysis{number}",
            "model": {"name": "m", "version": "1", "sha256": model_sha256},
            "published_at": (NOW - timedelta(days=1)).isoformat(),
        }
        services.lake.put_bytes(f"{prefix}/manifest.json", json.dumps(manifest).encode())
    services.lake.put_bytes("incoming/spot/respondents.csv", "\n".join(lines).encode())


def test_fair_is_green_degraded_is_red_and_blocks(tmp_path: Path) -> None:
    services = make_services(tmp_path, make_set(tmp_path / "fair.zip", degraded=None))
    registry = build_registry(services.settings)
    champion = register_packaged_champion(registry, name=services.settings.model.name)

    fair = stage.run(services, at=NOW.isoformat())
    assert fair.verdict == "green", fair.body
    assert blocking_audit(services, champion.sha256) is None
    assert stage.run(services, at=NOW.isoformat()) == fair

    biased = with_set(services, make_set(tmp_path / "biased.zip", degraded="B"))
    red = stage.run(biased, at=(NOW + timedelta(days=7)).isoformat())
    assert red.verdict == "red"
    assert red.champion is True
    record = store.load(services.lake, red.audit_sha256).record
    assert record.previous_sha256 == fair.audit_sha256
    (fixed,) = [section for section in record.sections if section.name == "fixed_set"]
    assert fixed.results is not None
    worst = [item for item in fixed.results.comparisons if item.status is Status.RED]
    assert {item.group for item in worst} == {("B",)}
    found = next(item for item in worst if item.metric == "face_found_rate")
    assert found.ratio.high < 0.8
    assert red.audit_sha256[:12] in (blocking_audit(services, champion.sha256) or "")
    document = registry.document(champion, Document.BIAS)
    assert document is not None
    assert document["audit"]["verdict"] == "red"
    assert services.lake.exists(red.report)


def test_who_is_never_found_in_production_turns_the_audit_red(tmp_path: Path) -> None:
    services = make_services(tmp_path, make_set(tmp_path / "fair.zip", degraded=None))
    registry = build_registry(services.settings)
    champion = register_packaged_champion(registry, name=services.settings.model.name)
    publish(services, champion.sha256)
    done = stage.run(services, at=NOW.isoformat(), people=4)
    record = store.load(services.lake, done.audit_sha256).record
    sections = {section.name: section for section in record.sections}
    assert sections["production"].verdict is Status.RED
    audited = sections["production"].audit_set
    assert audited is not None
    assert audited.attributes == ("gender",)
    assert sections["labelled"].results is None
    assert b"P1" not in services.lake.get_bytes(done.record)


def test_without_a_set_the_setting_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="FEX_AUDIT__FIXED_SET"):
        stage.run(make_services(tmp_path, None), at=NOW.isoformat())
