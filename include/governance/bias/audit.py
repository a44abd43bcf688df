"""The audit itself: figures per group and intersection, comparisons, change, verdict."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt
from fairlearn.metrics import MetricFrame

from include.governance.bias.disparity import (
    Comparison,
    Estimate,
    Status,
    compare,
    estimate,
    settle,
    worst,
)
from include.governance.bias.metrics import (
    METRICS,
    FloatArray,
    Metric,
    Panel,
    Statistics,
    figure,
    people_counted,
    statistics,
)
from include.governance.bias.resampling import People, people
from include.governance.bias.rows import ANSWER, PERSON, TRUTH, AuditRows
from include.governance.bias.settings import AuditSettings

EVERYONE = ("everyone",)


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
    """Rows of one audit (this one or the last), summed per person."""

    rows: AuditRows
    statistics: Statistics
    per_person: FloatArray
    present: npt.NDArray[np.bool_]

    def members(
        self, drawn: People, attributes: tuple[str, ...], group: tuple[str, ...]
    ) -> npt.NDArray[np.bool_]:
        """(people,) whether each person belongs to the group."""
        frame = self.rows.frame
        belongs = np.ones(len(frame), dtype=bool)
        for name, value in zip(attributes, group, strict=True):
            belongs &= (frame[name] == value).to_numpy()
        members = np.zeros(len(drawn.ids), dtype=bool)
        members[drawn.ids.get_indexer(frame.loc[belongs, PERSON])] = True
        return members


@dataclass(frozen=True, slots=True)
class _Cell:
    """One group, with the sums of its resamples."""

    attributes: tuple[str, ...]
    group: tuple[str, ...]
    members: npt.NDArray[np.bool_]
    sums: FloatArray


def audit(rows: AuditRows, settings: AuditSettings, *, previous: AuditRows | None = None) -> Audit:
    """Audit how the system treats groups of people.

    Args:
        rows: What happened.
        settings: Thresholds and numbers.
        previous: Rows of the last audit. People who are in both are resampled together, so
            that the interval of a change knows that it compares the same people.

    Raises:
        ConfigurationError: `previous` lacks an attribute of `rows`.
    """
    everybody = list(rows.frame[PERSON])
    if previous is not None:
        everybody += list(previous.frame[PERSON])
    drawn = people(everybody, resamples=settings.resamples, seed=settings.seed)
    now, then = _side(rows, drawn), None if previous is None else _side(previous, drawn)
    figures: list[GroupFigure] = []
    comparisons: list[Comparison] = []
    metrics = _measurable(rows)
    for attributes in _attribute_sets(rows.attributes, settings.intersections):
        points = _points(rows, now.statistics, attributes, metrics)
        cells = [_cell(now, drawn, attributes, group) for group in sorted(points)]
        before = {
            cell.group: _cell(then, drawn, attributes, cell.group)
            for cell in cells
            if then is not None
        }
        for metric in metrics:
            figures += [
                _group_figure(
                    metric,
                    cell,
                    now,
                    points[cell.group][metric.name],
                    (then, before.get(cell.group)),
                    settings,
                )
                for cell in cells
            ]
            if attributes:
                comparisons += _compare_cells(metric, cells, now, settings)
    settled = [
        item
        for panel in Panel
        for item in settle([one for one in comparisons if one.panel == panel], settings)
    ]
    panels = {
        str(panel): worst([item.status for item in settled if item.panel == panel])
        for panel in Panel
        if any(metric.panel is panel for metric in metrics)
    }
    return Audit(tuple(figures), tuple(settled), panels, worst(list(panels.values())))


def _measurable(rows: AuditRows) -> tuple[Metric, ...]:
    """Without a true label anywhere there is no labelled panel."""
    labelled = bool(rows.frame[TRUTH].notna().any())
    return tuple(metric for metric in METRICS if labelled or metric.panel is Panel.PARITY)


def _attribute_sets(attributes: tuple[str, ...], largest: int) -> Iterator[tuple[str, ...]]:
    yield ()
    for order in range(1, min(largest, len(attributes)) + 1):
        yield from combinations(attributes, order)


def _side(rows: AuditRows, drawn: People) -> _Side:
    table = statistics(rows)
    per_person = drawn.sums(rows.frame[PERSON], table.values)
    return _Side(rows, table, per_person, per_person[:, table.index["shown"]] > 0)


def _points(
    rows: AuditRows, table: Statistics, attributes: tuple[str, ...], metrics: tuple[Metric, ...]
) -> dict[tuple[str, ...], dict[str, float]]:
    """Figures of every group that has rows, by fairlearn."""
    frame = rows.frame

    def sums(_: object, __: object, *, line: npt.NDArray[np.int64]) -> FloatArray:
        return table.values[np.asarray(line)].sum(axis=0)

    features = frame[list(attributes)] if attributes else np.full(len(frame), EVERYONE[0])
    by_group = MetricFrame(
        metrics={"sums": sums},
        y_true=frame[TRUTH].fillna(""),
        y_pred=frame[ANSWER].fillna(""),
        sensitive_features=features,
        sample_params={"sums": {"line": np.arange(len(frame))}},
    ).by_group["sums"]
    present = set(frame[list(attributes)].itertuples(index=False, name=None)) or {()}
    points = {}
    for key, of_group in by_group.items():
        group = key if isinstance(key, tuple) else (key,)
        group = tuple(str(part) for part in group) if attributes else ()
        if group in present:
            points[group] = {
                metric.name: float(figure(metric, of_group, table.index)) for metric in metrics
            }
    return points


def _cell(side: _Side, drawn: People, attributes: tuple[str, ...], group: tuple[str, ...]) -> _Cell:
    members = side.members(drawn, attributes, group)
    return _Cell(attributes, group, members, drawn.weighted(side.per_person, members))


def _counted(metric: Metric, side: _Side, members: npt.NDArray[np.bool_]) -> float:
    return people_counted(metric, side.per_person[members], side.statistics.index)


def _group_figure(
    metric: Metric,
    cell: _Cell,
    now: _Side,
    point: float,
    last: tuple[_Side | None, _Cell | None],
    settings: AuditSettings,
) -> GroupFigure:
    counted = _counted(metric, now, cell.members)
    result = change = None
    if counted >= settings.minimum_people:
        samples = figure(metric, cell.sums, now.statistics.index)
        samples[0] = point
        result = estimate(samples, settings.confidence)
        then, before = last
        if (
            then is not None
            and before is not None
            and _counted(metric, then, before.members) >= settings.minimum_people
        ):
            earlier = figure(metric, before.sums, then.statistics.index)
            change = estimate(samples - earlier, settings.confidence)
    own = cell.members & now.present
    return GroupFigure(
        metric=metric.name,
        panel=metric.panel,
        attributes=cell.attributes,
        group=cell.group or EVERYONE,
        people=int(own.sum()),
        rows=int(now.per_person[own, now.statistics.index["shown"]].sum()),
        counted=counted,
        result=result,
        change=change,
    )


def _compare_cells(
    metric: Metric, cells: list[_Cell], now: _Side, settings: AuditSettings
) -> list[Comparison]:
    """Compare each sufficient group with everybody else, where these are sufficient too."""
    enough = [
        cell for cell in cells if _counted(metric, now, cell.members) >= settings.minimum_people
    ]
    if not enough:
        return []
    index = now.statistics.index
    own = [figure(metric, cell.sums, index) for cell in enough]
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = np.exp(np.mean(np.log(own), axis=0))
    total = np.sum([cell.sums for cell in cells], axis=0)
    compared = []
    for cell, samples in zip(enough, own, strict=True):
        others = now.present & ~cell.members
        if _counted(metric, now, others) >= settings.minimum_people:
            rest = figure(metric, total - cell.sums, index)
            compared.append(
                compare(metric, cell.attributes, cell.group, (samples, rest, mean), settings)
            )
    return compared
