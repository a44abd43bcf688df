"""`make pictures`: the README's pictures, taken from the running platform.

Needs the platform up with at least one published recording, and Chromium.
"""

from __future__ import annotations

import os
import shutil
import sys

from playwright.sync_api import Page, sync_playwright

from include.platform.credentials import ADMIN, read_password
from include.platform.layout import PROJECT_ROOT, Layout
from include.platform.supervisor import Platform

IMAGES = PROJECT_ROOT / "docs" / "images"
CHROMIUM_OPTIONS = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def main() -> int:
    """Take both pictures."""
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    layout = Layout.from_environment(os.environ)
    reports = sorted(
        (layout.lake / "published").rglob("report.html"), key=lambda p: p.stat().st_mtime
    )
    if chromium is None or not reports:
        print("needs Chromium and a published recording: make up, then drop one", file=sys.stderr)
        return 1
    IMAGES.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=CHROMIUM_OPTIONS)
        page = browser.new_page(viewport={"width": 1280, "height": 960})
        page.goto(reports[-1].as_uri())
        page.screenshot(path=IMAGES / "report.png")
        _graph(page, layout)
        browser.close()
    return 0


def _graph(page: Page, layout: Layout) -> None:
    platform = Platform.from_environment(dict(os.environ))
    with platform.api() as api:
        runs = [run for run in api.dag_runs("video_analysis") if run["state"] == "success"]
    url = platform.settings.base_url
    page.set_viewport_size({"width": 1600, "height": 560})
    page.goto(f"{url}/auth/login")
    page.fill("input[name=username]", ADMIN)
    page.fill("input[name=password]", read_password(layout))
    page.click("button[type=submit]")
    page.wait_for_load_state("networkidle")
    page.goto(f"{url}/dags/video_analysis/runs/{runs[-1]['dag_run_id']}")
    page.wait_for_load_state("networkidle")
    page.locator("button[aria-label*='raph']").first.click()
    page.wait_for_timeout(4000)
    page.screenshot(path=IMAGES / "graph.png")


if __name__ == "__main__":
    sys.exit(main())
