"""Names that people may give and that no page may take for markup, and a look at what it made.

Harmless: what they would make is an empty element with an id of its own, and a picture from a
host that does not exist.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

MARK = "fex-mark"
NAMES = (
    f"<b id={MARK}>bold</b>",
    f'"><img id={MARK} src=http://fex.invalid/a.png>',
    f"</title></style><b id={MARK}>",
    f"&lt;b id={MARK}&gt;",
    f"javascript:void('{MARK}')",
    f"[{MARK}](javascript:void(0)) ![{MARK}](http://fex.invalid/b.png)",
)
"""Element, attribute, end of an element, escaped once already, link, Markdown."""


@dataclass
class Seen:
    """What a page made of the names."""

    marked: int
    scripted: int
    texts: str
    foreign: list[str] = field(default_factory=list)

    @property
    def harmless(self) -> bool:
        """Whether the names are text and nothing was asked for elsewhere."""
        return not (self.marked or self.scripted or self.foreign)


@contextlib.contextmanager
def watched(browser: Browser) -> Iterator[tuple[Page, list[str]]]:
    """A page, and every address it asks for."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    asked: list[str] = []
    page = context.new_page()
    context.on("request", lambda request: asked.append(request.url))
    try:
        yield page, asked
    finally:
        context.close()


def look(page: Page, asked: list[str]) -> Seen:
    """Return what the page that is open made of the names; `asked` begins anew."""
    at = urlsplit(page.url)
    own = (f"{at.scheme}://{at.netloc}", "data:", "blob:")
    foreign = [url for url in asked if not url.startswith(own)]
    asked.clear()
    frames = page.frames
    return Seen(
        marked=sum(frame.locator(f"#{MARK}").count() for frame in frames),
        scripted=sum(
            frame.evaluate(
                "[...document.querySelectorAll('a, area, form')].filter("
                "e => /^javascript:/i.test(`${e.href || e.action}`.trim())).length"
            )
            for frame in frames
        ),
        texts="\n".join(frame.locator("html").inner_text() for frame in frames),
        foreign=foreign,
    )
