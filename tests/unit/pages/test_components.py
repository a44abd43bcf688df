"""Every component is shown, said and escaped."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from jinja2 import UndefinedError

from include.pages import formats
from include.pages.environment import HOUSE, page_template
from include.statistics.estimate import Estimate
from tests.fakes.gallery import TEMPLATE, gallery

ROOT = Path(__file__).parents[3]
MACROS = re.findall(r"{% macro (\w+)\(", (HOUSE / "components.html.j2").read_text())


@pytest.mark.parametrize("macro", MACROS)
def test_a_component_is_in_the_gallery_and_in_the_document(macro):
    assert f"ui.{macro}(" in TEMPLATE.read_text()
    assert f"`{macro}(" in (ROOT / "docs" / "pages.md").read_text()


@pytest.mark.parametrize("name", formats.FILTERS)
def test_a_filter_is_in_the_document(name):
    assert f"`{name}`" in (ROOT / "docs" / "pages.md").read_text()


def test_the_gallery_is_one_page_that_loads_nothing():
    html = gallery()
    assert html.startswith("<!doctype html>")
    assert "default-src 'none'; style-src 'unsafe-inline'; img-src data:" in html
    assert not re.search(r"<script|<link|@import|url\(", html)


def test_what_is_given_to_a_component_is_text(tmp_path):
    (tmp_path / "a.j2").write_text(
        "{{ ui.card(x, x, x) }}{{ ui.table((x,), ((x,),)) }}{{ ui.badge(x) }}"
        "{{ ui.pairs(((x, x),)) }}"
        "{% call ui.notice('bad', x) %}{{ x }}{% endcall %}{{ ui.links(((x, x, x),)) }}"
        "{% call ui.drawing(x, 1, 1) %}{{ ui.words(1, 1, x) }}{% endcall %}"
    )
    html = page_template(tmp_path, "a.j2").render(x='"><b id=x>')
    assert "<b id=x>" not in html
    assert html.count("&lt;b id=x&gt;") >= 14


def test_what_is_missing_stops_the_page(tmp_path):
    (tmp_path / "a.j2").write_text("{{ ui.badge(nothing) }}")
    with pytest.raises(UndefinedError):
        page_template(tmp_path, "a.j2").render()


def test_figures_as_people_read_them():
    figure = {"value": 0.61, "low": 0.52, "high": 0.7, "n": 30}
    assert formats.share(figure) == "61.0 % (52.0 to 70.0)"
    assert formats.number(Estimate.from_json(figure)) == "0.61 (0.52 to 0.70)"
    assert formats.number(None) == formats.share(figure | {"value": None}) == "–"
    assert formats.moment("2026-03-10T01:30:00+02:00") == "2026-03-09 23:30 UTC"
    assert formats.count(12345) == "12,345"
    assert formats.sentence("kB read") == "KB read"
