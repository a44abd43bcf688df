"""Dashboards and alarms ask only for figures that somebody emits."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from include.contracts.errors import ConfigurationError
from include.observability import boards
from include.observability.alarms import load_alarms, main
from include.observability.catalogue import FIGURES, LOOP
from include.observability.sink import Unit

ROOT = Path(__file__).parents[3]
EXPRESSION = re.compile(r"(?:sum|max) by \((.*?)\) \((?:increase\()?([A-Za-z0-9_]+)(\[1h\]\))?\)")


def committed(name: str) -> dict[str, Any]:
    return json.loads((ROOT / "deploy" / "grafana" / name).read_text())


def panels(board: dict[str, Any]) -> list[dict[str, Any]]:
    return [panel for panel in board["panels"] if panel["type"] != "row"]


@pytest.mark.parametrize("name", sorted(boards.BOARDS))
def test_the_committed_dashboard_is_what_the_code_makes(name: str) -> None:
    assert committed(name) == boards.BOARDS[name](), "run python -m include.observability.boards"


@pytest.mark.parametrize("name", sorted(boards.BOARDS))
def test_panels_have_their_own_id_and_place(name: str) -> None:
    board = committed(name)
    ids = [panel["id"] for panel in board["panels"]]
    assert len(set(ids)) == len(ids)
    taken: set[tuple[int, int]] = set()
    for panel in board["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not taken & cells, panel["title"]
        taken |= cells


def test_every_figure_has_a_panel_and_every_panel_a_figure_on_cloudwatch() -> None:
    shown = set()
    for panel in panels(committed("cloudwatch.json")):
        (target,) = panel["targets"]
        figure = FIGURES[target["metricName"]]
        assert set(target["dimensions"]) == set(figure.dimensions)
        assert target["statistic"] == ("Sum" if figure.adds_up else "Maximum")
        assert panel["description"] == figure.meaning
        shown.add(figure.name)
    assert shown == set(FIGURES)


def airflows_own() -> dict[str, str]:
    """Airflow's figures by the name `statsd_exporter` gives them, with their types."""
    import airflow

    (folder,) = airflow.__path__
    registry = Path(folder) / "_shared/observability/metrics/metrics_template.yaml"
    content = yaml.safe_load(registry.read_text())
    return {
        f"airflow_{entry['name']}".replace(".", "_"): entry["type"] for entry in content["metrics"]
    }


def test_every_panel_on_prometheus_shows_a_figure_of_ours_or_of_airflow() -> None:
    ours = {f"fex_{figure.name}": figure for figure in FIGURES.values()}
    airflow = airflows_own()
    shown = set()
    for panel in panels(committed("statsd.json")):
        (target,) = panel["targets"]
        found = EXPRESSION.fullmatch(target["expr"])
        assert found is not None, target["expr"]
        by, name, summed = found.groups()
        shown.add(name)
        if name in ours:
            assert by == ", ".join(ours[name].dimensions)
            assert bool(summed) == ours[name].adds_up
        else:
            assert airflow[name] == ("counter" if summed else "gauge")
    assert set(ours) < shown


def string_literals(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


@pytest.mark.parametrize("figure", LOOP, ids=lambda figure: figure.name)
def test_figures_of_other_rooms_are_spelled_there(figure: Any) -> None:
    # The audit puts its colour in the middle of the name; all others are spelled as they are.
    parts = [part for part in figure.name.split("Red") if part]
    assert any(
        set(parts) <= set(string_literals(path))
        for path in (ROOT / "include" / "pipeline").rglob("*.py")
    ), f"nobody emits {figure.name}"


def test_seconds_are_shown_as_time() -> None:
    for panel in panels(committed("cloudwatch.json")):
        figure = FIGURES[panel["targets"][0]["metricName"]]
        if figure.unit is Unit.SECONDS:
            assert panel["fieldConfig"]["defaults"]["unit"] == "s"


# --- alarms ---


@pytest.fixture
def topic(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """moto's CloudWatch, with the settings of a platform on AWS."""
    import boto3
    from moto import mock_aws

    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    with mock_aws():
        arn = boto3.client("sns", "eu-central-1").create_topic(Name="notices")["TopicArn"]
        monkeypatch.setenv("FEX_WATCH__FIGURES", "cloudwatch")
        monkeypatch.setenv("FEX_WATCH__NOTICES", "sns")
        monkeypatch.setenv("FEX_WATCH__SNS_TOPIC_ARN", arn)
        yield arn


def test_alarms_are_created_and_created_again(
    topic: str, capsys: pytest.CaptureFixture[str]
) -> None:
    import boto3

    assert main(["--apply"]) == 0
    assert main(["--apply"]) == 0
    names = json.loads(capsys.readouterr().out.split("]")[0] + "]")
    found = boto3.client("cloudwatch", "eu-central-1").describe_alarms()["MetricAlarms"]
    assert {alarm["AlarmName"] for alarm in found} == set(names)
    by_name = {alarm["AlarmName"]: alarm for alarm in found}
    drift = by_name["FacialExpression-drift-open-input_quality"]
    assert drift["Dimensions"] == [{"Name": "Family", "Value": "input_quality"}]
    assert (drift["ComparisonOperator"], drift["Threshold"]) == ("GreaterThanThreshold", 1.0)
    silent = by_name["FacialExpression-intake-silent"]
    assert silent["TreatMissingData"] == "breaching"
    degraded = by_name["FacialExpression-model-degraded-expression-mobilenetv2"]
    assert degraded["Dimensions"][0]["Value"] == "expression-mobilenetv2"
    assert all(alarm["AlarmActions"] == [topic] for alarm in found)


def test_without_a_topic_or_aws_the_setting_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--print"]) == 2
    assert "FEX_WATCH__SNS_TOPIC_ARN" in capsys.readouterr().err
    monkeypatch.setenv("FEX_WATCH__SNS_TOPIC_ARN", "arn:aws:sns:eu-central-1:1:t")
    assert main(["--apply"]) == 2
    assert "FEX_WATCH__FIGURES" in capsys.readouterr().err


def test_runbooks_that_alarms_name_exist() -> None:
    named = {path for alarm in load_alarms() for path in re.findall(r"docs/\S+\.md", alarm.meaning)}
    assert len(named) >= 4
    for path in named:
        assert (ROOT / path).is_file(), path


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"figure": "QueueLength"}, "nobody emits"),
        ({"figure": "DriftEpisode"}, "Family"),
        ({"below": 1}, "either above or below"),
        ({"periods": 300}, "must not exceed"),
        ({"missing": "whatever"}, "missing"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_a_wrong_alarm_says_why(tmp_path: Path, change: dict[str, Any], reason: str) -> None:
    content = yaml.safe_load((ROOT / "deploy/alarms/cloudwatch.yaml").read_text())
    content[0] |= change
    path = tmp_path / "alarms.yaml"
    path.write_text(yaml.safe_dump(content))
    with pytest.raises(ConfigurationError, match=reason):
        load_alarms(path)
