"""SIGKILL at every step of a re-analysis: nothing twice, nothing lost, readers never without.

The process that runs the stages is killed before each of its writes to the lake and to the
ledger, in a world of its own each time; a new process runs them again.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from include.lake import keys
from include.ledger.reanalysis_tables import ReanalysisState
from include.pipeline.current import current, history
from include.pipeline.reprocess import begin, put_in_front, report, republish
from tests.fakes.killing import survive
from tests.unit.pipeline.reprocess.support import Made, make

pytestmark = [pytest.mark.integration, pytest.mark.timeout(3000)]

STUDY, NAMES = "s", ("a.mp4", "b.mp4")
RUN_ID = "manual__test"
FIRST = "first.json"


def _opened() -> Made:
    """The platform of this world, with a second version that was approved."""
    made = make(Path.cwd())
    made.shelf.approve("2")
    for module in (begin, put_in_front):
        module.build_registry = lambda _: made.shelf  # type: ignore[attr-defined]
    return made


def _prepare() -> None:
    made = _opened()
    made.drop(*(f"{STUDY}/{name}" for name in NAMES))
    Path(FIRST).write_text(json.dumps(_hashes(made)))


def _hashes(made: Made) -> dict[str, str]:
    found = made.bytes_of("published", "analyses", "extractions")
    return {key: hashlib.sha256(content).hexdigest() for key, content in found.items()}


def _reprocess() -> None:
    made = _opened()
    made.advance(1)
    begin.run(made.services, RUN_ID, study=STUDY, make_current=True)
    for stage in (republish, put_in_front, report):
        stage.run(made.services, RUN_ID)


def _readers_have_a_whole_result() -> None:
    made = _opened()
    for name in NAMES:
        shown = current(made.services.lake, STUDY, name)
        assert shown is not None
        manifest = made.services.lake.get_bytes(f"{shown.prefix}/{keys.PUBLISHED_MANIFEST}")
        for file, sealed in json.loads(manifest)["files"].items():
            content = made.services.lake.get_bytes(f"{shown.prefix}/{file}")
            assert hashlib.sha256(content).hexdigest() == sealed["sha256"]
    first, now = json.loads(Path(FIRST).read_text()), _hashes(made)
    assert {key: now.get(key) for key in first} == first, "what there was is untouched"


def _once_and_whole() -> None:
    _readers_have_a_whole_result()
    made = _opened()
    services = made.services
    engine = create_engine(services.settings.storage.ledger_url)
    with engine.connect() as connection:
        batches = connection.execute(
            text("SELECT batch_id FROM batches WHERE run_key LIKE 'reprocess:%'")
        ).scalars()
        (batch_id,) = batches.all()
    entries = services.ledger.reanalyses.of_batch(batch_id)
    assert [item.state for item in entries] == [ReanalysisState.PUBLISHED] * len(NAMES)
    assert all(item.in_front_at is not None for item in entries)
    for name, entry in zip(NAMES, entries, strict=True):
        shown = current(services.lake, STUDY, name)
        assert shown is not None
        assert shown.prefix == entry.result_key
        assert len(history(services.lake, STUDY, name)) == 2
        results = services.lake.list(keys.published_recording(STUDY, name))
        assert sum(key.endswith(f"/{keys.PUBLISHED_MANIFEST}") for key in results) == 2
    told = {item["recording"] for item in made.report(RUN_ID)["recordings"]}
    assert told == set(NAMES)


def test_a_kill_at_any_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def enter(step: int) -> None:
        home = tmp_path / str(step)
        home.mkdir()
        monkeypatch.chdir(home)

    steps = survive(
        enter,
        prepare=_prepare,
        job=_reprocess,
        check=_readers_have_a_whole_result,
        ended=_once_and_whole,
    )
    assert steps > 15, steps
