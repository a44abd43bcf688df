"""Ledger and store about the same recordings, on a real ledger and a real lake."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from include.composition import Services
from include.contracts.published import PUBLISHED_MANIFEST, PublishedFile, Source
from include.lake import keys
from include.ledger.models import State
from include.pipeline import intake
from include.platform.stack.contradictions import contradictions
from include.settings import DiscoverySettings
from tests.fakes.home import services_in
from tests.fakes.manifests import manifest_bytes

ANALYSIS = "a" * 64


@pytest.fixture
def services(tmp_path: Path) -> Services:
    found = services_in(
        tmp_path,
        clock=lambda: datetime(2026, 11, 2, tzinfo=UTC),
        discovery=DiscoverySettings(stable_for_s=0),
    )
    folder = tmp_path / "lake" / "incoming" / "study"
    folder.mkdir(parents=True)
    (folder / "r.mp4").write_bytes(b"bytes")
    intake.run(found, "first")
    intake.run(found, "second")
    return found


def published(services: Services) -> tuple[int, str]:
    """Publish the recording as the stages do; return its id and prefix."""
    (row,) = services.ledger.held()
    prefix = keys.published("study", "r.mp4", ANALYSIS)
    services.lake.put_bytes(f"{prefix}/timeline.csv", b"x")
    manifest = manifest_bytes(["timeline.csv"], source=Source(row.uri, row.version, 5))
    services.lake.put_bytes(f"{prefix}/{keys.PUBLISHED_MANIFEST}", manifest)
    services.ledger.identify(row.id, video_id="v", extraction_id="e")
    services.ledger.mark_extracted(row.id)
    services.ledger.mark_transformed(row.id, analysis_id=ANALYSIS)
    services.ledger.mark_published(row.id, result_key=prefix)
    return row.id, prefix


def test_what_is_in_work_is_not_judged_and_a_whole_result_is_right(services: Services) -> None:
    (row,) = services.ledger.held()
    assert contradictions(services, [row.id]) == []
    recording, _ = published(services)
    assert contradictions(services, [recording]) == []


def test_a_missing_file_half_a_result_and_a_second_one_are_told(services: Services) -> None:
    recording, prefix = published(services)
    services.lake.put_bytes(f"{prefix[:-1]}b/report.html", b"half")
    assert "half a result" in contradictions(services, [recording])[0]
    services.lake.put_bytes(f"{prefix[:-1]}b/{keys.PUBLISHED_MANIFEST}", b"{}")
    assert "the ledger names" in contradictions(services, [recording])[0]


def test_a_file_of_the_manifest_that_is_not_there_is_told(services: Services) -> None:
    recording, prefix = published(services)
    key = f"{prefix}/{keys.PUBLISHED_MANIFEST}"
    manifest = services.lake.read(PUBLISHED_MANIFEST, key)
    more = {**manifest.files, "report.html": PublishedFile("d", 1)}
    services.lake.put_bytes(key, PUBLISHED_MANIFEST.write(replace(manifest, files=more)))
    (told,) = contradictions(services, [recording])
    assert told.endswith("lacks report.html")


def test_a_recording_that_failed_must_not_have_results(services: Services) -> None:
    (row,) = services.ledger.held()
    for _ in range(3):
        services.ledger.release_or_fail(row.id, reason="left", max_attempts=1)
    assert services.ledger.with_ids([row.id])[0].state is State.FAILED
    assert contradictions(services, [row.id]) == []
    prefix = keys.published("study", "r.mp4", ANALYSIS)
    services.lake.put_bytes(f"{prefix}/{keys.PUBLISHED_MANIFEST}", b"{}")
    assert "is failed and has results" in contradictions(services, [row.id])[0]
