"""Every page for people in a real browser, with names that would be markup if they could."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from include.contracts.rows import MANIFEST
from include.contracts.validation import ValidationResult
from include.governance.bias.page import render_page
from include.insights.change_report import Absent, Asked, ChangeReport, change_page
from include.insights.change_study import study_changes
from include.insights.publish import render_results
from include.labelling.evaluation_page import render_evaluation
from include.labelling.overview import render_overview
from include.labelling.page import labelling_page
from include.monitoring.page import render_page as drift_page
from include.quality.suite import ManifestToValidate, validate_manifests
from include.settings import ValidationSettings
from tests.fakes.markup import MARK, NAMES, look, watched
from tests.unit.governance.bias.test_page import audited
from tests.unit.insights.changes import change, surprised
from tests.unit.insights.recordings import context, manifest, predictions
from tests.unit.labelling.test_evaluation import MONDAY, evaluated, week
from tests.unit.labelling.test_pages import summary
from tests.unit.monitoring.test_page import darkened

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.browser

Write = Callable[[Path, str], None]


def _report(folder: Path, name: str) -> None:
    given = context(
        20.0,
        recording=name,
        study=name,
        model={"name": name, "version": name, "sha256": "a" * 64, "metrics": {}}
        | {"temperature": 1.0, "abstain_threshold": 0.4},
        provenance={name: name},
        validation=ValidationResult("0" * 32, "warning", (name,), usable_share=1.0),
        extra_files=((name.replace("/", "_"), name),),
    )
    render_results(given, predictions(manifest(20)), folder)


def _changes(folder: Path, name: str) -> None:
    found = [change(name, surprised, respondent=name)]
    absent = Absent(name, name, name)
    report = ChangeReport(
        batch_id=name,
        model={"name": name, "version": name, "sha256": "ab"},
        request=Asked(name, name, None, None, model=name, make_current=False),
        generated_at="2026-11-21T15:04:05+00:00",
        studies=study_changes(found, {}),
        recordings=tuple(found),
        left_out=(absent,),
        unfinished=(absent,),
        remaining=(absent,),
        same_model=0,
        notes=(name,),
    )
    (folder / "change.html").write_bytes(change_page(report, {}))


def _audit(folder: Path, name: str) -> None:
    (folder / "audit.html").write_bytes(render_page(audited(name)))


def _labels(folder: Path, name: str) -> None:
    content = summary()
    content = replace(
        content,
        files=tuple(replace(file, key=name, reason=name) for file in content.files),
        queues=tuple(replace(queue, queue_id=name) for queue in content.queues),
    )
    (folder / "labels.html").write_bytes(render_overview(content))
    (folder / "answer.html").write_bytes(labelling_page(name, [(f"e{name}-00", b"\xff\xd8face")]))


def _evaluation(folder: Path, name: str) -> None:
    found = evaluated(week(1, right=0.9))
    assert found is not None
    document = found.kept(MONDAY)
    document = replace(
        document,
        model=replace(document.model, name=name, version=name),
        evaluation_id=name,
        window=replace(document.window, queues=(name,)),
        decision=replace(document.decision, reasons=(name,)),
    )
    (folder / "evaluation.html").write_bytes(render_evaluation(document, []))


def _drift(folder: Path, name: str) -> None:
    given = replace(darkened(), model_versions={name: 1})
    (folder / "drift.html").write_bytes(drift_page(given))


def _data_docs(folder: Path, name: str) -> None:
    rows = manifest(40).to_pylist()
    rows[8] |= {"row_id": name, "face_id": name}
    rows[9] |= {"reason": name, "shard": None}
    path = folder / "manifest.parquet"
    pq.write_table(pa.Table.from_pylist(rows, schema=MANIFEST), path)
    strange = folder / "strange.parquet"
    pq.write_table(pa.table({name: [1]}), strange)
    items = [
        ManifestToValidate(identity * 32, name, file, 40)
        for identity, file in (("a", path), ("b", strange))
    ]
    validate_manifests(items, ValidationSettings(), folder)


PAGES: dict[str, tuple[Write, int]] = {
    # What writes them, and how many pages at least.
    "report": (_report, 1),
    "what a re-analysis changed": (_changes, 1),
    "bias audit": (_audit, 1),
    "labels": (_labels, 2),
    "evaluation": (_evaluation, 1),
    "drift": (_drift, 1),
    "data docs": (_data_docs, 4),
}


@pytest.mark.parametrize("kind", PAGES)
def test_names_stay_text_and_nothing_is_loaded(browser: Browser, tmp_path: Path, kind: str) -> None:
    write, least = PAGES[kind]
    # The library behind Data Docs takes seconds for each: one name there, in every place.
    for number, name in enumerate(NAMES if kind != "data docs" else ("".join(NAMES[:3]),)):
        folder = tmp_path / str(number)
        folder.mkdir()
        write(folder, name)
        pages = sorted(folder.rglob("*.html"))
        assert len(pages) >= least
        shown = 0
        with watched(browser) as (page, asked):
            for path in pages:
                page.goto(path.as_uri())
                seen = look(page, asked)
                assert seen.harmless, (path.name, name, seen)
                shown += MARK in seen.texts
        assert shown, "no page shows the name: the test looks at nothing"


def test_a_page_that_did_not_escape_would_be_seen(browser: Browser, tmp_path: Path) -> None:
    raw = [*(f"<p>{name}</p>" for name in NAMES), '<a href="javascript:void(0)">x</a>']
    (tmp_path / "raw.html").write_text("".join(raw))
    with watched(browser) as (page, asked):
        page.goto((tmp_path / "raw.html").as_uri())
        seen = look(page, asked)
    assert seen.marked >= 3
    assert seen.scripted == 1
    assert seen.foreign == ["http://fex.invalid/a.png"]
