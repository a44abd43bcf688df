"""CloudWatch alarms from a file: `python -m include.observability.alarms`.

The file is `deploy/alarms/cloudwatch.yaml` unless another one is named.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from include.aws_errors import SettingNames, aws_errors
from include.composition import build_alarm_client
from include.contracts.errors import ConfigurationError, PlatformError
from include.observability.catalogue import FIGURES
from include.settings import Settings, load_settings

FILE = Path(__file__).resolve().parents[2] / "deploy" / "alarms" / "cloudwatch.yaml"


_HOUR_S, _DAY_S = 3600, 86400


class Alarm(BaseModel):
    """One entry of the file; each set of dimensions becomes an alarm of its own."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,60}$")]
    figure: str
    dimensions: tuple[dict[str, str], ...] = ({},)
    statistic: Literal["Maximum", "Minimum", "Sum", "Average", "SampleCount"]
    above: float | None = None
    below: float | None = None
    period_s: Annotated[int, Field(ge=60, multiple_of=60)]
    periods: Annotated[int, Field(ge=1)]
    missing: Literal["breaching", "notBreaching", "ignore", "missing"]
    meaning: Annotated[str, Field(min_length=10, max_length=1024)]

    @model_validator(mode="after")
    def _is_about_something_that_is_emitted(self) -> Alarm:
        if self.figure not in FIGURES:
            raise ValueError(f"nobody emits {self.figure!r}")
        expected = set(FIGURES[self.figure].dimensions)
        if any(set(found) != expected for found in self.dimensions):
            raise ValueError(f"{self.figure} is of {sorted(expected)}: name each dimension")
        if (self.above is None) == (self.below is None):
            raise ValueError("name either above or below")
        # PutMetricAlarm, "EvaluationPeriods": a day, or a week with periods of an hour or more.
        longest_s = 7 * _DAY_S if self.period_s >= _HOUR_S else _DAY_S
        if self.period_s * self.periods > longest_s:
            raise ValueError(f"period_s times periods must not exceed {longest_s}")
        return self


def load_alarms(path: Path = FILE) -> tuple[Alarm, ...]:
    """Read the file.

    Raises:
        ConfigurationError: It cannot be read, or an entry is wrong; says which.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        return TypeAdapter(tuple[Alarm, ...]).validate_python(content)
    except (OSError, yaml.YAMLError) as error:
        raise ConfigurationError(str(path), str(error)) from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ConfigurationError(f"{path}: entry {where}", first["msg"]) from error


def requests(alarms: tuple[Alarm, ...], settings: Settings) -> list[dict[str, Any]]:
    """One PutMetricAlarm request for each alarm and set of dimensions.

    Raises:
        ConfigurationError: There is no topic to tell.
    """
    if settings.watch.sns_topic_arn is None:
        raise ConfigurationError("FEX_WATCH__SNS_TOPIC_ARN", "alarms need a topic to tell")
    return [
        {
            "AlarmName": "-".join(
                [settings.watch.namespace.replace("/", "-"), alarm.name, *dimensions.values()]
            ).format(model=settings.model.name),
            "AlarmDescription": alarm.meaning,
            "Namespace": settings.watch.namespace,
            "MetricName": alarm.figure,
            "Dimensions": [
                {"Name": name, "Value": value.format(model=settings.model.name)}
                for name, value in dimensions.items()
            ],
            "Statistic": alarm.statistic,
            "Period": alarm.period_s,
            "EvaluationPeriods": alarm.periods,
            "Threshold": alarm.above if alarm.above is not None else alarm.below,
            "ComparisonOperator": (
                "GreaterThanThreshold" if alarm.above is not None else "LessThanThreshold"
            ),
            "TreatMissingData": alarm.missing,
            "AlarmActions": [settings.watch.sns_topic_arn],
            "OKActions": [settings.watch.sns_topic_arn],
        }
        for alarm in alarms
        for dimensions in alarm.dimensions
    ]


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m include.observability.alarms", description=__doc__
    )
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--print", action="store_true", help="show the requests")
    what.add_argument("--apply", action="store_true", help="create or change the alarms")
    parser.add_argument("--file", type=Path, default=FILE)
    given = parser.parse_args(arguments)
    try:
        settings = load_settings()
        wanted = requests(load_alarms(given.file), settings)
        if given.apply:
            client = build_alarm_client(settings)
            for request in wanted:
                with aws_errors(SettingNames("FEX_WATCH__FIGURES")):
                    client.put_metric_alarm(**request)
    except PlatformError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_status
    names = [request["AlarmName"] for request in wanted]
    sys.stdout.write(json.dumps(names if given.apply else wanted, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
