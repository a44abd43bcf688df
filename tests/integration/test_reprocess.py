"""A real study, analysed by the shipped model, analysed again by another registered package."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from include.composition import build_embedded_backend, build_registry, build_services
from include.contracts.rows import PREDICTIONS
from include.lake import keys
from include.ledger.reanalysis_tables import ReanalysisState
from include.pipeline import transform
from include.pipeline.current import current
from include.pipeline.published import result_at
from include.pipeline.reprocess import begin, put_in_front, report, republish
from include.settings import ModelSettings
from tests.fakes.tiny_package import build_tiny_package
from tests.integration.conftest import Pipeline, make_pipeline
from tests.media.make_media import good_video, no_face, two_people

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]

STUDY = "Spot ä"


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Pipeline:
    """Three recordings published by the shipped model; a tiny package is the challenger."""
    home = tmp_path_factory.mktemp("reprocess")
    settings = make_pipeline(home).services.settings.model_copy(
        update={
            "model": ModelSettings(
                mlflow_tracking_uri=f"sqlite:///{home}/mlflow.sqlite",
                mlflow_artifact_uri=(home / "mlflow-artifacts").as_uri(),
            )
        }
    )
    pipeline = Pipeline(home, build_services(settings))
    folder = pipeline.incoming / STUDY
    folder.mkdir()
    good_video(folder / "r 1.mp4", seconds=4)
    two_people(folder / "r2.mp4", seconds=3)
    no_face(folder / "r3.mp4")
    pipeline.run("first")
    package = pipeline.home / "tiny" / "model.tar.gz"
    package.parent.mkdir()
    build_tiny_package(package, abstain_threshold=0.2, temperature=1.0, metrics={})
    registry, name = build_registry(settings), settings.model.name
    version = registry.register(name, package)
    registry.set_alias(name, "challenger", version.version)
    return pipeline


def _everything(pipeline: Pipeline) -> dict[str, bytes]:
    root = pipeline.home / "lake"
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


def _run(pipeline: Pipeline, run_id: str) -> str:
    services = pipeline.services
    batch_id = begin.run(services, run_id, study=STUDY)
    transform.run(services, batch_id, build_embedded_backend(services))
    republish.run(services, run_id)
    put_in_front.run(services, run_id)
    report.run(services, run_id)
    return batch_id


def test_a_study_is_analysed_again_and_the_old_results_stay(lake: Pipeline) -> None:
    before = _everything(lake)
    services = lake.services
    rows = [item.recording for item in services.ledger.reanalyses.scope(STUDY, None, None)]
    batch_id = _run(lake, "r1")

    after = _everything(lake)
    assert {key: after[key] for key in before} == before
    assert [services.ledger.recording(row.id) for row in rows] == rows
    entries = services.ledger.reanalyses.of_batch(batch_id)
    assert [entry.state for entry in entries] == [ReanalysisState.PUBLISHED] * 3
    [job] = services.ledger.jobs(batch_id)
    # No shard for the recording without a face, and no second extraction.
    assert len(job.shards) == 2
    new = [key for key in after.keys() - before.keys() if key.startswith("extractions/")]
    assert new == []
    for entry in entries:
        old, found = (
            result_at(services.lake, prefix) for prefix in (entry.before_key, entry.result_key)
        )
        assert old is not None
        assert found is not None
        assert found.model.sha256 == services.ledger.batch(batch_id).model_sha256
        assert found.extraction_id == old.extraction_id
        assert found.predictions().schema.equals(PREDICTIONS)
        assert found.predictions()["row_id"].equals(old.predictions()["row_id"])
        front = current(services.lake, STUDY, entry.recording.recording)
        assert front is not None
        assert front.prefix == entry.before_key

    content = json.loads(after[keys.reprocess("r1", report.DOCUMENT)])
    by_name = {item["recording"]: item for item in content["recordings"]}
    assert set(by_name) == {"r 1.mp4", "r2.mp4", "r3.mp4"}
    assert by_name["r 1.mp4"]["change"]["faces"] > 0
    assert 0 < by_name["r 1.mp4"]["change"]["changed"] <= 1
    assert by_name["r3.mp4"]["change"]["faces"] == 0
    assert content["studies"][0]["changed"]["n"] == 2
    page = Path(lake.home / "lake" / keys.reprocess("r1", report.PAGE)).read_text()
    assert "r 1.mp4" in page
    assert "Both models through time" in page


def test_a_second_run_computes_nothing(lake: Pipeline) -> None:
    services = lake.services
    if not services.ledger.reanalyses.opened("reprocess:r1"):
        pytest.skip("goes on from the first run")
    before = _everything(lake)
    batch_id = _run(lake, "r2")
    assert services.ledger.jobs(batch_id) == []
    added = _everything(lake).keys() - before.keys()
    assert {key.partition("/")[0] for key in added} == {"reprocess"}
