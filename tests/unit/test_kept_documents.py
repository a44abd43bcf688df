"""Documents as build 78251cd wrote them are read, and nothing that they say is lost.

The files were written by that build's own writers; names of people are made up, and folders of
the machine replaced.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from include.contracts.documents import DocumentError, Form
from include.contracts.extraction import EXTRACTION
from include.contracts.published import PUBLISHED_MANIFEST
from include.contracts.validation import VALIDATION
from include.pipeline.current import CHOICE
from include.pipeline.model_retraining import documents as retraining

WRITTEN = Path(__file__).parents[1] / "fakes" / "written_by_78251cd"

KEPT: dict[str, Form[Any]] = {
    "manifest.json": PUBLISHED_MANIFEST,
    "current.json": CHOICE,
    "extraction.json": EXTRACTION,
    "validation.json": VALIDATION,
    **{
        f"retraining/{document.name}": document.form
        for document in vars(retraining).values()
        if isinstance(document, retraining.Document)
    },
}
LEFT_OUT = {"retraining/evaluation.json": {"ratio"}}
"""What was written beside and follows from the rest."""


@pytest.mark.parametrize("name", KEPT)
def test_what_the_build_before_wrote_is_read_and_kept(name: str) -> None:
    form, content = KEPT[name], (WRITTEN / name).read_bytes()
    again = json.loads(form.write(form.read(content, name)))
    assert again.pop("schema") == form.schema
    left_out = LEFT_OUT.get(name, set())
    assert _lost(json.loads(content), again, left_out) == []


@pytest.mark.parametrize("name", KEPT)
def test_a_field_of_another_type_is_refused_by_file_and_name(name: str) -> None:
    content = json.loads((WRITTEN / name).read_bytes())
    field = next(iter(content))
    with pytest.raises(DocumentError) as caught:
        KEPT[name].read(json.dumps({**content, field: [{"no": "such"}]}), f"x/{name}")
    assert str(caught.value).startswith(f"x/{name}: ")
    assert f"`{field}" in str(caught.value)


def test_every_file_of_that_build_has_a_form() -> None:
    files = {path.relative_to(WRITTEN).as_posix() for path in WRITTEN.rglob("*.json")}
    assert files == KEPT.keys()


def _lost(before: Any, after: Any, left_out: set[str], path: str = "") -> list[str]:
    """Return where what was written is not what would be written now; more may be."""
    if isinstance(before, dict) and isinstance(after, dict):
        return [
            where
            for name, value in before.items()
            if name not in left_out
            for where in _lost(value, after.get(name, "missing"), left_out, f"{path}/{name}")
        ]
    if isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        return [
            where
            for number, (one, other) in enumerate(zip(before, after, strict=True))
            for where in _lost(one, other, left_out, f"{path}/{number}")
        ]
    if isinstance(before, float) and isinstance(after, float) and math.isclose(before, after):
        return []
    return [] if before == after else [f"{path}: {before!r} is {after!r}"]
