"""Report: what the other model changed, recording by recording and study by study."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from markupsafe import Markup

from include.composition import Services
from include.contracts.errors import PermanentInputError, PlatformError
from include.contracts.identity import stable_hash
from include.contracts.summary import RECORDING_SUMMARY
from include.insights import tables
from include.insights.change import Analysed, RecordingChange, recording_changes
from include.insights.change_chart import change_chart
from include.insights.change_report import (
    CHANGES,
    MAX_CURVES,
    Absent,
    Asked,
    ChangeReport,
    change_page,
    curve_key,
)
from include.insights.change_study import study_changes
from include.insights.moments import Moments, read_moments
from include.lake import keys
from include.ledger.ledger import Batch
from include.ledger.reanalysis_tables import Reanalysis, ReanalysisState
from include.pipeline.published import result_at
from include.pipeline.reprocess.begin import scope_of
from include.pipeline.reprocess.request import Request, opened
from include.pipeline.study_files import people_of
from include.pipeline.withdrawals import Withdrawals
from include.study.respondents import Respondents

log = logging.getLogger(__name__)

PAGE, DOCUMENT = "report.html", "report.json"
_ALIKE = 0.005
"""Mean total variation distance under which two curves cannot be told apart."""


def run(services: Services, run_id: str) -> dict[str, object]:
    """Write the report of a run, whatever came before, and account for every recording.

    It covers all that the model has answered again of what was asked for, in this run or an
    earlier one.

    Raises:
        PlatformError: The run was not opened, some re-analyses did not reach an end, or readers
            were not given results that they should be given; the report is written before.
        TransientError: The lake failed for now.
    """
    request, batch = opened(services, run_id)
    report = write(services, request)
    _require_done(services, request, batch, report)
    return {
        "report": services.lake.uri(keys.reprocess(run_id, PAGE)),
        "compared": len(report.recordings),
        "left_out": len(report.left_out),
        "remaining": len(report.remaining),
    }


def write(services: Services, request: Request) -> ChangeReport:
    """Write page and document of a run from what there is now; return them as data.

    Raises:
        PlatformError: The run was not opened.
        TransientError: The lake failed for now.
    """
    _, batch = opened(services, request.run_id)
    report = _report(services, request, batch)
    page = keys.reprocess(request.run_id, PAGE)
    services.lake.put_bytes(page, change_page(report, _charts(services, report.recordings)))
    services.lake.write(CHANGES, keys.reprocess(request.run_id, DOCUMENT), report)
    log.info("report: %s", services.lake.uri(page))
    return report


def _require_done(services: Services, request: Request, batch: Batch, report: ChangeReport) -> None:
    """A run whose last task is green counts as done: this one must not be, if it is not."""
    if report.unfinished:
        names = ", ".join(f"{item.study}/{item.recording}" for item in report.unfinished)
        raise PlatformError(f"{len(report.unfinished)} re-analyses did not finish: {names}")
    if not request.make_current:
        return
    newest = {item.recording.id for item in scope_of(services, request)}
    behind = [
        item.recording.key
        for item in services.ledger.reanalyses.of_batch(
            batch.batch_id, (ReanalysisState.PUBLISHED,)
        )
        if item.in_front_at is None and item.recording.id in newest
    ]
    if behind:
        raise PlatformError(
            f"readers were not given {len(behind)} result(s), the log of `put_in_front` says "
            f"why: {', '.join(behind)}"
        )


def _report(services: Services, request: Request, batch: Batch) -> ChangeReport:
    book = services.ledger.reanalyses
    entries = book.of_batch(batch.batch_id)
    in_front = {item.recording.id: item.front_key for item in scope_of(services, request)}
    people = _People(services)
    changes: list[RecordingChange] = []
    withdrawals = Withdrawals(services, unread_stay_out=False)
    results = [
        item
        for item in book.results_of(request.sha256, request.scope)
        if not withdrawals.holds(item.recording.study, item.recording.recording)
    ]
    for item in results:
        changes += _changes(services, item, people, in_front.get(item.recording.id))
    changes.sort(key=lambda item: (-item.change.changed, item.study, item.recording))
    if withdrawals.left_out:
        people.notes.append(
            f"{len(withdrawals.left_out)} recording(s) are left out: consent was withdrawn."
        )
    if gone := len(results) - len({item.after for item in changes}):
        people.notes.append(f"{gone} recording(s) cannot be compared: a result was removed.")
    return ChangeReport(
        batch_id=batch.batch_id,
        model={"name": request.name, "version": request.version, "sha256": request.sha256},
        request=Asked(
            run_id=request.run_id,
            study=request.study,
            since=request.since,
            until=request.until,
            model=request.model,
            make_current=request.make_current,
        ),
        generated_at=services.ledger.clock().isoformat(),
        studies=study_changes(changes, people.known),
        recordings=tuple(changes),
        left_out=_absent(entries, ReanalysisState.LEFT_OUT, ""),
        unfinished=_absent(
            entries, ReanalysisState.OPEN, "The run did not get to it: see its failed task."
        ),
        remaining=tuple(Absent(study, recording, "") for study, recording in request.remaining),
        same_model=request.same_model,
        notes=tuple(people.notes),
    )


def _absent(
    entries: Iterable[Reanalysis], state: ReanalysisState, otherwise: str
) -> tuple[Absent, ...]:
    return tuple(
        Absent(item.recording.study, item.recording.recording, item.why or otherwise)
        for item in entries
        if item.state is state
    )


def _changes(
    services: Services, item: Reanalysis, people: _People, front_key: str | None
) -> list[RecordingChange]:
    try:
        before = _analysed(services, item.before_key)
        after = _analysed(services, item.result_key or "")
    except FileNotFoundError as error:
        log.warning("not compared: %s", error)
        return []
    return recording_changes(
        before,
        after,
        respondent=people.identity(item.recording.study, item.recording.recording),
        in_front=front_key == item.result_key,
    )


def _analysed(services: Services, prefix: str) -> Analysed:
    result = result_at(services.lake, prefix)
    if result is None:
        raise FileNotFoundError(f"there is no result under {prefix!r}")
    summary = services.lake.read(RECORDING_SUMMARY, f"{prefix}/{tables.SUMMARY}")
    return Analysed(prefix, result.predictions(), summary)


def _charts(
    services: Services, changes: Sequence[RecordingChange]
) -> dict[tuple[str, str | None], Markup]:
    """Curves of the recordings that changed most."""
    charts: dict[tuple[str, str | None], Markup] = {}
    for item in changes:
        if item.main_face is None or item.change.distance < _ALIKE:
            continue
        before, after = (_moments(services, prefix) for prefix in (item.before, item.after))
        chart_id = f"curve-{len(charts) + 1}"
        charts[curve_key(item)] = change_chart(before, after, item.main_face, chart_id)
        if len(charts) == MAX_CURVES:
            break
    return charts


def _moments(services: Services, prefix: str) -> Moments:
    found = _analysed(services, prefix)
    return read_moments(
        found.table,
        sample_rate_hz=found.summary.sampling.rate_hz,
        duration_s=found.summary.duration_s,
    )


@dataclass(slots=True)
class _People:
    """Who is seen in which recording, read once per study; ids leave only as hashes."""

    services: Services
    notes: list[str] = field(default_factory=list)
    known: dict[str, frozenset[str]] = field(default_factory=dict)
    _studies: dict[str, Respondents] = field(default_factory=dict)

    def identity(self, study: str, recording: str) -> str:
        """Return who is seen; a recording of nobody known is a person of its own."""
        if study not in self._studies:
            self._studies[study] = self._read(study)
            self.known[study] = frozenset(
                _person(study, item.respondent) for item in self._studies[study].table.values()
            )
        found = self._studies[study].of(recording)
        if found is not None:
            return _person(study, found.respondent)
        return stable_hash({"study": study, "recording": recording})

    def _read(self, study: str) -> Respondents:
        try:
            people = people_of(self.services.lake, study, self.services.ledger.names(study))
        except PermanentInputError as error:
            log.warning("%s", error)
            self.notes.append(f"{error.sentence} Each of its recordings counts as a person.")
            return Respondents(study, {}, ())
        self.notes += people.notes()
        return people


def _person(study: str, respondent: str) -> str:
    return stable_hash({"study": study, "respondent": respondent})
