"""The audit as a page for people: one self-contained HTML file, plain words first."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from include.governance.bias.metrics import METRICS
from include.governance.bias.record import record_sha256
from include.pages.environment import page_template
from include.statistics import words

_METRICS = {metric.name: metric for metric in METRICS}
_ORDER = {metric.name: number for number, metric in enumerate(METRICS)}
_SECTIONS: Mapping[str, tuple[str, str]] = {
    "fixed_set": (
        "Fixed audit set",
        (
            "The same photographs of faces each time, shown as short recordings and run through "
            "the whole pipeline. Their groups were annotated by people. They carry no expression "
            "labels: nothing is said about right and wrong answers."
        ),
    ),
    "production": (
        "Production traffic",
        "What respondents of real studies met, by the groups they declared themselves.",
    ),
    "labelled": (
        "Labelled instants",
        (
            "Published answers that annotators labelled, weighted by the design of their draw, by "
            "the groups respondents declared."
        ),
    ),
}
_SENTENCES: Mapping[str, str] = {
    "red": "At least one group is treated worse than the limit allows, beyond chance. "
    "The model must not be promoted.",
    "amber": "At least one figure is beyond the limit, but chance, or what people display, may "
    "explain it. Look closer.",
    "green": "No figure that could be judged is beyond its limit.",
}
_RULES: Mapping[str, str] = {
    "four_fifths": "at least {four_fifths} of everybody else's",
    "gap_above": "at most {tolerated_gap} above everybody else's",
    "gap_either_way": "within {tolerated_gap} of everybody else's",
    "gap_to_explain": "within {tolerated_gap} of everybody else's; amber at most, because what "
    "people display may differ",
    "shown": "shown without a verdict",
}
_SEVERITIES: Mapping[str, str] = {"green": "good", "amber": "care", "red": "bad"}
"""What the design system calls them."""
_FINDINGS_MAX = 8
_TEMPLATES = Path(__file__).parent / "templates"


def render_page(record: Mapping[str, Any]) -> bytes:
    """Render an audit record (what `audit_record` returns) as HTML."""
    sha256 = record_sha256(record)
    html = page_template(_TEMPLATES, "audit.html.j2").render(
        record=record,
        sha256=sha256,
        sentence=_SENTENCES[record["verdict"]],
        findings=plain_findings(record),
        sections=[_section(section, record["settings"]) for section in record["sections"]],
        severities=_SEVERITIES,
        hashes=[
            ("Audit", sha256),
            ("Model package", record["model"]["sha256"]),
            *(
                (_SECTIONS[section["name"]][0], section["audit_set"]["sha256"])
                for section in record["sections"]
                if section["audit_set"]
            ),
        ],
    )
    return html.encode("utf-8", "replace")


def plain_findings(record: Mapping[str, Any]) -> list[str]:
    """Say in plain sentences what an audit found, the worst first, and what it could not see."""
    sentences: list[str] = []
    for section in record["sections"]:
        title = _SECTIONS[section["name"]][0]
        if section["results"] is None:
            why = "; ".join(section["notes"]) or "there is no such data"
            sentences.append(f"{title}: not audited ({why}).")
            continue
        beyond = _beyond(section)
        judged = sum(item["p_value"] is not None for item in section["results"]["comparisons"])
        people = section["audit_set"]["people"]
        sentences.append(
            f"{title}: {section['verdict']}. {people} people, {judged} comparisons of a group "
            f"with everybody else, {len(beyond)} beyond the limit."
        )
        sentences += [_finding(item) for item in beyond[:_FINDINGS_MAX]]
        if len(beyond) > _FINDINGS_MAX:
            sentences.append(f"{len(beyond) - _FINDINGS_MAX} more are in the report.")
    return sentences


def _finding(item: Mapping[str, Any]) -> str:
    group = ", ".join(item["group"])
    four_fifths = item["rule"] == "four_fifths"
    kind, size = ("ratio", item["ratio"]) if four_fifths else ("gap", item["gap"])
    own, others = (words.plain(item[side]) for side in ("value", "others"))
    value, low, high = (words.plain(size[end]) for end in ("value", "low", "high"))
    return (
        f"{item['status'].capitalize()}: {_METRICS[item['metric']].title.lower()} is "
        f"{own} for {group}, {others} for everybody else ({kind} {value}, {low} to {high})."
    )


def _beyond(section: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    found = [item for item in section["results"]["comparisons"] if item["status"] != "green"]
    # Of two groups that are each other's everybody else, one says it all.
    mirrored = {(item["metric"], item["value"], item["others"]) for item in found}
    found = [
        item
        for item in found
        if item["value"] < item["others"]
        or (item["metric"], item["others"], item["value"]) not in mirrored
    ]
    return sorted(found, key=lambda item: (item["status"] != "red", -abs(item["gap"]["value"])))


def _section(section: Mapping[str, Any], settings: Mapping[str, Any]) -> dict[str, Any]:
    title, lead = _SECTIONS[section["name"]]
    view = {
        "title": title,
        "lead": lead,
        "verdict": section["verdict"],
        "notes": section["notes"],
        "audit_set": section["audit_set"],
        "data_cut": section["data_cut"],
    }
    if section["results"] is None:
        return {**view, "blocks": [], "insufficient": 0}
    return {
        **view,
        "blocks": list(_blocks(section["results"], settings)),
        "insufficient": sum(item["result"] is None for item in section["results"]["figures"]),
    }


def _blocks(results: Mapping[str, Any], settings: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """One block per figure: single groups in full, intersections where people suffice.

    Intersections of figures per expression are in the record alone: the page would be endless.
    """
    beside = {
        (item["metric"], tuple(item["attributes"]), tuple(item["group"])): item
        for item in results["comparisons"]
    }
    by_metric: dict[str, list[dict[str, Any]]] = {}
    for figure in results["figures"]:
        place = (figure["metric"], tuple(figure["attributes"]), tuple(figure["group"]))
        by_metric.setdefault(figure["metric"], []).append({**figure, "beside": beside.get(place)})
    for name in sorted(by_metric, key=_ORDER.__getitem__):
        rows, metric = by_metric[name], _METRICS[name]
        crossed = [row for row in rows if len(row["attributes"]) > 1 and row["result"]]
        single = [row for row in rows if len(row["attributes"]) == 1]
        yield {
            "title": metric.title,
            "rule": _RULES[metric.rule].format(**settings),
            "status": _worst(rows),
            "everyone": next(row for row in rows if not row["attributes"]),
            "groups": sorted((row for row in single if row["result"]), key=_natural),
            "too_few": sorted((row for row in single if not row["result"]), key=_natural),
            "changes": any(row["change"] for row in rows),
            "crossed": crossed if metric.expression is None or _worst(crossed) != "green" else [],
            "per_expression": metric.expression is not None,
        }


def _worst(rows: Sequence[Mapping[str, Any]]) -> str:
    order = ("green", "amber", "red")
    return max(
        (row["beside"]["status"] for row in rows if row["beside"]), key=order.index, default="green"
    )


def _natural(row: Mapping[str, Any]) -> tuple[Any, ...]:
    """Sort bands such as 3-9 before 10-19, and words after numbers."""
    leading = re.match(r"\d+", row["group"][0])
    return (row["attributes"], int(leading[0]) if leading else math.inf, row["group"])
