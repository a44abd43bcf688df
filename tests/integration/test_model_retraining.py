"""The stages of `model_retraining` from a request to a decision, on faces of FER+.

Training is real and tiny: an epoch over a few hundred faces, from the shipped champion's
weights, at a rate that changes little.
"""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from include.composition import Services, build_registry, build_services
from include.contracts.errors import ConfigurationError
from include.contracts.labels import EXPRESSIONS
from include.contracts.rows import MANIFEST, row_id
from include.jobs.processes import stop_all
from include.lake import keys
from include.ledger.retraining_tables import RequestState
from include.pipeline import model_comparison, model_rollback
from include.pipeline.model_retraining import (
    assemble,
    audit,
    check,
    decide,
    documents,
    evaluate,
    package,
    register,
    settle,
    side_by_side,
    train,
)
from include.pipeline.model_retraining import open as opening
from include.settings import (
    ModelSettings,
    ReleaseSettings,
    RetrainingSettings,
    Settings,
    StorageSettings,
    TrainingSettings,
    TransformSettings,
)
from ml.registry.champion import register_packaged_champion
from ml.registry.protocol import CHAMPION, Document, VersionStatus
from tests.fakes.small_ferplus import FERPLUS, PER_SIDE, make_small_ferplus
from tests.fakes.tiny_package import build_shard

APPROVED = {"chosen_options": ["Approve"], "responded_by_user": {"id": "1", "name": "ada"}}

pytestmark = [
    pytest.mark.integration,
    pytest.mark.timeout(1500),
    pytest.mark.skipif(not FERPLUS.is_file(), reason=f"needs {FERPLUS}"),
]


@pytest.fixture(scope="module")
def small_ferplus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_small_ferplus(tmp_path_factory.mktemp("ferplus"))


@pytest.fixture
def recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A recipe of one careful epoch, in a folder of recipes of its own."""
    content = {
        "name": "tiny",
        "seed": 7,
        "model": {"dropout": 0.2},
        "optimiser": {"learning_rate": 0.00001, "weight_decay": 0.01, "warmup_epochs": 0},
        "augmentation": {"rotation_deg": 5, "erase": 0},
        "stages": [{"input_side_px": 64, "epochs": 1, "batch": 32}],
    }
    (tmp_path / "recipes").mkdir()
    (tmp_path / "recipes" / "tiny.yaml").write_text(yaml.safe_dump(content))
    monkeypatch.setattr(assemble, "RECIPES", tmp_path / "recipes")
    return "tiny"


def _settings(home: Path, base: Path, **release: Any) -> Settings:
    # What a small set cannot show is not asked for: its intervals are wide.
    generous = {"accuracy_margin": 1.0, "macro_f1_margin": 1.0, "max_slowdown": 50, "min_rows": 20}
    return Settings(
        storage=StorageSettings(
            lake_url=(home / "lake").as_uri(),
            ledger_url=f"sqlite:///{home}/ledger.sqlite",
            scratch_dir=home / "scratch",
        ),
        model=ModelSettings(
            mlflow_tracking_uri=f"sqlite:///{home}/mlflow.sqlite",
            mlflow_artifact_uri=(home / "artefacts").as_uri(),
        ),
        transform=TransformSettings(jobs_dir=home / "jobs"),
        retraining=RetrainingSettings(
            recipe="tiny", base_set=f"ferplus={base}", min_train_rows=50, cooldown_s=3600
        ),
        training=TrainingSettings(poll_interval_s=0.2, embedded_threads=1),
        release=ReleaseSettings(
            **{**generous, "approvers": ("ada",), "varied_pictures": 8, **release}
        ),
    )


@pytest.fixture
def services(tmp_path: Path, small_ferplus: Path, recipe: str) -> Iterator[Services]:
    assert recipe
    built = build_services(_settings(tmp_path, small_ferplus))
    register_packaged_champion(build_registry(built.settings), name=built.settings.model.name)
    yield built
    stop_all(tmp_path / "jobs")


def _label(services: Services) -> None:
    """Annotators' answers in the lake, as the label queue hands them over: six recordings."""
    with zipfile.ZipFile(FERPLUS) as archive:
        faces = [name for name in archive.namelist() if name.endswith(".png")][-30:]
        sheet = io.StringIO()
        rows = csv.writer(sheet)
        rows.writerow(["file", "annotator", "label"])
        for number, name in enumerate(faces):
            file = f"{number // 5:032x}-{number:07d}-00.png"
            key = f"{keys.LABEL_ANNOTATIONS}/images/{file}"
            services.lake.put_bytes(key, archive.read(name))
            for person in ("a", "b"):
                rows.writerow([file, person, EXPRESSIONS[number % 7]])
    services.lake.put_bytes(f"{keys.LABEL_ANNOTATIONS}/labels.csv", sheet.getvalue().encode())


def _publish(services: Services) -> None:
    """One published recording with its crops: three faces and an instant without any."""
    with zipfile.ZipFile(FERPLUS) as archive:
        faces = [name for name in archive.namelist() if name.endswith(".png")][:3]
        crops = {row_id(place, 0): archive.read(name) for place, name in enumerate(faces)}
    extraction = "e" * 32
    shard = keys.shard_basename(extraction, 0)
    rows = [
        {"row_id": name, "instant": place, "target_s": float(place), "scene": 0, "shard": shard}
        for place, name in enumerate(crops)
    ]
    rows.append({"row_id": row_id(3, 0), "instant": 3, "target_s": 3.0, "scene": 0})
    rows[-1]["reason"] = "no_face"
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows, schema=MANIFEST), sink)
    services.lake.put_bytes(keys.extraction_manifest(extraction), sink.getvalue())
    services.lake.put_bytes(keys.shard(extraction, shard), build_shard(crops))
    manifest = {
        "study": "spot | a",
        "recording": "first.mp4",
        "video_id": "v" * 64,
        "extraction_id": extraction,
        "analysis_id": "a" * 32,
        "model": {"name": "m", "version": "1", "sha256": "s" * 64},
        "published_at": services.ledger.clock().isoformat(),
    }
    prefix = keys.published("spot | a", "first.mp4", "a" * 32)
    services.lake.put_bytes(f"{prefix}/manifest.json", json.dumps(manifest).encode())


def _until_registered(services: Services, run_id: str) -> str:
    request_id = opening.run(services, run_id, reason="manual", asked_by="grace")
    assert request_id is not None
    for stage in (assemble, train, package, evaluate, audit):
        stage.run(services, request_id)
    return request_id


def test_from_a_request_to_a_promotion_and_back(services: Services) -> None:
    _label(services)
    _publish(services)
    registry, name = build_registry(services.settings), services.settings.model.name
    request_id = _until_registered(services, "manual__1")
    assembled = documents.read(services, request_id, documents.ASSEMBLED)
    assert assembled.train >= PER_SIDE["train"] * 7
    assert 0 < assembled.new_labels_train < 30
    assert set(assembled.frozen) == {"base", "labels"}
    assert check.run(services, request_id), documents.read(services, request_id, documents.GATES)
    registered = register.run(services, request_id)
    waiting = registry.get(name, registered.version)
    assert (waiting.status, waiting.aliases) == (VersionStatus.PENDING, ("challenger",))
    assert waiting.metadata["retraining"] == request_id
    assert registry.document(waiting, Document.MODEL_CARD)
    text = side_by_side.run(services, request_id)
    assert "| ferplus, held out by ferplus-v2.txt.gz |" in text
    assert "passed: golden images" in text
    assert "Not audited: no audit set is named" in text
    assert "| spot _ a / aaaaaaaaaaaa | 3 |" in text

    # Every stage that is repeated finds what it did.
    assert opening.run(services, "manual__1", reason="manual") == request_id
    assert assemble.run(services, request_id) == assembled
    assert register.run(services, request_id) == registered
    assert len(registry.list_versions(name)) == 2

    decided = decide.run(services, request_id, APPROVED)
    assert decided == {"approved": True, "by": "ada", "version": "2"}
    assert settle.run(services, "manual__1")["state"] == RequestState.PROMOTED
    champion = registry.get_by_alias(name, CHAMPION)
    assert champion is not None
    assert (champion.version, champion.metadata["approved_by"]) == ("2", "ada")
    assert not list((services.settings.transform.jobs_dir / ".training").iterdir())
    assert opening.run(services, "manual__2", reason="manual") is None, "the cool-down holds"

    back = model_rollback.run(services, "rollback__1", approved_by="grace")
    assert back["to"] == "1"
    assert model_rollback.run(services, "rollback__1", approved_by="grace")["to"] == "1"
    restored = registry.get_by_alias(name, CHAMPION)
    assert restored is not None
    assert restored.version == "1"


@pytest.mark.thorough
def test_a_model_that_fails_a_gate_is_never_registered(
    services: Services, tmp_path: Path, small_ferplus: Path
) -> None:
    strict = build_services(_settings(tmp_path, small_ferplus, min_rows=5000))
    request_id = _until_registered(strict, "manual__1")
    assert not check.run(strict, request_id)
    ended = settle.run(strict, "manual__1")

    assert ended["state"] == RequestState.REJECTED
    assert "5000 are needed" in ended["why"]
    registry = build_registry(strict.settings)
    assert len(registry.list_versions(strict.settings.model.name)) == 1
    gates = documents.read(strict, request_id, documents.GATES).gates
    assert [gate.passed for gate in gates] == [True, False, True, True]


def test_a_comparison_is_published_and_not_trained_twice(
    services: Services, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    asked = {"models": "baseline_cnn", "task": "seven", "epochs": 1, "side_px": 32, "subset": 64}
    found = model_comparison.run(services, "manual__1", **asked)
    assert found["models"] == ["baseline_cnn"]
    page = services.lake.get_bytes(str(found["page"])).decode()
    assert "<html" in page
    assert "baseline_cnn is trained and measured" not in caplog.text
    model_comparison.run(services, "manual__2", **asked)
    assert "baseline_cnn is trained and measured" in caplog.text
    with pytest.raises(ConfigurationError, match="'resnet_9'"):
        model_comparison.run(services, "manual__3", **{**asked, "models": "resnet_9"})
