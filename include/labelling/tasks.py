"""What Label Studio is given: a labelling configuration and a list of tasks.

Formats: https://labelstud.io/guide/tasks.html (import) and
https://labelstud.io/tags/choices, https://labelstud.io/tags/choice (configuration; an
alias replaces the choice's value in the results).

A task holds the picture and its row id, and nothing else: neither the model's answer, nor
why the face was chosen, nor whose recording it is from. All of these would sway the person
who answers (anchoring), and names of studies and people are not the annotators' business.
So there is no `predictions` key, and the design stays in the platform's own table.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from typing import Any
from xml.etree import ElementTree as ET  # we only write; nothing is parsed

from include.labelling.selection import Selected
from include.labelling.votes import ANSWERS

TEMPLATE_COLUMNS: tuple[str, ...] = ("row_id", "picture", "annotator", "label", "answered_at")
"""Header of the plain CSV; `picture` is for people, the other columns are read back."""

IMAGE = "image"
QUESTION = "displayed_expression"
ROW_ID = "row_id"

TEXTS: dict[str, str] = {
    "anger": "Anger",
    "disgust": "Disgust",
    "fear": "Fear",
    "happiness": "Happiness",
    "neutral": "Neutral",
    "sadness": "Sadness",
    "surprise": "Surprise",
    "contempt": "Contempt",
    "unknown": "Cannot tell",
    "not_a_face": "Not a face",
}
HOTKEYS = "1234567890"
QUESTION_TEXT = "Which expression does this face display?"
HELP = (
    "Judge what the face displays, not what the person may feel. One answer. "
    "Choose 'Cannot tell' rather than guess."
)


def picture_name(row_id: str) -> str:
    """Return the file name of a face's crop."""
    return f"{row_id}.jpg"


def labelling_configuration() -> str:
    """Return the project's labelling interface, XML: one picture, one answer, hotkeys."""
    view = ET.Element("View")
    ET.SubElement(view, "Header", value=QUESTION_TEXT)
    ET.SubElement(view, "Image", name=IMAGE, value=f"${IMAGE}")
    choices = ET.SubElement(
        view,
        "Choices",
        name=QUESTION,
        toName=IMAGE,
        choice="single-radio",
        required="true",
        requiredMessage="Choose one answer, or skip the task.",
        showInline="false",
    )
    for answer, hotkey in zip(ANSWERS, HOTKEYS, strict=True):
        ET.SubElement(choices, "Choice", value=TEXTS[answer], alias=answer, hotkey=hotkey)
    ET.SubElement(view, "Header", value=HELP, size="5")
    ET.indent(view)
    return ET.tostring(view, encoding="unicode") + "\n"


def tasks(selected: Sequence[Selected], *, pictures: str, queue_id: str) -> list[dict[str, Any]]:
    """Return the tasks to import, in the order given.

    Args:
        selected: What `selection.select` chose, already in random order.
        pictures: Where Label Studio finds the crops: `s3://bucket/prefix` with its cloud
            storage, or `/data/local-files/?d=folder` with its local file serving.
        queue_id: Which queue asks; comes back in the export's `meta`.
    """
    base = pictures if pictures.endswith("/") else f"{pictures}/"
    return [
        {
            "data": {
                IMAGE: base + picture_name(item.instant.row_id),
                ROW_ID: item.instant.row_id,
            },
            "meta": {"queue": queue_id},
        }
        for item in selected
    ]


def tasks_bytes(selected: Sequence[Selected], *, pictures: str, queue_id: str) -> bytes:
    """Return `tasks` as the JSON file to import; same input, same bytes."""
    found = tasks(selected, pictures=pictures, queue_id=queue_id)
    return (json.dumps(found, indent=1, ensure_ascii=False) + "\n").encode()


def template_bytes(selected: Sequence[Selected], *, folder: str) -> bytes:
    """Return the CSV to fill in, one line per face: `annotator` and `label` are empty.

    Args:
        selected: What `selection.select` chose, already in random order.
        folder: Where the pictures lie, relative to the file.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(TEMPLATE_COLUMNS)
    for item in selected:
        row_id = item.instant.row_id
        writer.writerow((row_id, f"{folder}/{picture_name(row_id)}", "", "", ""))
    return text.getvalue().encode()
