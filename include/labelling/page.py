"""A page to answer a queue with, for people without Label Studio: one self-contained file.

It asks nobody anything over the network: pictures are inside, answers stay in the browser
(so that a closed tab loses nothing) until the person saves them as the plain CSV that
`exports` reads. Like the tasks it holds row ids and pictures, and nothing the model said.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from pathlib import Path

from markupsafe import Markup

from include.labelling.tasks import HELP, HOTKEYS, QUESTION_TEXT, TEXTS
from include.labelling.votes import ANSWERS
from include.pages.environment import page_template

_TEMPLATES = Path(__file__).parent / "templates"


def labelling_page(queue_id: str, pictures: Sequence[tuple[str, bytes]]) -> bytes:
    """Return the page of one queue.

    Args:
        queue_id: Whose answers the browser keeps together.
        pictures: (row id, JPEG) in the order they are asked.
    """
    items = [
        {"row": row_id, "picture": base64.b64encode(picture).decode()}
        for row_id, picture in pictures
    ]
    answers = [
        {"answer": answer, "text": TEXTS[answer], "key": key}
        for answer, key in zip(ANSWERS, HOTKEYS, strict=True)
    ]
    html = page_template(_TEMPLATES, "labelling.html.j2").render(
        queue_id=queue_id,
        question=QUESTION_TEXT,
        help=HELP,
        answers=answers,
        items_n=len(items),
        data=_json({"queue": queue_id, "items": items}),
    )
    return html.encode()


def _json(value: object) -> Markup:
    """JSON that cannot end the element it stands in."""
    text = json.dumps(value, separators=(",", ":"))
    safe = text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")
    return Markup(safe)  # noqa: S704 - escaped above
