"""Documents are read as their form says, older ones too, and refused by name and field."""

from __future__ import annotations

import copy
import json
import math
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest

from include.contracts.documents import DocumentError, Form


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
    assert FORM.read(FORM.write(whole), "k") == whole, "half a character is kept as it is"


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


@dataclass(frozen=True, slots=True)
class Measured:
    value: float
    parts: tuple[float, float]
    ends: dict[str, list[float]]
    limit: float | None
    at: datetime
    inner: list[Part] | None = None


def test_what_is_undefined_is_null_where_the_form_says_so_and_refused_elsewhere() -> None:
    measured = Measured(
        math.nan,
        (0.123456, math.nan),
        {"a": [1.0, math.inf]},
        None,
        datetime(2026, 1, 2, tzinfo=UTC),
    )
    kept = Form(Measured, undefined=True, decimals=5)
    plain = json.loads(kept.write(measured))
    assert (plain["value"], plain["parts"]) == (None, [0.12346, None])
    assert (plain["ends"], plain["limit"]) == ({"a": [1.0, None]}, None)
    assert plain["at"] == "2026-01-02T00:00:00+00:00"
    again = kept.read(json.dumps(plain), "k")
    assert math.isnan(again.value)
    assert math.isnan(again.parts[1])
    assert math.isnan(again.ends["a"][1])
    assert (again.limit, again.inner, again.at) == (None, None, measured.at)
    with pytest.raises(ValueError, match="not JSON compliant"):
        Form(Measured).write(measured)
    with pytest.raises(DocumentError, match="Expected `float`, got `null`"):
        Form(Measured).read(json.dumps(plain), "k")
