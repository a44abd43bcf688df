"""Metrics refuse what AWS would refuse; the embedded sinks keep what they are given."""

from __future__ import annotations

import socket
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from include.composition import build_metric_sink, build_notifier
from include.contracts.errors import ConfigurationError
from include.lake.store import Lake
from include.observability.embedded import LakeSink, StatsdSink, read_metrics, tidy
from include.observability.notice import Notice, Severity
from include.observability.sink import METRIC, Fanout, Metric, Unit
from include.settings import StorageSettings, WatchSettings
from tests.fakes.home import services_in

NOW = datetime(2026, 11, 2, 9, 30, tzinfo=UTC)


def metric(name: str = "QueueDepth", value: float = 3.0, **changes: object) -> Metric:
    return Metric(**{"name": name, "value": value, "unit": Unit.COUNT, "at": NOW, **changes})


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake.open(StorageSettings(lake_url=(tmp_path / "lake").as_uri()))


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "queue depth"},
        {"name": ""},
        {"value": float("nan")},
        {"value": float("inf")},
        {"at": datetime(2026, 11, 2)},  # noqa: DTZ001 - the point
        {"dimensions": {"Reason": ""}},
        {"dimensions": {"Reason": "größe"}},
        {"dimensions": {"a b": "x"}},
        {"dimensions": {f"D{i}": "x" for i in range(11)}},
    ],
)
def test_a_metric_refuses_what_cloudwatch_refuses(changes: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r".+"):
        metric(**changes)


@pytest.mark.parametrize("unit", ["Furlongs", "count"])
def test_a_unit_is_one_of_cloudwatchs(unit: str) -> None:
    with pytest.raises(ValueError, match=unit):
        metric(unit=unit)


def test_a_metric_survives_json_and_is_kept_in_utc() -> None:
    east = timezone(timedelta(hours=2))
    before = metric(at=NOW.astimezone(east), dimensions={"Reason": "gap"}, adds_up=True)
    assert before.at.tzinfo is UTC
    assert METRIC.read(METRIC.line(before), "k") == before


def test_the_same_figures_emitted_again_count_once(lake: Lake) -> None:
    sink = LakeSink(lake)
    sink.emit([metric(), metric("OldestWaiting")])
    sink.emit([metric(), metric("OldestWaiting")])
    assert len(list(read_metrics(lake, NOW.date()))) == 2


def test_tidying_keeps_every_figure_and_may_be_repeated(lake: Lake) -> None:
    sink = LakeSink(lake)
    for value in range(5):
        sink.emit([metric(value=float(value))])
    assert tidy(lake, NOW.date()) == 5
    sink.emit([metric(value=99.0)])  # a late one
    assert tidy(lake, NOW.date()) == 1
    assert tidy(lake, NOW.date()) == 0
    assert len(list(lake.list("watch/metrics"))) == 1
    assert {m.value for m in read_metrics(lake, NOW.date())} == {0, 1, 2, 3, 4, 99}


def test_tidying_killed_between_writing_and_deleting_doubles_nothing(lake: Lake) -> None:
    LakeSink(lake).emit([metric()])
    (part,) = lake.list("watch/metrics")
    content = lake.get_bytes(part)
    tidy(lake, NOW.date())
    lake.put_bytes(part, content)  # as if the kill had come before the deletion
    assert len(list(read_metrics(lake, NOW.date()))) == 1


def test_statsd_lines_have_kind_and_tags() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.settimeout(5)
        sink = StatsdSink("127.0.0.1", listener.getsockname()[1], "fex")
        sink.emit(
            [
                metric(value=3),
                metric("Failures", 2, dimensions={"Reason": "a|b", "Stage": "probe"}, adds_up=True),
                metric("Share", 0.25, unit=Unit.NONE),
            ]
        )
        assert listener.recv(65536).decode().splitlines() == [
            "fex.QueueDepth:3|g",
            "fex.Failures:2|c|#Reason:a_b,Stage:probe",
            "fex.Share:0.25|g",
        ]


def test_statsd_datagrams_stay_within_a_frame() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.settimeout(5)
        sink = StatsdSink("127.0.0.1", listener.getsockname()[1], "fex")
        sink.emit(
            [metric(value=float(value), dimensions={"Reason": "x" * 80}) for value in range(40)]
        )
        lines: list[str] = []
        while len(lines) < 40:
            datagram = listener.recv(65536)
            assert len(datagram) <= 1400
            lines += datagram.decode().splitlines()
    assert [line.split(":")[1].split("|")[0] for line in lines] == [str(v) for v in range(40)]


def test_a_statsd_listener_that_is_away_costs_nothing() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    StatsdSink("127.0.0.1", port, "fex").emit([metric()] * 100)


def test_a_statsd_host_without_an_address_names_the_setting() -> None:
    with pytest.raises(ConfigurationError, match="FEX_WATCH__STATSD_HOST"):
        StatsdSink("no-such-host.invalid", 8125, "fex").emit([metric()])


def test_a_sink_that_fails_does_not_keep_figures_from_the_others() -> None:
    class Broken:
        def emit(self, metrics: object) -> None:
            raise ConfigurationError("FEX_WATCH__FIGURES", "broken")

    class Kept:
        def __init__(self) -> None:
            self.seen: list[Metric] = []

        def emit(self, metrics: list[Metric]) -> None:
            self.seen.extend(metrics)

    kept = Kept()
    with pytest.raises(ConfigurationError, match="broken"):
        Fanout([Broken(), kept]).emit([metric()])
    assert kept.seen == [metric()]


@pytest.mark.parametrize(
    ("key", "title"), [("", "title"), ("key", ""), ("key", "x" * 101), ("key", "two\nlines")]
)
def test_a_notice_needs_a_key_and_one_short_line(key: str, title: str) -> None:
    with pytest.raises(ValueError, match="notice"):
        Notice(key, Severity.INFO, title, "body")


def test_sns_without_a_topic_names_the_setting(tmp_path: Path) -> None:
    services = services_in(tmp_path, watch=WatchSettings(notices=("sns",)))
    with pytest.raises(ConfigurationError, match="FEX_WATCH__SNS_TOPIC_ARN"):
        build_notifier(services)


def test_the_composition_root_adds_statsd_where_a_host_is_named(tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.settimeout(5)
        watch = WatchSettings(
            statsd_host="127.0.0.1", statsd_port=listener.getsockname()[1], statsd_prefix="house"
        )
        services = services_in(tmp_path, watch=watch)
        build_metric_sink(services).emit([metric()])
        assert listener.recv(65536) == b"house.QueueDepth:3|g"
    assert [m.name for m in read_metrics(services.lake, NOW.date())] == ["QueueDepth"]
