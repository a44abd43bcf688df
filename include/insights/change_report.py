"""The report of a re-analysis: what another model changed, for people (HTML) and machines (JSON).

One self-contained file that loads nothing and runs nothing, in the look of the reports.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

from include.contracts.documents import Content, Form
from include.insights.change import Pair, RecordingChange
from include.insights.change_study import StudyChange
from include.insights.report import display_text
from include.insights.summary import WORDING
from include.pages.environment import page_template

MAX_CURVES = 12
"""Recordings whose curves are drawn: those that changed most."""
MAX_ROWS = 500
"""Lines of the table of recordings; the JSON file has all."""
FEW_RESPONDENTS = 10
_TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True, slots=True)
class Absent:
    """A recording that is not compared, and why."""

    study: str
    recording: str
    why: str


@dataclass(frozen=True, slots=True)
class Asked:
    """What a re-analysis was asked for; times are aware, ISO 8601."""

    run_id: str
    study: str | None
    since: str | None
    until: str | None
    model: str
    make_current: bool


@dataclass(frozen=True, slots=True)
class ChangeReport:
    """What a re-analysis found; shares are 0..1, differences after less before.

    Attributes:
        batch_id: The batch of re-analyses.
        model: `name`, `version`, `sha256` of the model that answered again.
        request: What was asked for.
        generated_at: ISO 8601, UTC.
        studies: Sums, sorted by study.
        recordings: Compared recordings, those that changed most first; one with several
            respondents has an entry for each.
        left_out: Recordings that cannot be re-analysed.
        unfinished: Recordings on which the run did not get to an end.
        remaining: Recordings that the next run takes.
        same_model: Recordings whose result in front is this model's own first analysis.
        notes: Sentences a reader must know.
        wording: What the figures speak of.
    """

    batch_id: str
    model: Mapping[str, str]
    request: Asked
    generated_at: str
    studies: tuple[StudyChange, ...]
    recordings: tuple[RecordingChange, ...]
    left_out: tuple[Absent, ...]
    unfinished: tuple[Absent, ...]
    remaining: tuple[Absent, ...]
    same_model: int
    notes: tuple[str, ...]
    wording: str = WORDING


def _by_respondent(content: Content) -> Content:
    """Schema 1 had a version of its own; its first knew one respondent in each recording."""
    del content["report_version"]
    for recording in content["recordings"]:
        recording.setdefault("label", None)
    return content


CHANGES = Form(ChangeReport, schema=2, upgrades={1: _by_respondent}, undefined=True)


def change_page(report: ChangeReport, charts: Mapping[tuple[str, str | None], Markup]) -> bytes:
    """Return the report for people.

    Args:
        report: What was found.
        charts: Curves of at most `MAX_CURVES` entries, by `curve_key`.
    """
    drawn = [item for item in report.recordings if curve_key(item) in charts]
    html = page_template(_TEMPLATES, "change.html.j2").render(
        report=report,
        rows=report.recordings[:MAX_ROWS],
        rows_left=max(0, len(report.recordings) - MAX_ROWS),
        drawn=[(item, charts[curve_key(item)]) for item in drawn],
        compared=len({item.after for item in report.recordings}),
        in_front=len({item.after for item in report.recordings if item.in_front}),
        before_versions=sorted({item.models[0] for item in report.recordings}),
        few=FEW_RESPONDENTS,
        wording=WORDING,
        name=display_text,
        pair=pair_text,
        moved=_moved,
    )
    return html.encode("utf-8", "replace")


def curve_key(item: RecordingChange) -> tuple[str, str | None]:
    """Return what tells an entry of the report from every other: result and respondent."""
    return item.after, item.label


def pair_text(pair: Pair) -> str:
    """Return `31 % → 44 %`; a dash for what has no figure."""
    before, after = ("–" if value is None else f"{100 * value:.0f} %" for value in pair)
    return before if before == after else f"{before} → {after}"


def _moved(pair: Pair) -> float:
    """How far a figure moved, in percentage points; 0 where nothing can be said."""
    before, after = pair
    return 0.0 if before is None or after is None else 100 * (after - before)
