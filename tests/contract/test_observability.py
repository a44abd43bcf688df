"""One suite for every metric sink and every notifier: what holds for one holds for the other."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, get_args

import pytest

from include.composition import Services, build_metric_sink, build_notifier
from include.contracts.errors import ConfigurationError, TransientError
from include.observability.channels import CHANNELS, build_channels
from include.observability.embedded import read_metrics
from include.observability.notice import IN_FLIGHT, Notice, Notifier, OnceNotifier, Severity
from include.observability.sink import Metric, MetricSink, Unit
from include.settings import WatchSettings
from tests.fakes.home import services_in, storage_in

NOW = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=10)
REGION = "eu-central-1"


@dataclass
class Seen:
    """A figure as its reader sees it."""

    name: str
    value: float
    unit: str
    dimensions: dict[str, str]


@dataclass
class Place:
    """A sink, a notifier, and what arrived at the other end."""

    services: Services
    sink: MetricSink
    notifier: Notifier
    figures: Callable[[str], list[Seen]]
    messages: Callable[[], list[str]]
    """What each message delivered so far says."""
    break_channel: Callable[[], None]


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture(scope="module")
def aws(request: pytest.FixtureRequest) -> Iterator[str]:
    """Address of moto's server, in the environment with credentials of nobody."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    endpoint = "http://{}:{}".format(*server.get_host_and_port())
    with pytest.MonkeyPatch.context() as patched:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patched.setenv(name, "testing")
        patched.setenv("AWS_ENDPOINT_URL", endpoint)
        yield endpoint
    server.stop()


def make_services(folder: Path, watch: WatchSettings) -> Services:
    storage = storage_in(folder, s3_region=REGION)
    return services_in(folder, clock=Clock(), storage=storage, watch=watch)


def embedded_place(folder: Path, caplog: pytest.LogCaptureFixture) -> Place:
    services = make_services(folder, WatchSettings())
    caplog.set_level("INFO", logger="include.observability.notice")

    def figures(name: str) -> list[Seen]:
        return [
            Seen(m.name, m.value, m.unit.value, dict(m.dimensions))
            for m in read_metrics(services.lake, NOW.date())
            if m.name == name
        ]

    def broken(notice: Notice) -> None:
        raise TransientError("the log is away")

    notifier = build_notifier(services)
    return Place(
        services,
        build_metric_sink(services),
        notifier,
        figures,
        lambda: [r.getMessage() for r in caplog.records if r.message.startswith("notice:")],
        lambda: setattr(notifier._channels["log"], "deliver", broken),
    )


def aws_place(folder: Path, endpoint: str) -> Place:
    import boto3

    sns = boto3.client("sns", region_name=REGION)
    topic = sns.create_topic(Name=folder.name[:40])["TopicArn"]
    namespace = f"Test/{folder.name}"
    services = make_services(
        folder,
        WatchSettings(
            figures="cloudwatch", notices=("sns",), sns_topic_arn=topic, namespace=namespace
        ),
    )
    cloudwatch = boto3.client("cloudwatch", region_name=REGION)

    def figures(name: str) -> list[Seen]:
        pages = cloudwatch.get_paginator("list_metrics").paginate(
            Namespace=namespace, MetricName=name
        )
        series = [entry for page in pages for entry in page["Metrics"]]
        return [
            Seen(name, value, "Count", {d["Name"]: d["Value"] for d in entry["Dimensions"]})
            for entry, values in zip(series, sums(series), strict=True)
            for value in values
        ]

    def sums(series: list[dict[str, Any]]) -> list[list[float]]:
        """Sum of each series, as CloudWatch finds it under the unit `Count`."""
        queries = [
            {
                "Id": f"q{index}",
                "MetricStat": {"Metric": entry, "Period": 3600, "Stat": "Sum", "Unit": "Count"},
            }
            for index, entry in enumerate(series)
        ]
        found: dict[str, list[float]] = {}
        for start in range(0, len(queries), 500):
            answer = cloudwatch.get_metric_data(
                MetricDataQueries=queries[start : start + 500],
                StartTime=NOW - timedelta(hours=1),
                EndTime=NOW + timedelta(hours=1),
            )
            found |= {entry["Id"]: entry["Values"] for entry in answer["MetricDataResults"]}
        return [found[query["Id"]] for query in queries]

    sqs = boto3.client("sqs", region_name=REGION)
    queue = sqs.create_queue(QueueName=folder.name[:40])["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn["QueueArn"])
    received: list[str] = []

    def messages() -> list[str]:
        answer = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10)
        received.extend(entry["Body"] for entry in answer.get("Messages", []))
        return received

    return Place(
        services,
        build_metric_sink(services),
        build_notifier(services),
        figures,
        messages,
        lambda: sns.delete_topic(TopicArn=topic),
    )


@pytest.fixture(params=["embedded", "aws"])
def place(
    request: pytest.FixtureRequest, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> Place:
    if request.param == "embedded":
        return embedded_place(tmp_path, caplog)
    return aws_place(tmp_path, request.getfixturevalue("aws"))


def metric(name: str = "Failures", value: float = 2.0, **dimensions: str) -> Metric:
    return Metric(name, value, Unit.COUNT, NOW, dimensions, adds_up=True)


def notice(key: str = "drift/input/1") -> Notice:
    return Notice(key, Severity.WARNING, "Brightness has drifted", "Look – soon.", "monitoring/x")


# --- figures ---


def test_a_figure_arrives_with_value_unit_and_dimensions(place: Place) -> None:
    place.sink.emit([metric(Reason="truncated")])
    assert place.figures("Failures") == [Seen("Failures", 2.0, "Count", {"Reason": "truncated"})]


def test_every_figure_of_a_large_call_arrives(place: Place) -> None:
    place.sink.emit([metric(Reason=f"r{index}") for index in range(501)])
    found = place.figures("Failures")
    assert {seen.dimensions["Reason"] for seen in found} == {f"r{i}" for i in range(501)}


def test_no_figures_are_no_fault(place: Place) -> None:
    place.sink.emit([])
    assert place.figures("Failures") == []


def test_dimensions_tell_series_apart(place: Place) -> None:
    place.sink.emit([metric(value=1, Reason="a"), metric(value=5, Reason="b")])
    by_reason = {seen.dimensions["Reason"]: seen.value for seen in place.figures("Failures")}
    assert by_reason == {"a": 1.0, "b": 5.0}


# --- notices ---


def test_a_notice_is_delivered_with_all_it_says(place: Place) -> None:
    assert place.notifier.send(notice())
    (message,) = place.messages()
    for part in ("Brightness has drifted", "Look", "soon", "monitoring/x"):
        assert part in message


def test_a_key_is_sent_once(place: Place) -> None:
    assert place.notifier.send(notice())
    assert not place.notifier.send(notice())
    assert not build_notifier(place.services).send(notice())
    assert len(place.messages()) == 1


def test_another_key_is_another_notice(place: Place) -> None:
    assert place.notifier.send(notice("a"))
    assert place.notifier.send(notice("A"))
    assert len(place.messages()) == 2


def test_a_failed_delivery_may_be_repeated(place: Place) -> None:
    place.break_channel()
    for _ in range(2):
        with pytest.raises((TransientError, ConfigurationError)):
            place.notifier.send(notice())


def test_what_a_killed_sender_had_in_hand_is_sent_after_a_while(place: Place) -> None:
    class Killed(BaseException):
        pass

    class Kill:
        def deliver(self, notice: Notice) -> None:
            raise Killed

    clock = place.services.ledger.clock
    assert isinstance(clock, Clock)
    with pytest.raises(Killed):
        OnceNotifier(place.services.lake, {"kill": Kill()}, clock).send(notice())
    assert not place.notifier.send(notice()), "somebody may have it in hand"
    clock.now += IN_FLIGHT + timedelta(seconds=1)
    assert place.notifier.send(notice())
    assert not place.notifier.send(notice())
    assert len(place.messages()) == 1


def test_the_lake_keeps_what_was_sent(place: Place) -> None:
    place.notifier.send(notice())
    kept = {
        key.rsplit("/", 1)[1]: json.loads(place.services.lake.get_bytes(key))
        for key in place.services.lake.list("watch/notices")
    }
    assert kept["notice.json"]["key"] == "drift/input/1"
    assert kept["notice.json"]["severity"] == "warning"
    assert kept["delivered.json"]["at"] == NOW.isoformat()


# --- several channels ---


class Told:
    """A channel that keeps what it delivered, or is away."""

    def __init__(self) -> None:
        self.keys: list[str] = []
        self.is_away = False

    def deliver(self, notice: Notice) -> None:
        if self.is_away:
            raise TransientError("away")
        self.keys.append(notice.key)


def test_a_channel_that_is_away_holds_up_no_other_and_is_told_later(tmp_path: Path) -> None:
    services = make_services(tmp_path, WatchSettings())
    first, second = Told(), Told()
    notifier = OnceNotifier(services.lake, {"a": first, "b": second}, Clock())
    first.is_away = True
    with pytest.raises(TransientError):
        notifier.send(notice())
    assert (first.keys, second.keys) == ([], [notice().key])
    first.is_away = False
    assert notifier.send(notice())
    assert not notifier.send(notice())
    assert (first.keys, second.keys) == ([notice().key], [notice().key])


def test_each_channel_that_can_be_set_is_built(tmp_path: Path) -> None:
    names = get_args(get_args(WatchSettings.model_fields["notices"].annotation)[0])
    assert set(names) == set(CHANNELS)
    topic = "arn:aws:sns:eu-central-1:123456789012:notices"
    built = build_channels(WatchSettings(notices=names, sns_topic_arn=topic), lambda service: None)
    assert list(built) == list(names)
    with pytest.raises(ConfigurationError, match="FEX_WATCH__SNS_TOPIC_ARN"):
        build_channels(WatchSettings(notices=("sns",)), lambda service: None)
