"""Documents are read as their form says, older ones too, and refused by name and field."""

from __future__ import annotations

import copy
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from include.contracts.documents import DocumentError, Form
from include.contracts.extraction import EXTRACTION
from include.contracts.published import PUBLISHED_MANIFEST
from include.contracts.validation import VALIDATION
from include.pipeline.current import CHOICE

WRITTEN = Path(__file__).parents[2] / "fakes" / "written_by_78251cd"
"""Documents that this build wrote, its folder's name replaced."""


@dataclass(frozen=True, slots=True)
class Part:
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Whole:
    name: str
    parts: dict[str, Part] = field(default_factory=dict)
    note: str | None = None


def _renamed(content: dict[str, Any]) -> dict[str, Any]:
    return {**content, "name": content.pop("title")}


FORM = Form(Whole, schema=2, upgrades={1: _renamed})


def test_what_is_written_is_read() -> None:
    whole = Whole("a \u00e9 \ud800", {"x.csv": Part(3)})
    written = FORM.write(Whole("a \u00e9", {"x.csv": Part(3)}))
    assert json.loads(written)["schema"] == 2
    assert FORM.read(written, "k") == Whole("a \u00e9", {"x.csv": Part(3)})
    assert FORM.write(FORM.read(written, "k")) == written
    assert FORM.read(json.dumps({"schema": 2, "name": whole.name}), "k").name == whole.name


def test_an_older_one_is_brought_up_to_date() -> None:
    assert FORM.read(b'{"title": "old"}', "k") == Whole("old")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"{", "no JSON"),
        (b"[" * 100_000, "no JSON"),
        (b"[]", "no JSON object"),
        (b'{"schema": 3, "name": "x"}', "a later version wrote it"),
        (b'{"schema": "two", "name": "x"}', "a later version wrote it"),
        (b'{"schema": 2}', "missing required field `name`"),
        (b'{"schema": 2, "name": 1}', "`name`"),
        (b'{"schema": 2, "name": "x", "parts": {"a": {"size_bytes": "3"}}}', "size_bytes`"),
        (b'{"name": "x"}', "cannot be brought up to date"),
    ],
)
def test_what_does_not_fit_is_refused_by_name_and_field(content: bytes, said: str) -> None:
    with pytest.raises(DocumentError) as caught:
        FORM.read(content, "published/a/b/manifest.json")
    assert str(caught.value).startswith("published/a/b/manifest.json: ")
    assert said in str(caught.value)
    assert str(copy.copy(caught.value)) == str(caught.value)


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("manifest.json", PUBLISHED_MANIFEST),
        ("current.json", CHOICE),
        ("extraction.json", EXTRACTION),
        ("validation.json", VALIDATION),
    ],
)
def test_what_the_build_before_wrote_is_read_and_kept(name: str, form: Form[Any]) -> None:
    content = (WRITTEN / name).read_bytes()
    again = json.loads(form.write(form.read(content, name)))
    before = json.loads(content)
    assert {key: again[key] for key in before} == before
    assert again["schema"] == form.schema
