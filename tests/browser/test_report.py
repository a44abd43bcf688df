"""The report in a real browser, with the network cut: what people see, and what it asks for."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from include.insights.publish import render_results
from tests.unit.insights.recordings import context, manifest, predictions

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser

HEADINGS = [
    "Recording quality",
    "Displayed most",
    "Faces found",
    "Model confidence",
    "Whom this report is about",
    "Expression timeline",
    "Share per expression",
    "Recording quality: usable with care",
    "Faces found",
    "What was left out, and why",
    "How to read this",
    "Model and data",
    "Files",
]


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty seconds with a stretch without a face, a gap, two faces and a hostile name."""
    sink = io.BytesIO()
    Image.new("RGB", (320, 180), "steelblue").save(sink, "JPEG")
    table = predictions(
        manifest(
            20,
            faces=lambda instant: 2 if instant > 14 else 1,
            reasons={5: "no_face", 6: "no_face", 12: "gap"},
        )
    )
    name = "<img src=http://example.org/x onerror=alert(1)> respondent.mp4"
    made = context(20.4, recording=name, thumbnails=((0.0, sink.getvalue()),))
    return render_results(made, table, tmp_path_factory.mktemp("report"))[-1]


class Opened:
    """A page and everything it did."""

    def __init__(self, browser: Browser, report: Path, *, width_px: int, scheme: str) -> None:
        self.complaints: list[str] = []
        self.asked_for: list[str] = []
        made = browser.new_context(
            viewport={"width": width_px, "height": 900},
            color_scheme="dark" if scheme == "dark" else "light",
            offline=True,
        )
        self.page: Page = made.new_page()
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("dialog", lambda dialog: self.complaints.append(dialog.message))
        self.page.on("request", lambda request: self.asked_for.append(request.url))
        self.page.goto(report.as_uri())


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width_px", [1280, 390])
def test_the_report_stands_alone(
    browser: Browser, report: Path, width_px: int, scheme: str
) -> None:
    opened = Opened(browser, report, width_px=width_px, scheme=scheme)
    page = opened.page
    assert [heading.inner_text() for heading in page.locator("h2").all()] == HEADINGS
    assert all(heading.is_visible() for heading in page.locator("h1, h2").all())
    assert page.locator("h1").inner_text().startswith("<img src=http://example.org/x")
    assert opened.complaints == []
    assert [url for url in opened.asked_for if not url.startswith("data:")] == [report.as_uri()]
    # Nothing is cut off at the side, not even on a phone.
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    assert page.evaluate("[...document.images].every(image => image.naturalWidth > 0)")
    page.context.close()


def test_charts_are_drawn_and_named(browser: Browser, report: Path) -> None:
    page = Opened(browser, report, width_px=1280, scheme="light").page
    charts = page.get_by_role("img", name="Expression timeline")
    assert charts.count() == 1
    box = charts.bounding_box()
    assert box is not None
    assert box["width"] > 800
    assert box["height"] > 300
    fills = page.locator("svg.chart rect.stretch").evaluate_all(
        "all => all.map(rect => getComputedStyle(rect).fill)"
    )
    assert any("#hatch" in fill for fill in fills)
    assert len(set(fills)) > 3
    widths = page.locator(".bar").evaluate_all("all => all.map(bar => bar.offsetWidth)")
    assert widths == sorted(widths, reverse=True)
    assert widths[0] > 50
    page.context.close()


def test_tables_behind_the_charts_open(browser: Browser, report: Path) -> None:
    page = Opened(browser, report, width_px=390, scheme="light").page
    table = page.get_by_role("table").filter(has_text="Mean confidence")
    assert not table.is_visible()
    page.get_by_text("Stretches as a table").click()
    assert table.is_visible()
    assert table.locator("tbody tr").count() >= 3
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    page.context.close()


def test_the_policy_of_the_page_stops_what_slips_through(browser: Browser, report: Path) -> None:
    opened = Opened(browser, report, width_px=1280, scheme="light")
    opened.page.evaluate(
        "document.body.insertAdjacentHTML('beforeend', '<img src=https://example.org/x.png>')"
    )
    opened.page.wait_for_timeout(200)
    assert any("Content Security Policy" in text for text in opened.complaints)
    opened.page.context.close()


def test_it_prints_on_paper(browser: Browser, report: Path) -> None:
    opened = Opened(browser, report, width_px=1280, scheme="light")
    pdf = opened.page.pdf(format="A4", print_background=True)
    assert pdf.startswith(b"%PDF")
    assert len(pdf) > 20_000
    opened.page.context.close()
