"""A chart of Matplotlib in a page: coloured by the page, said, and no style of its own."""

from __future__ import annotations

import io
import re

import matplotlib as mpl
import pytest
from matplotlib.figure import Figure

from include.contracts.labels import EXPRESSIONS
from include.pages import tokens
from include.pages.charts import ACCENT, STYLE, inline_chart


@pytest.fixture(scope="module")
def saved() -> str:
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(4, 3))
        axes = figure.subplots()
        axes.plot([0, 1], [0, 1], color=ACCENT)
        axes.bar(range(7), range(7), color=[tokens.EXPRESSIONS_LIGHT[name] for name in EXPRESSIONS])
        axes.set_title("a < b")
        sink = io.StringIO()
        figure.savefig(sink, format="svg", transparent=True, metadata={"Date": None})
    return sink.getvalue()


def test_its_colours_are_those_of_the_page(saved):
    chart = inline_chart(saved, "a line")
    assert not re.search(r"#[0-9a-f]{6}\b", chart)
    for name in ("ink", "dim", "line", "accent", *EXPRESSIONS[1:]):
        assert f"var(--{name})" in chart, name


def test_it_says_what_it_shows_and_styles_nothing_around_it(saved):
    chart = inline_chart(saved, 'one "line" < 1')
    assert chart.startswith("<svg ")
    assert 'role="img" aria-label="one &#34;line&#34; &lt; 1" class="chart scaled"' in chart
    assert "<style" not in chart
    assert "<metadata" not in chart
    assert "a &lt; b" in chart
    head = chart.split(">", 1)[0]
    assert not re.search(r" (width|height)=", head)
    assert 'class="chart scaled wide"' in inline_chart(saved, "a line", wide=True)


def test_only_what_is_pointed_at_has_a_name(saved):
    chart = inline_chart(saved, "a line")
    names = re.findall(r' id="([^"]*)"', chart)
    assert names
    assert set(names) <= set(re.findall(r"#([\w-]+)", chart))
