"""The page to answer a queue with, in a real browser: keys answer, nothing is lost."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

from include.labelling.exports import read_answers
from include.labelling.page import labelling_page

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser

ROWS = [f"e{number}-0000000-00" for number in range(3)]


def jpeg(grey: int) -> bytes:
    ok, data = cv2.imencode(".jpg", np.full((112, 112, 3), grey, np.uint8))
    assert ok
    return data.tobytes()


@pytest.fixture
def page(browser: Browser, tmp_path: Path) -> Iterator[Page]:
    """The page of three faces; any request beyond the file fails the test."""
    path = tmp_path / "index.html"
    pictures = [(row, jpeg(40 * number)) for number, row in enumerate(ROWS)]
    path.write_bytes(labelling_page("q-1", pictures))
    context = browser.new_context(accept_downloads=True)
    opened = context.new_page()
    asked: list[str] = []
    opened.on("request", lambda request: asked.append(request.url))
    opened.goto(path.as_uri())
    yield opened
    assert [url for url in asked if not url.startswith(("file:", "data:", "blob:"))] == []
    context.close()


def saved(page: Page, tmp_path: Path) -> bytes:
    with page.expect_download() as download:
        page.get_by_role("button", name="Save answers as CSV").click()
    target = tmp_path / "saved.csv"
    download.value.save_as(target)
    return target.read_bytes()


def test_number_keys_answer_and_the_file_reads_back(page: Page, tmp_path: Path) -> None:
    page.get_by_label("Your name or e-mail address").fill('Anna "A" Müller, Dr.')
    page.locator("h1").click()
    page.keyboard.press("4")
    assert page.get_by_text("Face 2 of 3").is_visible()
    page.keyboard.press("ArrowRight")
    page.get_by_role("button", name="Not a face").click()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("6")
    reading = read_answers("a.csv", saved(page, tmp_path), asked=ROWS)
    answers = {vote.row_id: vote.label for vote in reading.votes}
    assert answers == {ROWS[0]: "sadness", ROWS[2]: "not_a_face"}
    assert len({vote.annotator for vote in reading.votes}) == 1
    assert all(vote.answered_at is not None for vote in reading.votes)


def answer_all(page: Page) -> None:
    page.get_by_label("Your name or e-mail address").fill("anna")
    page.locator("h1").click()
    for key in "123":
        page.keyboard.press(key)
    page.get_by_text("All answered: save them now").wait_for()


def test_a_closed_tab_loses_nothing(page: Page) -> None:
    answer_all(page)
    page.get_by_text("are kept in this browser").wait_for()
    page.reload()
    page.get_by_text("All answered: save them now").wait_for()
    assert page.get_by_label("Your name or e-mail address").input_value() == "anna"


def test_a_browser_that_keeps_nothing_says_so_and_asks_before_it_closes(
    page: Page, tmp_path: Path
) -> None:
    page.add_init_script("Object.defineProperty(window, 'indexedDB', {value: undefined})")
    page.reload()
    assert page.get_by_text("This browser keeps nothing").is_visible()
    answer_all(page)
    with page.expect_event("dialog") as asked:
        page.close(run_before_unload=True)
    assert asked.value.type == "beforeunload"
    asked.value.dismiss()
    assert read_answers("a.csv", saved(page, tmp_path), asked=ROWS).votes


def test_without_a_name_or_an_answer_nothing_is_saved(page: Page) -> None:
    save = page.get_by_role("button", name="Save answers as CSV")
    assert save.is_disabled()
    page.keyboard.press("1")
    save.click()
    assert page.evaluate("document.activeElement.id") == "who"
