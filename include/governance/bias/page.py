"""The audit as a page for people: one self-contained HTML file, plain words first."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from include.governance.bias.metrics import METRICS
from include.governance.bias.record import record_sha256

_TITLES: Mapping[str, str] = {metric.name: metric.title for metric in METRICS}
_PANELS: Mapping[str, str] = {
    "labelled": "Labelled panel: right and wrong answers",
    "parity": "Parity panel: faces found, readable and answered",
}
_SENTENCES: Mapping[str, str] = {
    "red": "At least one group is treated worse than the limit allows, beyond chance. "
    "The model must not be promoted.",
    "amber": "At least one figure is beyond the limit, but chance may explain it. Look closer.",
    "green": "No figure that could be judged is beyond its limit.",
}


def render_page(record: Mapping[str, Any]) -> bytes:
    """Render an audit record (what `audit_record` returns) as HTML."""
    results = record["results"]
    beyond = [item for item in results["comparisons"] if item["status"] != "green"]
    beyond.sort(key=lambda item: (item["status"] != "red", -abs(item["gap"]["value"] or 0.0)))
    panels = [
        (
            _PANELS[name],
            status,
            [item for item in results["figures"] if item["panel"] == name and _headline(item)],
        )
        for name, status in results["panels"].items()
    ]
    html = _template().render(
        record=record,
        sha256=record_sha256(record),
        sentence=_SENTENCES[record["verdict"]],
        beyond=beyond,
        judged=sum(item["p_value"] is not None for item in results["comparisons"]),
        insufficient=sum(item["result"] is None for item in results["figures"]),
        panels=panels,
        titles=_TITLES,
        number=_number,
    )
    return html.encode("utf-8", "replace")


def _headline(figure: Mapping[str, Any]) -> bool:
    """Figures per expression of intersections are in the record: the page would be endless."""
    return ":" not in figure["metric"] or len(figure["attributes"]) <= 1


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


@cache
def _template() -> Template:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("audit.html.j2")
