"""The audit as a page for people: one self-contained HTML file, plain words first."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from include.governance.bias.audit import Audit, GroupFigure
from include.governance.bias.disparity import Comparison, Status, worst
from include.governance.bias.metrics import METRICS, Rule
from include.governance.bias.record import AuditRecord, SealedRecord, Section
from include.governance.bias.settings import AuditSettings
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
    "four_fifths": "at least {held.four_fifths} of everybody else's",
    "gap_above": "at most {held.tolerated_gap} above everybody else's",
    "gap_either_way": "within {held.tolerated_gap} of everybody else's",
    "gap_to_explain": "within {held.tolerated_gap} of everybody else's; amber at most, because "
    "what people display may differ",
    "shown": "shown without a verdict",
}
_SEVERITIES: Mapping[str, str] = {"green": "good", "amber": "care", "red": "bad"}
"""What the design system calls them."""
_FINDINGS_MAX = 8
_TEMPLATES = Path(__file__).parent / "templates"


def render_page(audit: SealedRecord) -> bytes:
    """Render an audit as HTML."""
    record = audit.record
    html = page_template(_TEMPLATES, "audit.html.j2").render(
        record=record,
        sha256=audit.sha256,
        sentence=_SENTENCES[record.verdict],
        findings=plain_findings(record),
        sections=[_section(section, record.settings) for section in record.sections],
        severities=_SEVERITIES,
        hashes=[
            ("Audit", audit.sha256),
            ("Model package", record.model.sha256),
            *(
                (_SECTIONS[section.name][0], section.audit_set.sha256)
                for section in record.sections
                if section.audit_set
            ),
        ],
    )
    return html.encode("utf-8", "replace")


def plain_findings(record: AuditRecord) -> list[str]:
    """Say in plain sentences what an audit found, the worst first, and what it could not see."""
    sentences: list[str] = []
    for section in record.sections:
        title, people = _SECTIONS[section.name][0], section.audit_set
        if section.results is None or people is None:
            why = "; ".join(section.notes) or "there is no such data"
            sentences.append(f"{title}: not audited ({why}).")
            continue
        beyond = _beyond(section.results.comparisons)
        judged = sum(math.isfinite(item.p_value) for item in section.results.comparisons)
        sentences.append(
            f"{title}: {section.verdict}. {people.people} people, {judged} comparisons of a group "
            f"with everybody else, {len(beyond)} beyond the limit."
        )
        sentences += [_finding(item) for item in beyond[:_FINDINGS_MAX]]
        if len(beyond) > _FINDINGS_MAX:
            sentences.append(f"{len(beyond) - _FINDINGS_MAX} more are in the report.")
    return sentences


def _finding(item: Comparison) -> str:
    group = ", ".join(item.group)
    four_fifths = item.rule == Rule.FOUR_FIFTHS
    kind, size = ("ratio", item.ratio) if four_fifths else ("gap", item.gap)
    value, low, high = (words.plain(end) for end in (size.value, size.low, size.high))
    return (
        f"{item.status.capitalize()}: {_METRICS[item.metric].title.lower()} is "
        f"{words.plain(item.value)} for {group}, {words.plain(item.others)} for everybody else "
        f"({kind} {value}, {low} to {high})."
    )


def _beyond(comparisons: Sequence[Comparison]) -> list[Comparison]:
    found = [item for item in comparisons if item.status is not Status.GREEN]
    # Of two groups that are each other's everybody else, one says it all.
    mirrored = {(item.metric, item.value, item.others) for item in found}
    found = [
        item
        for item in found
        if item.value < item.others or (item.metric, item.others, item.value) not in mirrored
    ]
    return sorted(found, key=lambda item: (item.status is not Status.RED, -abs(item.gap.value)))


def _section(section: Section, settings: AuditSettings) -> dict[str, object]:
    title, lead = _SECTIONS[section.name]
    results = section.results
    return {
        "found": section,
        "title": title,
        "lead": lead,
        "blocks": [] if results is None else list(_blocks(results, settings)),
        "insufficient": 0
        if results is None
        else sum(item.result is None for item in results.figures),
    }


@dataclass(frozen=True, slots=True)
class _Row:
    """A group's figure, and how it stands beside everybody else where that was compared."""

    figure: GroupFigure
    beside: Comparison | None


def _blocks(results: Audit, settings: AuditSettings) -> Iterator[dict[str, object]]:
    """One block per figure: single groups in full, intersections where people suffice.

    Intersections of figures per expression are in the record alone: the page would be endless.
    """
    beside = {(item.metric, item.attributes, item.group): item for item in results.comparisons}
    by_metric: dict[str, list[_Row]] = {}
    for figure in results.figures:
        place = (figure.metric, figure.attributes, figure.group)
        by_metric.setdefault(figure.metric, []).append(_Row(figure, beside.get(place)))
    for name in sorted(by_metric, key=_ORDER.__getitem__):
        rows, metric = by_metric[name], _METRICS[name]
        crossed = [row for row in rows if len(row.figure.attributes) > 1 and row.figure.result]
        single = [row for row in rows if len(row.figure.attributes) == 1]
        yield {
            "title": metric.title,
            "rule": _RULES[metric.rule].format(held=settings),
            "status": _worst(rows),
            "everyone": next(row.figure for row in rows if not row.figure.attributes),
            "groups": sorted((row for row in single if row.figure.result), key=_natural),
            "too_few": sorted((row for row in single if not row.figure.result), key=_natural),
            "changes": any(row.figure.change for row in rows),
            "crossed": crossed
            if metric.expression is None or _worst(crossed) is not Status.GREEN
            else [],
            "per_expression": metric.expression is not None,
        }


def _worst(rows: Sequence[_Row]) -> Status:
    return worst([row.beside.status for row in rows if row.beside])


def _natural(row: _Row) -> tuple[tuple[str, ...], float, tuple[str, ...]]:
    """Sort bands such as 3-9 before 10-19, and words after numbers."""
    of = row.figure
    leading = re.match(r"\d+", of.group[0])
    return (of.attributes, int(leading[0]) if leading else math.inf, of.group)
