"""What a value may be: the types of the settings, each with its words for people.

Numbers say their bounds with `Field`; everything else says in `Allowed` what it takes.
The same words stand in the messages and in `docs/settings.md`.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
)

from include.contracts.attestation import parse_signer
from include.contracts.purposes import denied_context, folded

DAY_S = 24 * 3600
MONTH_S = 31 * DAY_S
MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Allowed:
    """What a setting accepts, as the end of "... is not"."""

    words: str
    secret: bool = False
    """The value may hold a password: it is never shown."""


class Group(BaseModel):
    """One group of settings. No number is infinite or no number."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, hide_input_in_errors=True
    )


PRESETS = ("@hourly", "@daily", "@weekly", "@monthly", "@quarterly", "@yearly")
"""Airflow's names of schedules; `@once` and `@continuous` are none for a recurring DAG."""


def _schedule(text: str) -> str:
    """Accept what Airflow's cron timetable makes times of."""
    if text in PRESETS:
        return text
    fields = text.split()
    if len(fields) != 5:
        raise ValueError(f"it has {len(fields)} of them")
    if re.search(r"(?<![a-z])[hr](?![a-z])", text, re.IGNORECASE):
        raise ValueError("R and H stand for times that nobody chose")
    from croniter import CroniterBadDateError, CroniterError, croniter

    try:
        croniter(text, datetime(2026, 1, 1)).get_next()  # noqa: DTZ001 - any start will do
    except CroniterBadDateError:
        raise ValueError("there is no such day") from None
    except (CroniterError, ValueError, KeyError) as error:
        raise ValueError(str(error)) from None
    return text


def _path(path: Path) -> Path:
    """Components run in different folders: a relative path would mean another file in each."""
    path = path.expanduser()
    if not path.is_absolute():
        raise ValueError("it is relative, and each process would look for it somewhere else")
    return path


def _names(value: object) -> object:
    """Take a list as JSON, or as people type it: `a`, `a,b`, `[a, b]`, `['a', 'b']`.

    A text from the environment only; what code passes is checked as it is.
    """
    if not isinstance(value, str):
        return value
    text = value.strip()
    if text.startswith("["):
        try:
            # Users of some authentication managers have numbers for ids.
            return [str(item) if type(item) is int else item for item in json.loads(text)]
        except (ValueError, RecursionError):
            if not text.endswith("]"):
                raise ValueError("the bracket is not closed") from None
            text = text[1:-1]
    entries = [entry.strip() for entry in text.split(",")]
    entries = [
        entry[1:-1] if len(entry) > 1 and entry[0] == entry[-1] and entry[0] in "'\"" else entry
        for entry in entries
    ]
    if any(re.search(r"[\[\]{}\"']", entry) for entry in entries):
        raise ValueError("brackets or quotes do not match")
    if not all(entries):
        raise ValueError("an entry is empty")
    return entries


def _alias(text: str) -> str:
    """MLflow keeps these names for itself."""
    if re.fullmatch(r"latest|v\d+", text, re.IGNORECASE):
        raise ValueError("registries read it as a version")
    return text


def _distinct(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))


def _added_purpose(text: str) -> str:
    """Hold an added purpose to its form; what is denied cannot be added."""
    purpose, _, person = (part.strip() for part in text.partition("="))
    if not folded(purpose) or len(person) < 2 or not any(map(str.isalpha, person)):
        raise ValueError(
            f"{text!r} is not `purpose=Name of the person` who answers for it, for example "
            "brand_tracking=Anna Muster"
        )
    if (context := denied_context(purpose)) is not None:
        raise ValueError(
            f"{purpose!r} cannot be allowed: analysing people's expressions for {context!r} is "
            "denied by the EU AI Act, Article 5(1)(f)"
        )
    return f"{folded(purpose)}={person}"


def _signer(text: str) -> str:
    parse_signer(text)
    return text


Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=1, le=1_000_000)]
Threads = Annotated[int, Field(ge=1, le=256)]
Port = Annotated[int, Field(ge=1, le=65535)]
Seconds = Annotated[float, Field(gt=0, le=MONTH_S)]
PollSeconds = Annotated[float, Field(ge=0.01, le=3600)]

Word = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
AsList = BeforeValidator(_names)
"""`a,b` or JSON, as the environment has lists."""
Distinct = AfterValidator(_distinct)
Names = Annotated[
    tuple[Word, ...],
    AsList,
    Distinct,
    Allowed('a list such as `["a", "b"]` or `a,b`'),
]
SomeNames = Annotated[
    Names,
    Field(min_length=1),
    Allowed('a list of at least one name, such as `["a", "b"]` or `a,b`'),
]

Schedule = Annotated[
    str,
    AfterValidator(_schedule),
    Allowed(
        "a cron expression of five fields such as `*/15 * * * *`, or one of " + ", ".join(PRESETS)
    ),
]
AbsolutePath = Annotated[
    Path, AfterValidator(_path), Allowed("an absolute path such as `/data/fex`")
]
NamedPath = Annotated[
    str,
    StringConstraints(pattern=r"^([A-Za-z0-9_-]+=\S.*)?$"),
    Allowed("`name=path` such as `ferplus=/data/ferplus.zip`"),
]
NamedPaths = Annotated[
    tuple[
        Annotated[str, StringConstraints(strip_whitespace=True, pattern=r"^[A-Za-z0-9_-]+=\S.*$")],
        ...,
    ],
    BeforeValidator(_names),
    Allowed("a list of `name=path`, such as `audit=/data/a.zip,raf=/data/b.zip`"),
]

AddedPurposes = Annotated[
    tuple[Annotated[str, AfterValidator(_added_purpose)], ...],
    BeforeValidator(_names),
    Allowed("a list of `purpose=Name of the person`, such as `brand_tracking=Anna Muster`"),
]

Signers = Annotated[
    tuple[Annotated[str, AfterValidator(_signer)], ...],
    BeforeValidator(_names),
    AfterValidator(_distinct),
    Allowed("a list of `name=key`, the key as `make sign-model ARGS='new-key FILE'` prints it"),
]

Host = Annotated[
    str,
    StringConstraints(
        pattern=r"^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$|^[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*$"
    ),
    Allowed("a host name or an IP address, without a scheme and a port"),
]
HttpUrl = Annotated[
    str,
    StringConstraints(pattern=r"^https?://[^\s/]+(/\S*)?$"),
    Allowed("a URL such as `http://store:9000`", secret=True),
]
LakeUrl = Annotated[
    str,
    StringConstraints(pattern=r"^(file://(localhost)?/.*|s3://[a-z0-9][a-z0-9.-]+(/.*)?)$"),
    Allowed("`file:///absolute/folder` or `s3://bucket/prefix`"),
]
LogUrls = Annotated[
    tuple[
        Annotated[
            str,
            StringConstraints(
                strip_whitespace=True,
                pattern=r"^(file://(localhost)?/.*|s3://[a-z0-9][a-z0-9.-]+(/.*)?)$",
            ),
        ],
        ...,
    ],
    BeforeValidator(_names),
    Allowed("a list of `file:///absolute/folder` and `s3://bucket/prefix`"),
]
DatabaseUrl = Annotated[
    str,
    StringConstraints(pattern=r"^(sqlite:////.+|postgresql(\+[a-z0-9]+)?://.+)$"),
    Allowed(
        "`sqlite:////absolute/file` (four slashes) or `postgresql://user:password@host/name`",
        secret=True,
    ),
]
TrackingUrl = Annotated[
    str,
    StringConstraints(
        pattern=r"^(sqlite:////.+|https?://[^\s/].*|(postgresql|mysql|mssql)(\+[a-z0-9]+)?://.+)$"
    ),
    Allowed(
        "`sqlite:////absolute/file` (four slashes), `http(s)://host:port` or a database URL",
        secret=True,
    ),
]
ArtifactUrl = Annotated[
    str,
    StringConstraints(
        pattern=r"^(file:///.+|(s3|gs|wasbs|abfss|https?)://.+|mlflow-artifacts:.*)$"
    ),
    Allowed("`file:///absolute/folder` or `s3://bucket/prefix`"),
]
PicturesRoot = Annotated[
    str,
    StringConstraints(
        pattern=r"^(s3://[a-z0-9][a-z0-9.-]+(/.*)?|https?://\S+|/data/local-files/\?d=.*)$"
    ),
    Allowed("`s3://bucket/prefix`, `http(s)://...` or `/data/local-files/?d=folder`"),
]

RoleArn = Annotated[
    str,
    StringConstraints(pattern=r"^arn:aws[a-z-]*:iam::\d+:role/\S+$"),
    Allowed("an ARN such as `arn:aws:iam::123456789012:role/name`"),
]
TopicArn = Annotated[
    str,
    StringConstraints(pattern=r"^arn:aws[a-z-]*:sns:[a-z0-9-]+:\d+:\S+$"),
    Allowed("an ARN such as `arn:aws:sns:eu-central-1:123456789012:name`"),
]
ImageUri = Annotated[
    str,
    StringConstraints(pattern=r"^\S+$"),
    Allowed("the address of a container image, without spaces"),
]
InstanceType = Annotated[
    str,
    StringConstraints(pattern=r"^ml\.[a-z0-9-]+\.[a-z0-9-]+$"),
    Allowed("a SageMaker instance type such as `ml.m5.large`"),
]
Region = Annotated[
    str,
    StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]*$"),
    Allowed("a region such as `eu-central-1`"),
]
ModelName = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$"),
    Allowed("63 letters, digits, `-`, `_` and `.` at most"),
]
QueueName = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_-]{0,62}$"),
    Allowed("63 letters, digits, `-` and `_` at most, after a letter"),
]
Alias = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_-]{0,99}$"),
    AfterValidator(_alias),
    Allowed("letters, digits, `_` and `-` after a letter"),
]
