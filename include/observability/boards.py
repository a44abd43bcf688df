"""The Grafana dashboards, made from the catalogue: `python -m include.observability.boards`.

Two files with the same panels: `cloudwatch.json` for AWS, `statsd.json` for Prometheus
behind `statsd_exporter`, with a row of Airflow's own figures more. Grafana's model is
described in its documentation, "JSON model"; import either file as it stands.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from include.observability import catalogue
from include.observability.catalogue import Figure
from include.observability.sink import Unit
from include.settings import WatchSettings

FOLDER = Path(__file__).resolve().parents[2] / "deploy" / "grafana"

_WIDTH, _HEIGHT, _COLUMNS = 8, 8, 24
_UNITS = {Unit.SECONDS: "s", Unit.COUNT: "short", Unit.PERCENT: "percent", Unit.BYTES: "bytes"}


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel: a figure over time; those that add up are summed per hour."""

    title: str
    figure: Figure


@dataclass(frozen=True, slots=True)
class AirflowPanel:
    """One of Airflow's own figures, by its name in StatsD."""

    title: str
    name: str
    is_counter: bool = False


ROWS: tuple[tuple[str, tuple[Panel, ...]], ...] = (
    (
        "Queue",
        (
            Panel("Recordings that wait", catalogue.QUEUE_DEPTH),
            Panel("Longest wait", catalogue.OLDEST_WAITING),
            Panel("Recordings in work", catalogue.IN_WORK),
        ),
    ),
    (
        "Batches",
        (
            Panel("Recordings published per hour", catalogue.PUBLISHED),
            Panel("Seconds of video per hour of work", catalogue.VIDEO_SECONDS_PER_HOUR),
            Panel("Duration of a batch", catalogue.BATCH_SECONDS),
            Panel("Recordings not published per hour", catalogue.FAILURES),
            Panel("The same by reason", catalogue.FAILURES_BY_REASON),
            Panel("Claims past their lease", catalogue.OVERDUE),
        ),
    ),
    (
        "Cost",
        (
            Panel("Cost per minute of video", catalogue.COST_PER_VIDEO_MINUTE),
            Panel("Cost per hour", catalogue.COST),
            Panel("Seconds of inference jobs per hour", catalogue.TRANSFORM_SECONDS),
            Panel("CPU seconds of tasks per hour", catalogue.CPU_SECONDS),
            Panel("Seconds of video published per hour", catalogue.VIDEO_SECONDS),
        ),
    ),
    (
        "Drift",
        (
            Panel("Episodes: 0 quiet, 1 suspected, 2 open", catalogue.DRIFT_EPISODE),
            Panel("Effect against its minimum (1)", catalogue.DRIFT_EFFECT),
            Panel("Recordings in the judged week", catalogue.DRIFT_RECORDINGS),
        ),
    ),
    (
        "Model",
        (
            Panel("Health: 0 healthy, 1 watch, 2 degraded", catalogue.EVALUATION_HEALTH),
            Panel("Accuracy on fresh labels", catalogue.EVALUATION_ACCURACY),
            Panel("Macro-F1 on fresh labels", catalogue.EVALUATION_MACRO_F1),
            Panel("Labels behind the evaluation", catalogue.EVALUATION_LABELS),
            Panel("Red comparisons of the bias audit", catalogue.BIAS_RED),
            Panel("Faces with labels", catalogue.LABELLED_FACES),
            Panel("Answers of annotators per hour", catalogue.LABEL_VOTES),
            Panel("Agreement of annotators", catalogue.LABEL_AGREEMENT),
        ),
    ),
)
AIRFLOW: tuple[AirflowPanel, ...] = (
    AirflowPanel("Scheduler heartbeats per hour", "scheduler_heartbeat", is_counter=True),
    AirflowPanel("Failed tasks per hour", "ti_failures", is_counter=True),
    AirflowPanel("DAG files that do not parse", "dag_processing.import_errors"),
    AirflowPanel("Queued tasks", "executor.queued_tasks"),
    AirflowPanel("Running tasks", "executor.running_tasks"),
    AirflowPanel("Deferred tasks", "triggers.running"),
)


def cloudwatch_board() -> dict[str, Any]:
    """The dashboard on CloudWatch."""
    rows = [
        (
            title,
            [
                _panel(panel.title, panel.figure.unit, panel.figure.meaning, _query(panel.figure))
                for panel in panels
            ],
        )
        for title, panels in ROWS
    ]
    variables = [
        _datasource("cloudwatch"),
        _textbox("region", "eu-central-1"),
        _textbox("namespace", WatchSettings().namespace),
    ]
    return _board("fex-cloudwatch", rows, variables)


def statsd_board() -> dict[str, Any]:
    """The dashboard on Prometheus behind `statsd_exporter`."""
    rows = [
        (
            title,
            [
                _panel(
                    panel.title,
                    panel.figure.unit,
                    panel.figure.meaning,
                    _expression(
                        _exported(WatchSettings().statsd_prefix, panel.figure.name),
                        panel.figure.dimensions,
                        adds_up=panel.figure.adds_up,
                    ),
                )
                for panel in panels
            ],
        )
        for title, panels in ROWS
    ]
    own = [
        _panel(
            panel.title,
            Unit.COUNT,
            "Airflow's own figure.",
            _expression(_exported("airflow", panel.name), (), adds_up=panel.is_counter),
        )
        for panel in AIRFLOW
    ]
    return _board("fex-statsd", [*rows, ("Airflow", own)], [_datasource("prometheus")])


def _query(figure: Figure) -> dict[str, Any]:
    return {
        "refId": "A",
        "queryMode": "Metrics",
        "metricQueryType": 0,
        "metricEditorMode": 0,
        "region": "$region",
        "namespace": "$namespace",
        "metricName": figure.name,
        "dimensions": {name: ["*"] for name in figure.dimensions},
        "matchExact": True,
        "statistic": "Sum" if figure.adds_up else "Maximum",
        "period": "3600" if figure.adds_up else "auto",
        "label": " ".join(f"${{PROP('Dim.{name}')}}" for name in figure.dimensions),
    }


def _expression(name: str, labels: Sequence[str], *, adds_up: bool) -> dict[str, Any]:
    by = ", ".join(labels)
    value = f"increase({name}[1h])" if adds_up else name
    return {
        "refId": "A",
        "expr": f"{'sum' if adds_up else 'max'} by ({by}) ({value})",
        "legendFormat": " ".join(f"{{{{{label}}}}}" for label in labels) or "__auto",
        "range": True,
    }


def _exported(prefix: str, name: str) -> str:
    """The name `statsd_exporter` gives a figure without a mapping of its own."""
    return f"{prefix}_{name}".replace(".", "_")


def _panel(title: str, unit: Unit, meaning: str, target: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "timeseries",
        "title": title,
        "description": meaning,
        "datasource": {"uid": "$datasource"},
        "targets": [target],
        "fieldConfig": {
            "defaults": {
                "unit": _UNITS.get(unit, "none"),
                "min": 0,
                "custom": {"drawStyle": "line", "showPoints": "always", "spanNulls": False},
            },
            "overrides": [],
        },
        "options": {"legend": {"displayMode": "list", "placement": "bottom"}},
    }


def _board(
    uid: str, rows: Sequence[tuple[str, Sequence[dict[str, Any]]]], variables: list[dict[str, Any]]
) -> dict[str, Any]:
    return {
        "uid": uid,
        "title": "Displayed expressions: the platform",
        "description": "Made by python -m include.observability.boards; change it there.",
        "schemaVersion": 39,
        "version": 1,
        "editable": True,
        "tags": ["displayed-expressions"],
        "time": {"from": "now-7d", "to": "now"},
        "refresh": "5m",
        "templating": {"list": variables},
        "panels": list(_laid_out(rows)),
    }


def _laid_out(rows: Sequence[tuple[str, Sequence[dict[str, Any]]]]) -> Iterator[dict[str, Any]]:
    number = y = 0
    for title, panels in rows:
        number += 1
        place = {"h": 1, "w": _COLUMNS, "x": 0, "y": y}
        yield {"id": number, "type": "row", "title": title, "gridPos": place, "panels": []}
        y += 1
        for index, panel in enumerate(panels):
            number += 1
            across = index % (_COLUMNS // _WIDTH)
            if index and not across:
                y += _HEIGHT
            place = {"h": _HEIGHT, "w": _WIDTH, "x": across * _WIDTH, "y": y}
            yield {"id": number, "gridPos": place, **panel}
        y += _HEIGHT


def _datasource(kind: str) -> dict[str, Any]:
    return {"name": "datasource", "type": "datasource", "query": kind, "label": "Data source"}


def _textbox(name: str, value: str) -> dict[str, Any]:
    current = {"text": value, "value": value}
    return {"name": name, "type": "textbox", "query": value, "current": current}


BOARDS = {"cloudwatch.json": cloudwatch_board, "statsd.json": statsd_board}


def main(folder: Path = FOLDER) -> int:
    """Write the dashboards; returns the exit status."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, board in BOARDS.items():
        (folder / name).write_text(json.dumps(board(), indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
