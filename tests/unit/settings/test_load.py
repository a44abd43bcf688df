"""What people may set, and what they are told when it is wrong."""

from __future__ import annotations

import itertools
import re
import string

import pytest
from pydantic import SecretStr

from include.contracts.errors import ConfigurationError
from include.settings import Settings, load_settings, names, variables, words

ALL = variables()
SECRET = [
    name
    for name, (group, field) in ALL.items()
    if words.is_secret(words.fields_of(Settings, group)[field])
]


def outcome(environ: dict[str, str]) -> Settings | ConfigurationError:
    try:
        return load_settings(environ)
    except ConfigurationError as error:
        return error


def told(**environ: str) -> str:
    with pytest.raises(ConfigurationError) as caught:
        load_settings(environ)
    assert caught.value.exit_status == 2
    return str(caught.value)


def test_nothing_set_is_the_defaults_and_they_are_allowed() -> None:
    assert load_settings({"PATH": "/bin", "HOME": "/root"}) == Settings()
    everything = {
        group: {
            name: value.get_secret_value() if isinstance(value, SecretStr) else value
            for name, value in members
            if value is not None
        }
        for group, members in Settings()
    }
    assert Settings.model_validate(everything) == Settings()


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("FEX_EXTRACTION_SAMPLE_RATE_HZ", "FEX_EXTRACTION__SAMPLE_RATE_HZ"),
        ("FEX__EXTRACTION__SAMPLE_RATE_HZ", "FEX_EXTRACTION__SAMPLE_RATE_HZ"),
        ("FEX_EXTRACTION___SAMPLE_RATE_HZ", "FEX_EXTRACTION__SAMPLE_RATE_HZ"),
        ("fex_extraction__sample_rate_hz", "FEX_EXTRACTION__SAMPLE_RATE_HZ"),
        ("FEX_Extraction__Sample_Rate_Hz", "FEX_EXTRACTION__SAMPLE_RATE_HZ"),
        ("FEX-EXTRACTION--SAMPLE-RATE-HZ", "FEX_EXTRACTION__SAMPLE_RATE_HZ"),
        ("FEX_EXTRACTOIN__SAMPLE_RATE_HZ", "FEX_EXTRACTION__SAMPLE_RATE_HZ"),
        ("FEX_VIDEO_SAMPLE_RATE", "FEX_EXTRACTION__SAMPLE_RATE_HZ"),
        ("FEX_VIDEO__SAMPLE_RATE_HZ", "FEX_EXTRACTION__SAMPLE_RATE_HZ"),
        ("FEX_VIDEO__RATE", "FEX_EXTRACTION__SAMPLE_RATE_HZ"),
        ("FEX_STABLE_FOR_S", "FEX_DISCOVERY__STABLE_FOR_S"),
        ("FEX_TRAINIG__BACKEND", "FEX_TRAINING__BACKEND"),
        ("FEX_RELEASE__APROVERS", "FEX_RELEASE__APPROVERS"),
        ("FEX_PLATFORM__PORT", "FEX_PLATFORM__API_PORT"),
        ("FEX_MODEL__THREADS", "FEX_MODEL_THREADS"),
        ("FEX_HOEM", "FEX_HOME"),
        ("FEX_REPORTS__ANNOTATED_VIDEOS", "FEX_REPORT__ANNOTATED_VIDEO"),
    ],
)
def test_an_unknown_name_stops_with_the_nearest_right_one(written: str, meant: str) -> None:
    assert told(**{written: "1"}).startswith(
        f"{written}: there is no such setting. Did you mean {meant}?"
    )


@pytest.mark.thorough
def test_every_slip_of_one_letter_finds_its_setting() -> None:
    """A letter too few, doubled, or swapped with the next one, anywhere in any name."""
    missed = []
    for name in ALL:
        for at in range(len("FEX_"), len(name)):
            slips = {name[:at] + name[at + 1 :], name[:at] + name[at] + name[at:]}
            slips.add(name[:at] + name[at : at + 2][::-1] + name[at + 2 :])
            missed += [(slip, name) for slip in slips - {name} if names.nearest(slip, ALL) != name]
    assert missed == []


def test_a_name_like_nothing_gets_no_guess() -> None:
    assert told(FEX_QQQQ="1") == (
        "FEX_QQQQ: there is no such setting. docs/settings.md lists all of them."
    )


def test_a_group_alone_and_a_secret_by_file_are_explained() -> None:
    assert "a group of settings" in told(FEX_EXTRACTION="{}")
    assert "FEX_LABELS__PSEUDONYM_KEY to the value" in told(FEX_LABELS__PSEUDONYM_KEY_FILE="/x")


def test_other_programs_variables_are_none_of_ours() -> None:
    for name in ("FEXT", "AIRFLOW__CORE__PARALLELISM", "MYFEX_HOME", "FEX"):
        load_settings({name: "1"})


def test_an_empty_variable_counts_as_not_set() -> None:
    assert load_settings(dict.fromkeys(ALL, " ")) == Settings()


@pytest.mark.parametrize("value", ["inf", "-inf", "nan", "Infinity", "1e999", "-1", "0", "", "x"])
def test_no_number_is_out_of_its_bounds(value: str) -> None:
    """Whatever is accepted is finite and not negative."""
    for name, (group, field) in ALL.items():
        if type(getattr(getattr(Settings(), group), field)) not in (int, float):
            continue
        answer = outcome({name: value})
        if isinstance(answer, ConfigurationError):
            assert f"{value!r} is not a" in answer.problem or "must be below" in answer.problem
            assert answer.setting in (name, f"FEX_{group.upper()}__*")
        else:
            found = getattr(getattr(answer, group), field)
            assert value in ("", "0")
            assert 0 <= found < float("inf")


@pytest.mark.parametrize("value", ["0.001", "240", "29.97", " 2 ", "1e1"])
def test_rates_of_recordings_are_accepted(value: str) -> None:
    settings = load_settings({"FEX_EXTRACTION__SAMPLE_RATE_HZ": value})
    assert settings.extraction.sample_rate_hz == float(value)


@pytest.mark.parametrize(
    "schedule",
    ["* * * * *", "*/15 * * * *", "0 6 * * mon", "0 0 29 2 *", "5,35 8-18 * * 1-5", "@daily"],
)
def test_a_schedule_is_what_airflow_makes_times_of(schedule: str) -> None:
    settings = load_settings({"FEX_DISCOVERY__SCHEDULE": schedule})
    assert settings.discovery.schedule == schedule


@pytest.mark.parametrize(
    "schedule",
    [
        "every day",
        "daily",
        "@once",
        "@continuous",
        "@Daily",
        "60 * * * *",
        "0 24 * * *",
        "0 0 30 2 *",
        "0 0 31 4,6 *",
        "*/0 * * * *",
        "* * * *",
        "0 * * * * *",
        "0 0 0 0 0",
        "R R * * *",
        "H 4 * * *",
        "15",
        "PT15M",
        "\N{FULLWIDTH DIGIT ZERO} 6 * * x",
    ],
)
def test_what_is_no_schedule_is_refused(schedule: str) -> None:
    for name in (name for name in ALL if name.endswith("SCHEDULE")):
        assert told(**{name: schedule}).startswith(f"{name}: {schedule!r} is not a cron expression")


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("ada", ("ada",)),
        ("ada,bob", ("ada", "bob")),
        (" ada , bob ", ("ada", "bob")),
        ('["ada", "bob"]', ("ada", "bob")),
        ("['ada', 'bob']", ("ada", "bob")),
        ("[ada, bob]", ("ada", "bob")),
        ('"ada","bob"', ("ada", "bob")),
        ("[1, 2]", ("1", "2")),
        ("ada,ada", ("ada",)),
        ('["a,b"]', ("a,b",)),
        ("Ada Lovelace", ("Ada Lovelace",)),
    ],
)
def test_a_list_is_read_as_people_type_it(text: str, names: tuple[str, ...]) -> None:
    assert load_settings({"FEX_RELEASE__APPROVERS": text}).release.approvers == names


@pytest.mark.parametrize(
    "text", ["a,,b", ",", "[", '["a"', '["a", 1.5]', "[[1]]", '{"a": 1}', "[]", '[""]', '["a" "b"]']
)
def test_a_list_that_is_none_is_explained(text: str) -> None:
    message = told(FEX_RELEASE__APPROVERS=text)
    assert message.startswith(
        f"FEX_RELEASE__APPROVERS: {text!r} is not a list of at least one name"
    )


def test_an_empty_list_is_one_where_nothing_need_be_named() -> None:
    assert load_settings({"FEX_RETRAINING__EVALUATION_SETS": "[]"}).retraining.evaluation_sets == ()
    both = load_settings({"FEX_RETRAINING__EVALUATION_SETS": "a=/x.zip, b=/y z.zip"})
    assert both.retraining.evaluation_sets == ("a=/x.zip", "b=/y z.zip")
    assert "`name=path`" in told(FEX_RETRAINING__EVALUATION_SETS="/x.zip")


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("FEX_STORAGE__LAKE_URL", ["/var/lake", "s3:/b", "s3://", "file://lake", "http://x/y"]),
        ("FEX_STORAGE__LEDGER_URL", ["sqlite:///x.db", "sqlite://", "mysql://h/d", "x"]),
        ("FEX_STORAGE__S3_ENDPOINT_URL", ["store:9000", "http://", "http:// x"]),
        ("FEX_STORAGE__SCRATCH_DIR", ["scratch", "./x", "../x"]),
        ("FEX_WATCH__STATSD_HOST", ["http://statsd", "statsd:8125", "a b"]),
        ("FEX_WATCH__STATSD_PORT", ["0", "65536", "8125.5", "udp"]),
        ("FEX_WATCH__SNS_TOPIC_ARN", ["alarms", "arn:aws:iam::1:role/x"]),
        ("FEX_TRANSFORM__ROLE_ARN", ["role", "arn:aws:iam::x:role/y"]),
        ("FEX_TRANSFORM__INSTANCE_TYPE", ["m5.large", "ml.m5"]),
        ("FEX_TRANSFORM__BACKEND", ["SageMaker", "aws"]),
        ("FEX_TRANSFORM__DEFERRABLE", ["ja", "2"]),
        ("FEX_MODEL__ALIAS", ["latest", "v3", "a b"]),
        ("FEX_MODEL__MLFLOW_TRACKING_URI", ["mlflow:5000", "sqlite:///x.db"]),
        ("FEX_VALIDATION__COVERAGE_MIN", ["98", "-0.1", "98%"]),
    ],
)
def test_other_values_are_bounded_too(name: str, values: list[str]) -> None:
    for value in values:
        message = told(**{name: value})
        assert message.startswith(f"{name}: ")
        assert " is not " in message
        assert (repr(value) in message) is (name not in SECRET)


def test_common_slips_are_explained() -> None:
    assert told(FEX_VALIDATION__COVERAGE_MIN="0,9").endswith("Decimals are written with a point.")
    assert told(FEX_LABELS__RANDOM='"5"').endswith("leave them out.")


def test_limits_that_exclude_each_other_are_named() -> None:
    message = told(FEX_EXTRACTION__BRIGHTNESS_MIN="240")
    assert message == (
        "FEX_EXTRACTION__*: BRIGHTNESS_MIN (240) must be below BRIGHTNESS_MAX (235)."
    )


def test_a_default_purpose_is_one_that_is_allowed() -> None:
    for purpose in ("none", "UX research", "market_research"):
        settings = load_settings({"FEX_DISCOVERY__DEFAULT_PURPOSE": purpose})
        assert settings.discovery.default_purpose == purpose
    assert "DEFAULT_PURPOSE ('market_reserch') must be one of market_research," in told(
        FEX_DISCOVERY__DEFAULT_PURPOSE="market_reserch"
    )
    added = {"FEX_DISCOVERY__ADDED_PURPOSES": "brand_tracking=Anna Muster, ad test=Bo Li"}
    settings = load_settings({**added, "FEX_DISCOVERY__DEFAULT_PURPOSE": "brand tracking"})
    assert settings.discovery.added_purpose_names == ("brand_tracking", "ad_test")
    assert "denied by the EU AI Act" in told(FEX_DISCOVERY__ADDED_PURPOSES="recruiting=Anna Muster")
    assert "`purpose=Name of the person`" in told(FEX_DISCOVERY__ADDED_PURPOSES="brand_tracking")


def test_every_fault_is_told_at_once() -> None:
    message = told(FEX_X__Y="1", FEX_DRIFT__UNIT="day", FEX_LABELS__RANDOM="many")
    assert [line.partition(":")[0] for line in message.splitlines()] == [
        "FEX_X__Y",
        "FEX_DRIFT__UNIT",
        "FEX_LABELS__RANDOM",
    ]


def test_no_secret_is_ever_part_of_a_message() -> None:
    assert {"FEX_LABELS__PSEUDONYM_KEY", "FEX_STORAGE__LEDGER_URL"} <= set(SECRET)
    # Every shape that is refused: too short for a key, no URL, a scheme that is none.
    for name, secret in itertools.product(SECRET, ("geheim", "odbc:geheim", "x y://u:geheim@h/")):
        answer = outcome({name: secret})
        assert "geheim" not in repr(answer)
        if isinstance(answer, ConfigurationError):
            assert "not shown" in str(answer)
            assert answer.__context__ is None, "a traceback shows nothing else either"
        else:
            assert name == "FEX_LABELS__PSEUDONYM_KEY"


def test_a_value_of_any_length_and_kind_leaves_one_readable_line() -> None:
    for value in (string.printable, "\x1b[31m" + "x" * 10_000):
        message = told(FEX_EXTRACTION__SAMPLE_RATE_HZ=value)
        assert message.isprintable()
        assert len(message) < 300


@pytest.mark.parametrize("name", names.FORMER)
def test_a_setting_of_an_earlier_version_says_what_it_became(name: str) -> None:
    said = told(**{name: "aws"})
    assert all(now in said for now in re.findall(r"FEX_\w+", names.FORMER[name]))
    assert set(re.findall(r"FEX_\w+", names.FORMER[name])) <= set(ALL)
    assert name not in ALL
