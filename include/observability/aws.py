"""Figures to CloudWatch, notices to SNS."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from include.aws_errors import SettingNames, aws_errors
from include.observability.notice import Notice
from include.observability.sink import Metric

_PER_REQUEST = 500
"""PutMetricData takes 1000 figures and 1 MB; ours are at most 1.5 KB each before gzip."""
_FIGURES = SettingNames("FEX_WATCH__FIGURES")
_TOPIC = SettingNames("FEX_WATCH__SNS_TOPIC_ARN")


class CloudWatchSink:
    """PutMetricData. Figures older than two weeks are refused by CloudWatch.

    Args:
        client: boto3's `cloudwatch`.
        namespace: Of the figures.
    """

    def __init__(self, client: Any, namespace: str) -> None:
        self._client = client
        self._namespace = namespace

    def emit(self, metrics: Sequence[Metric]) -> None:
        """See `MetricSink.emit`."""
        for chunk in _chunks(metrics):
            with aws_errors(_FIGURES):
                self._client.put_metric_data(
                    Namespace=self._namespace, MetricData=[_datum(metric) for metric in chunk]
                )


class SnsChannel:
    """One SNS topic; who hears of it are the topic's subscriptions.

    The severity is a message attribute, so that a subscription can filter by it.

    Args:
        client: boto3's `sns`.
        topic_arn: Of the topic.
    """

    def __init__(self, client: Any, topic_arn: str) -> None:
        self._client = client
        self._topic_arn = topic_arn

    def deliver(self, notice: Notice) -> None:
        """See `Channel.deliver`. Mail takes the body, machines take the JSON."""
        text = "\n\n".join(filter(None, (notice.body, notice.link)))
        machine = json.dumps(
            {
                "key": notice.key,
                "severity": notice.severity.value,
                "title": notice.title,
                "body": notice.body,
                "link": notice.link,
            }
        )
        # SNS takes printable ASCII only as the subject of a mail.
        subject = notice.title.encode("ascii", "replace").decode()
        with aws_errors(_TOPIC):
            self._client.publish(
                TopicArn=self._topic_arn,
                Subject=subject,
                Message=json.dumps({"default": machine, "email": text}),
                MessageStructure="json",
                MessageAttributes={
                    "severity": {"DataType": "String", "StringValue": notice.severity.value}
                },
            )


def _chunks(metrics: Sequence[Metric]) -> Iterator[Sequence[Metric]]:
    for start in range(0, len(metrics), _PER_REQUEST):
        yield metrics[start : start + _PER_REQUEST]


def _datum(metric: Metric) -> dict[str, Any]:
    return {
        "MetricName": metric.name,
        "Value": metric.value,
        "Unit": metric.unit.value,
        "Timestamp": metric.at,
        "Dimensions": [{"Name": key, "Value": value} for key, value in metric.dimensions.items()],
    }
