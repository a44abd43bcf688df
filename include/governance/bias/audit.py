"""The audit itself: figures per group and intersection, comparisons, change, verdict."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt
from fairlearn.metrics import MetricFrame

from include.governance.bias.disparity import (
    Comparison,
    Side,
    Status,
    adjust,
    compare,
    estimates,
    excess,
    worst,
)
from include.governance.bias.metrics import (
    METRICS,
    Metric,
    Panel,
    Statistics,
    exact_at_an_end,
    figure,
    people_counted,
    statistics,
)
from include.governance.bias.rows import ANSWER, PERSON, TRUTH, AuditRows
from include.governance.bias.settings import AuditSettings
from include.statistics import counts
from include.statistics.arrays import FloatArray
from include.statistics.bootstrap import is_certain
from include.statistics.clusters import ClusterBootstrap
from include.statistics.estimate import Estimate

EVERYONE = ("everyone",)
_METRICS = {metric.name: metric for metric in METRICS}


@dataclass(frozen=True, slots=True)
class GroupFigure:
    """One figure of one group.

    Attributes:
        metric: Name of the figure.
        panel: Its panel.
        attributes: What groups people; empty for everyone together.
        group: The group's value of each attribute.
        people: People of the group.
        rows: Their rows.
        counted: People below the figure's line, held against the minimum.
        result: None: insufficient.
        change: Since the last audit; None without one, or insufficient in either.
    """

    metric: str
    panel: str
    attributes: tuple[str, ...]
    group: tuple[str, ...]
    people: int
    rows: int
    counted: float
    result: Estimate | None
    change: Estimate | None


@dataclass(frozen=True, slots=True)
class Audit:
    """What an audit found.

    Attributes:
        figures: Per metric, group and intersection.
        comparisons: Groups beside everybody else, where both are sufficient.
        panels: Status of each panel that has rows.
        verdict: The worst of them.
    """

    figures: tuple[GroupFigure, ...]
    comparisons: tuple[Comparison, ...]
    panels: dict[str, Status]
    verdict: Status


@dataclass(frozen=True, slots=True)
class _Side:
    """Rows of one audit (this one or the last), summed per person.

    `touched` is 1 where a person has anything in a statistic, `present` whether there is a row.
    """

    rows: AuditRows
    statistics: Statistics
    per_person: FloatArray
    touched: FloatArray
    row_counts: npt.NDArray[np.int64]
    present: npt.NDArray[np.bool_]

    def members(
        self, drawn: ClusterBootstrap, attributes: tuple[str, ...], group: tuple[str, ...]
    ) -> npt.NDArray[np.bool_]:
        """(people,) whether each person belongs to the group."""
        frame = self.rows.frame
        belongs = np.ones(len(frame), dtype=bool)
        for name, value in zip(attributes, group, strict=True):
            belongs &= (frame[name] == value).to_numpy()
        members = np.zeros(drawn.people_n, dtype=bool)
        members[drawn.places(list(frame.loc[belongs, PERSON]))] = True
        return members


@dataclass(frozen=True, slots=True)
class _Cell:
    """One group, with the sums of its resamples and its people by statistic."""

    attributes: tuple[str, ...]
    group: tuple[str, ...]
    members: npt.NDArray[np.bool_]
    sums: FloatArray
    counts: FloatArray


def audit(
    rows: AuditRows,
    settings: AuditSettings,
    *,
    previous: AuditRows | None = None,
    panels: Collection[Panel] = tuple(Panel),
) -> Audit:
    """Audit how the system treats groups of people.

    Args:
        rows: What happened.
        settings: Thresholds and numbers.
        previous: Rows of the last audit. People who are in both are resampled together, so
            that the interval of a change knows that it compares the same people.
        panels: What to look at. Rows that were chosen for labelling say nothing about parity.

    Raises:
        ConfigurationError: `previous` lacks an attribute of `rows`.
    """
    everybody = list(rows.frame[PERSON])
    if previous is not None:
        everybody += list(previous.frame[PERSON])
    drawn = ClusterBootstrap(everybody, resamples=settings.resamples, seed=settings.seed)
    now, then = _side(rows, drawn), None if previous is None else _side(previous, drawn)
    figures: list[GroupFigure] = []
    comparisons: list[Comparison] = []
    metrics = _measurable(rows, panels)
    for attributes in _attribute_sets(rows.attributes, settings.intersections):
        points = _points(rows, now.statistics, attributes, metrics)
        cells = [_cell(now, drawn, attributes, group) for group in sorted(points)]
        before = {
            cell.group: _cell(then, drawn, attributes, cell.group)
            for cell in cells
            if then is not None
        }
        for cell in cells:
            figures += _group_figures(
                metrics, cell, now, points[cell.group], (then, before.get(cell.group)), settings
            )
        if attributes:
            total = np.sum([cell.sums for cell in cells], axis=0)
            for metric in metrics:
                comparisons += _compare_cells(metric, cells, total, now, settings)
    adjusted = [
        item
        for panel in Panel
        for item in adjust([one for one in comparisons if one.panel == panel], settings)
    ]
    found = {
        str(panel): worst([item.status for item in adjusted if item.panel == panel])
        for panel in Panel
        if any(metric.panel is panel for metric in metrics)
    }
    return Audit(tuple(figures), tuple(adjusted), found, worst(list(found.values())))


def _measurable(rows: AuditRows, panels: Collection[Panel]) -> tuple[Metric, ...]:
    """Without a true label anywhere there is no labelled panel."""
    labelled = bool(rows.frame[TRUTH].notna().any())
    return tuple(
        metric
        for metric in METRICS
        if metric.panel in panels and (labelled or metric.panel is Panel.PARITY)
    )


def _attribute_sets(attributes: tuple[str, ...], largest: int) -> Iterator[tuple[str, ...]]:
    yield ()
    for order in range(1, min(largest, len(attributes)) + 1):
        yield from combinations(attributes, order)


def _side(rows: AuditRows, drawn: ClusterBootstrap) -> _Side:
    table = statistics(rows)
    person_of_row = drawn.places(list(rows.frame[PERSON]))
    row_counts = np.bincount(person_of_row, minlength=drawn.people_n)
    per_person = drawn.by_person(table.values, person_of_row)
    touched = (per_person > 0).astype(np.float64)
    return _Side(rows, table, per_person, touched, row_counts, row_counts > 0)


def _points(
    rows: AuditRows, table: Statistics, attributes: tuple[str, ...], metrics: tuple[Metric, ...]
) -> dict[tuple[str, ...], dict[str, float]]:
    """Figures of every group that has rows, by fairlearn."""
    frame = rows.frame

    def sums(_: object, __: object, *, line: npt.NDArray[np.int64]) -> FloatArray:
        summed: FloatArray = table.values[np.asarray(line)].sum(axis=0)
        return summed

    features = frame[list(attributes)] if attributes else np.full(len(frame), EVERYONE[0])
    by_group = MetricFrame(
        metrics={"sums": sums},
        y_true=frame[TRUTH].fillna(""),
        y_pred=frame[ANSWER].fillna(""),
        sensitive_features=features,
        sample_params={"sums": {"line": np.arange(len(frame))}},
    ).by_group["sums"]
    present = set(frame[list(attributes)].itertuples(index=False, name=None)) or {()}
    sums_of: dict[tuple[str, ...], FloatArray] = {}
    for key, of_group in by_group.items():
        group = key if isinstance(key, tuple) else (key,)
        group = tuple(str(part) for part in group) if attributes else ()
        if group in present:
            sums_of[group] = of_group
    stacked = np.stack(list(sums_of.values()))
    values = {metric.name: figure(metric, stacked, table.index) for metric in metrics}
    return {
        group: {name: float(column[number]) for name, column in values.items()}
        for number, group in enumerate(sums_of)
    }


def _cell(
    side: _Side, drawn: ClusterBootstrap, attributes: tuple[str, ...], group: tuple[str, ...]
) -> _Cell:
    members = side.members(drawn, attributes, group)
    touched = members.astype(np.float64) @ side.touched
    return _Cell(attributes, group, members, drawn.totals(side.per_person, members), touched)


def _group_figures(
    metrics: tuple[Metric, ...],
    cell: _Cell,
    now: _Side,
    points: dict[str, float],
    last: tuple[_Side | None, _Cell | None],
    settings: AuditSettings,
) -> list[GroupFigure]:
    """All figures of one group; the intervals of those with enough people are read at once."""
    index, (then, before) = now.statistics.index, last
    counted = {metric.name: float(people_counted(metric, cell.counts, index)) for metric in metrics}
    enough = [metric for metric in metrics if counted[metric.name] >= settings.minimum_people]
    samples = {metric.name: figure(metric, cell.sums, index) for metric in enough}
    for name, values in samples.items():
        values[0] = points[name]
    changes = {
        metric.name: samples[metric.name] - figure(metric, before.sums, then.statistics.index)
        for metric in enough
        if then is not None
        and before is not None
        and people_counted(metric, before.counts, then.statistics.index) >= settings.minimum_people
    }
    results, moved = _results(samples, cell, now, settings), _changes(changes, counted, settings)
    own = cell.members & now.present
    people_n, rows_n = int(own.sum()), int(now.row_counts[own].sum())
    return [
        GroupFigure(
            metric=metric.name,
            panel=metric.panel,
            attributes=cell.attributes,
            group=cell.group or EVERYONE,
            people=people_n,
            rows=rows_n,
            counted=counted[metric.name],
            result=results.get(metric.name),
            change=moved.get(metric.name),
        )
        for metric in metrics
    ]


def _results(
    samples: dict[str, FloatArray], cell: _Cell, now: _Side, settings: AuditSettings
) -> dict[str, Estimate]:
    if not samples:
        return {}
    found = _groups(
        [(_METRICS[name], values, cell.counts) for name, values in samples.items()], now, settings
    )
    return dict(zip(samples, found.estimates(settings.confidence), strict=True))


def _changes(
    samples: dict[str, FloatArray], counted: dict[str, float], settings: AuditSettings
) -> dict[str, Estimate]:
    if not samples:
        return {}
    stacked = np.stack(list(samples.values()))
    n = [int(counted[name]) for name in samples]
    found = dict(zip(samples, estimates(stacked, n, settings.confidence), strict=True))
    return {
        name: counts.no_change(one.n, level=settings.confidence)
        if _METRICS[name].is_counted and one.value == 0 and is_certain(samples[name])
        else one
        for name, one in found.items()
    }


def _groups(
    cells: list[tuple[Metric, FloatArray, FloatArray]], now: _Side, settings: AuditSettings
) -> Side:
    """Figures with their resamples and the people behind them, (1 + resamples,) and (k,) each."""
    index = now.statistics.index
    return Side(
        np.stack([values for _, values, _ in cells]),
        [int(people_counted(metric, people, index)) for metric, _, people in cells],
        [
            exact_at_an_end(metric, float(values[0]), people, index, settings.confidence)
            for metric, values, people in cells
        ],
    )


def _compare_cells(
    metric: Metric, cells: list[_Cell], total: FloatArray, now: _Side, settings: AuditSettings
) -> list[Comparison]:
    """Compare each sufficient group with everybody else, where these are sufficient too."""
    index = now.statistics.index
    everybody = now.touched.sum(axis=0)
    enough = [
        cell
        for cell in cells
        if people_counted(metric, cell.counts, index) >= settings.minimum_people
    ]
    if not enough:
        return []
    own = np.stack([figure(metric, cell.sums, index) for cell in enough])
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = np.exp(np.log(own).mean(axis=0))
    kept = [
        number
        for number, cell in enumerate(enough)
        if people_counted(metric, everybody - cell.counts, index) >= settings.minimum_people
    ]
    if not kept:
        return []
    sides = (
        _groups([(metric, own[number], enough[number].counts) for number in kept], now, settings),
        _groups(
            [
                (
                    metric,
                    figure(metric, total - enough[number].sums, index),
                    everybody - enough[number].counts,
                )
                for number in kept
            ],
            now,
            settings,
        ),
    )
    groups = [(enough[number].attributes, enough[number].group) for number in kept]
    return compare(metric, groups, sides, mean, settings)


def estimated_verdict(
    rows: AuditRows, settings: AuditSettings, *, panels: Collection[Panel] = tuple(Panel)
) -> Status:
    """Return green exactly when `audit` is green, else amber: what estimates say without chance.

    A comparison leaves green by its estimate alone; resamples only tell amber from red.
    """
    now = _side(rows, ClusterBootstrap(list(rows.frame[PERSON]), resamples=1, seed=settings.seed))
    index, total, everybody = (
        now.statistics.index,
        now.per_person.sum(axis=0),
        now.touched.sum(axis=0),
    )
    numbers = rows.frame.drop_duplicates(PERSON).set_index(PERSON)
    for attributes in _attribute_sets(rows.attributes, settings.intersections):
        if not attributes:
            continue
        # Rows are sorted by person, and so are the sums.
        of_group = numbers.groupby(list(attributes)).indices.values()
        sums = np.stack([now.per_person[members].sum(axis=0) for members in of_group])
        counts = np.stack([now.touched[members].sum(axis=0) for members in of_group])
        for metric in _measurable(rows, panels):
            fewest = np.minimum(
                people_counted(metric, counts, index),
                people_counted(metric, everybody - counts, index),
            )
            own, others = figure(metric, sums, index), figure(metric, total - sums, index)
            beyond = excess(metric.rule, own[:, None], others[:, None], settings)
            if (
                beyond is not None
                and ((beyond[:, 0] > 0) & (fewest >= settings.minimum_people)).any()
            ):
                return Status.AMBER
    return Status.GREEN
