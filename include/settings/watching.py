"""Settings of what looks at the platform: drift, figures and notices, the bias audit."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from include.settings.values import (
    AbsolutePath,
    Allowed,
    AsList,
    Count,
    Distinct,
    Group,
    Host,
    Port,
    Schedule,
    Seconds,
    SomeNames,
    TopicArn,
)


class DriftSettings(Group):
    """The drift monitor. What is measured rests on docs/decisions/0014-drift.md."""

    schedule: Schedule = "30 2 * * *"
    """UTC; the day before is judged."""
    unit: Literal["study", "recording"] = "study"
    """What is independent: `recording` where there is only one study, see the decision."""
    min_recordings: Count = 20
    """Fewest recordings with a figure in each sample; with fewer nothing is said."""
    min_units: Count = 3
    """Fewest studies (or recordings) in each sample."""


NoticeChannels = Annotated[
    tuple[Literal["log", "sns"], ...],
    AsList,
    Distinct,
    Field(min_length=1),
    Allowed("a list of `log` and `sns`, at least one"),
]


class WatchSettings(Group):
    """Where figures and notices of the platform go, and what things cost."""

    figures: Literal["lake", "cloudwatch"] = "lake"
    """Where figures are kept; CloudWatch's alarms need them there."""
    notices: NoticeChannels = ("log",)
    """Over which channels notices reach people, each once: `log` is the task log, `sns` the
    topic. All notices are kept in the lake as well."""
    namespace: Annotated[
        str,
        StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_/.-]{0,99}$"),
        Allowed("100 letters, digits and `_/.-` at most, after a letter"),
    ] = "FacialExpression"
    """Namespace of the figures in CloudWatch."""
    sns_topic_arn: TopicArn | None = None
    """Topic of the channel `sns`, which needs it."""
    statsd_host: Host | None = None
    """Figures go to this StatsD listener as well, and Airflow's own figures with them."""
    statsd_port: Port = 8125
    """Its port."""
    statsd_prefix: Annotated[
        str,
        StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,29}$"),
        Allowed("30 small letters, digits and `_` at most, after a letter"),
    ] = "fex"
    """First part of our figures' names there; Airflow's begin with `airflow`."""
    price_table: AbsolutePath = Path(__file__).parents[1] / "observability" / "prices.yaml"
    """What an hour of a machine costs: edit a copy and name it here."""
    analysis_deadline_s: Seconds = 6 * 3600
    """An analysis run that is not done this long after it was queued is told to people."""
    intake_deadline_s: Seconds = 15 * 60
    """The same for a run of the intake."""


class BiasAuditSettings(Group):
    """The weekly bias audit (docs/decisions/0015-bias-audit.md)."""

    schedule: Schedule = "0 5 * * 1"
    """When the audit runs."""
    fixed_set: AbsolutePath | None = None
    """Zip with `labels.csv` (file, age, gender, race as annotated by people) and `images/`.
    The audit needs it."""
    window_days: Annotated[int, Field(ge=1, le=3660)] = 28
    """Production traffic that an audit reads, days back from its time."""
    declared_attributes: SomeNames = ("age_group", "gender", "ethnicity")
    """Columns of respondents.csv by which production traffic is grouped."""
    signers: SomeNames = ("auditor",)
    """Names of the Airflow users who may sign an audit."""
    sign_off_timeout_h: Annotated[float, Field(gt=0, le=24 * 31)] = 6 * 24
    """How long an audit waits for its signature."""
    minimum_people: Count = 120
    """Figures that rest on fewer people are printed as insufficient and not judged."""
    tolerated_gap: Annotated[float, Field(gt=0, lt=1)] = 0.15
    """Largest gap to everybody else, of figures that have no better direction."""
    resamples: Annotated[int, Field(ge=200, le=1_000_000)] = 1000
    """Of the bootstrap behind every interval."""
    required_for_promotion: bool = False
    """Whether a package that was never audited may not be promoted. Set it in production."""
