"""What Chromium's `MediaRecorder` writes, for the page: the master's scenes on a canvas."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from include.contracts.errors import PlatformError
from tests.media.browser_recorder import PORTRAIT, Scene, Session, TooBusyError, record

if TYPE_CHECKING:
    from playwright.sync_api import Browser

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ARGUMENTS = (
    *("--no-sandbox", "--disable-gpu", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
_ROUNDS, _WAIT_S = 8, 5

SESSIONS: Mapping[str, tuple[Session, str]] = {
    "as it is": (
        Session([Scene(2, "happiness"), Scene(1, None), Scene(1, "happiness")]),
        "FFFF..FF",
    ),
    "source turned after 2 s": (
        Session([Scene(2, "happiness"), Scene(1, None, PORTRAIT), Scene(1, "happiness", PORTRAIT)]),
        "FFFF..FF",
    ),
    "paused from 2 s to 3 s": (
        Session([Scene(2, "happiness"), Scene(1, None), Scene(1, "happiness")], paused=(2, 3)),
        "FFFFFF",
    ),
    "canvas still for 3 s, then black": (
        Session([Scene(3, "happiness"), Scene(1, None)], still=True),
        "Fggggg.",
    ),
}
"""A session, and how it is read when all is well; a moment beside a change may fall either way."""


def browser_path() -> str:
    """Return the path of Chromium.

    Raises:
        PlatformError: There is none.
    """
    path = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    if path is None:
        raise PlatformError("no Chromium on the PATH; install it (Debian: apt install chromium)")
    return path


def version() -> str:
    """Return what the browser calls itself."""
    done = subprocess.run([browser_path(), "--version"], capture_output=True, text=True, check=True)
    return done.stdout.strip().split(" built on")[0]


def record_all() -> Mapping[str, Mapping[str, Sequence[bytes]]]:
    """Return the chunks of every session, by session and format.

    Raises:
        PlatformError: The machine is too busy to record in real time.
    """
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path(), args=[*ARGUMENTS])
        made = {name: _patiently(browser, session) for name, (session, _) in SESSIONS.items()}
        browser.close()
    return made


def _patiently(browser: Browser, session: Session) -> Mapping[str, Sequence[bytes]]:
    for _ in range(_ROUNDS):
        try:
            return record(browser, session)
        except TooBusyError:
            time.sleep(_WAIT_S)
    raise PlatformError(
        "this machine is too busy to record in real time: end other work and try again"
    )


def write(chunks: Sequence[bytes], path: Path) -> Path:
    """Put a recording's chunks together."""
    path.write_bytes(b"".join(chunks))
    return path
