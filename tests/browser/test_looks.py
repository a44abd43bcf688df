"""Every page as people see it: light, dark, on a phone and on paper."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from include.contracts.labels import EXPRESSIONS
from include.contracts.validation import ValidationResult
from include.governance.bias.page import render_page as audit_page
from include.insights.change_chart import change_chart
from include.insights.change_report import Absent, Asked, ChangeReport, change_page, curve_key
from include.insights.change_study import study_changes
from include.insights.moments import read_moments
from include.insights.publish import render_results
from include.labelling.evaluation_page import render_evaluation
from include.labelling.overview import render_overview
from include.labelling.page import labelling_page
from include.monitoring.page import render_page as drift_page
from include.quality.docs_pages import render_index
from ml.comparison.page import as_html
from ml.data.eda.page import render as render_training_data
from ml.data.eda.report import measure
from ml.data.eda.samples import draw_samples
from ml.data.eda.survey import survey
from ml.data.records import votes_for
from ml.data.splits import make_split
from ml.evaluation.page import render_page as model_page
from plugins.pages.markup import listing
from tests.fakes.gallery import gallery
from tests.unit.governance.bias.test_page import audited
from tests.unit.insights.changes import change, surprised
from tests.unit.insights.recordings import context, manifest, predictions
from tests.unit.labelling.test_evaluation import MONDAY, WEEK, evaluated, kept, week
from tests.unit.labelling.test_pages import summary
from tests.unit.ml.conftest import generated_records, write_ferplus
from tests.unit.ml.evaluated import evaluated as measured
from tests.unit.ml.test_comparison import compared
from tests.unit.monitoring.test_page import darkened

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser

LOOKS = {
    # Width in CSS pixels, scheme, medium. A4 within its margins is 718 wide.
    "light": (1280, "light", "screen"),
    "dark": (1280, "dark", "screen"),
    "phone": (390, "light", "screen"),
    "print": (718, "dark", "print"),
}

PALE = (Path(__file__).parent / "pale.js").read_text()
CUT = (Path(__file__).parent / "cut.js").read_text()


def _picture(width: int, height: int) -> bytes:
    sink = io.BytesIO()
    Image.new("RGB", (width, height), "steelblue").save(sink, "JPEG")
    return sink.getvalue()


def _report(folder: Path) -> bytes:
    reasons = {5: "no_face", 6: "no_face", 12: "gap"}
    table = predictions(manifest(20, faces=lambda at: 2 if at > 14 else 1, reasons=reasons))
    made = context(20.4, thumbnails=((0.0, _picture(320, 180)),))
    return render_results(made, table, folder)[-1].read_bytes()


def _change(_: Path) -> bytes:
    found = [change("a long name of a recording that people gave.mp4", surprised, respondent="p1")]
    moments = read_moments(predictions(manifest(20)), sample_rate_hz=1.0, duration_s=20.0)
    charts = {curve_key(found[0]): change_chart(moments, moments, "f1", "curve")}
    report = ChangeReport(
        batch_id="b-1",
        model={"name": "expression", "version": "4", "sha256": "ab"},
        request=Asked("r-1", "spring", None, None, model="4", make_current=False),
        generated_at="2026-11-21T15:04:05+00:00",
        studies=study_changes(found, {}),
        recordings=tuple(found),
        left_out=(Absent("spring", "other.mp4", "its crops are gone"),),
        unfinished=(),
        remaining=(),
        same_model=0,
        notes=("A note.",),
    )
    return change_page(report, charts)


def _data_docs(_: Path) -> bytes:
    found = ValidationResult("0" * 32, "warning", ("a rule",), usable_share=0.9)
    shown = replace(found, docs_page="validations/a.html", docs_label="spring, respondent 7")
    return render_index([shown]).encode()


def _browse(_: Path) -> bytes:
    links = [("/fex/studies/spring", "spring"), ("/fex/studies/long", "a-long-name" * 12)]
    return bytes(listing("Studies", links, trail=[("/fex", "Start")], lead="Published").body)


def _answering(_: Path) -> bytes:
    faces = [(f"e{number}-0000000-00", _picture(112, 112)) for number in range(3)]
    return labelling_page("q-2026-11-23", faces)


def _evaluation(_: Path) -> bytes:
    weeks = [week(1, right=0.9), week(2, right=0.5)]
    found = [evaluated(weeks[0]), evaluated(*weeks)]
    past = [kept(item, MONDAY + at * WEEK) for at, item in enumerate(found) if item is not None]
    return render_evaluation(past[1], past[:1])


def _model(_: Path) -> bytes:
    return model_page(measured()).encode()


def _training_data(folder: Path) -> bytes:
    made = [
        # The first of each expression is clearer than the others: means have intervals.
        replace(record, votes=votes_for(EXPRESSIONS[number // 6], 10))
        if number % 6 == 0
        else record
        for number, record in enumerate(generated_records(6))
    ]
    parts = {"FER2013Train": made, "FER2013Valid": generated_records(2, seed=2)}
    path = write_ferplus(folder / "ferplus.zip", parts)
    found = survey([("ferplus", path)], None)
    report = measure(found, make_split(found.table, seed=0))
    return render_training_data(report, draw_samples(report, seed=0)).encode()


def _comparison(_: Path) -> bytes:
    return as_html(compared()).encode()


PAGES: dict[str, Callable[[Path], bytes]] = {
    "gallery": lambda _: gallery().encode(),
    "report": _report,
    "change": _change,
    "data docs": _data_docs,
    "browse": _browse,
    "labels": lambda _: render_overview(summary()),
    "answering": _answering,
    "evaluation": _evaluation,
    "bias audit": lambda _: audit_page(audited("age")),
    "drift": lambda _: drift_page(darkened()),
    "evaluation of a model": _model,
    "training data": _training_data,
    "comparison": _comparison,
}


@contextmanager
def opened(browser: Browser, path: Path) -> Iterator[tuple[Page, list[str]]]:
    context = browser.new_context(offline=True)
    page = context.new_page()
    told: list[str] = []
    page.on("console", lambda message: told.append(message.text))
    page.on("pageerror", lambda error: told.append(str(error)))
    page.on(
        "request",
        lambda asked: None if asked.url.startswith(("file:", "data:")) else told.append(asked.url),
    )
    page.goto(path.as_uri())
    try:
        yield page, told
    finally:
        context.close()


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_read_on_every_screen_and_on_paper(
    browser: Browser, tmp_path: Path, name: str
) -> None:
    path = tmp_path / "page.html"
    path.write_bytes(PAGES[name](tmp_path))
    with opened(browser, path) as (page, told):
        page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
        for look, (width_px, scheme, medium) in LOOKS.items():
            page.set_viewport_size({"width": width_px, "height": 900})
            page.emulate_media(
                color_scheme="dark" if scheme == "dark" else "light",
                media="print" if medium == "print" else "screen",
            )
            assert page.evaluate(CUT) == [], look
            assert page.evaluate(PALE) == [], look
        assert told == []


def test_pale_text_and_a_wide_table_would_be_seen(browser: Browser, tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    path.write_text("<p style='color:#999'>pale</p><div style='width:2000px'>wide</div>")
    with opened(browser, path) as (page, _):
        assert page.evaluate(PALE) == ["pale: 2.85"]
        assert len(page.evaluate(CUT)) == 1
