"""What the platform's processes are told, and what stays out."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from include.contracts.errors import ConfigurationError
from include.platform.credentials import USERS, ensure_secrets, read_password
from include.platform.environment import (
    ID_VARIABLE,
    child_environment,
    load_platform_settings,
    platform_id,
)
from include.platform.layout import PROJECT_ROOT, Layout
from include.settings import PlatformSettings, load_settings


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    layout = Layout(tmp_path / "home")
    layout.create()
    return layout


def environment(layout: Layout, **inherited: str) -> dict[str, str]:
    return child_environment(layout, PlatformSettings(), ensure_secrets(layout), inherited)


def test_home_is_in_the_checkout_unless_fex_home_says_otherwise(tmp_path: Path) -> None:
    assert Layout.from_environment({}).home == PROJECT_ROOT / "var"
    assert Layout.from_environment({"FEX_HOME": str(tmp_path)}).home == tmp_path


def test_recordings_and_secrets_are_the_owners_alone(layout: Layout) -> None:
    ensure_secrets(layout)
    assert stat.S_IMODE(layout.home.stat().st_mode) == 0o700
    assert stat.S_IMODE(layout.secrets.stat().st_mode) == 0o700
    files = list(layout.secrets.iterdir())
    assert len(files) == 5
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}


def test_secrets_survive_a_restart_and_differ_between_homes(tmp_path: Path) -> None:
    homes = [Layout(tmp_path / name) for name in "ab"]
    for home in homes:
        home.create()
    first, other = (ensure_secrets(home) for home in homes)
    assert ensure_secrets(homes[0]) == first
    assert first.jwt_secret != other.jwt_secret
    assert read_password(homes[0]) != read_password(homes[1])


def test_every_user_has_a_password_and_no_two_share_it(layout: Layout) -> None:
    ensure_secrets(layout)
    passwords = json.loads(layout.passwords_file.read_text())
    assert passwords.keys() == USERS.keys()
    assert len(set(passwords.values())) == len(USERS)
    assert min(map(len, passwords.values())) >= 20


def test_a_changed_password_is_kept(layout: Layout) -> None:
    layout.passwords_file.write_text(json.dumps({"admin": "chosen by hand"}))
    ensure_secrets(layout)
    assert read_password(layout) == "chosen by hand"
    assert stat.S_IMODE(layout.passwords_file.stat().st_mode) == 0o600


def test_secrets_are_not_shown(layout: Layout) -> None:
    secrets = ensure_secrets(layout)
    assert secrets.jwt_secret not in repr(secrets)
    assert secrets.fernet_key not in repr(secrets)


def test_the_settings_point_into_the_home(layout: Layout) -> None:
    settings = load_settings(environment(layout))
    places = [
        settings.storage.lake_url,
        settings.storage.ledger_url,
        str(settings.storage.scratch_dir),
        str(settings.transform.jobs_dir),
        settings.model.mlflow_tracking_uri,
        settings.model.mlflow_artifact_uri,
    ]
    assert all(str(layout.home) in place for place in places)


def test_the_users_settings_win(layout: Layout) -> None:
    env = environment(layout, FEX_DISCOVERY__STABLE_FOR_S="77", AIRFLOW__CORE__PARALLELISM="9")
    assert env["FEX_DISCOVERY__STABLE_FOR_S"] == "77"
    assert env["AIRFLOW__CORE__PARALLELISM"] == "9"


def test_an_empty_setting_is_none(layout: Layout) -> None:
    env = environment(layout, FEX_STORAGE__LAKE_URL="", FEX_WATCH__STATSD_HOST=" ")
    assert env["FEX_STORAGE__LAKE_URL"] == layout.lake.as_uri()
    assert "AIRFLOW__METRICS__STATSD_ON" not in env


def test_another_airflow_in_the_environment_is_not_joined(layout: Layout) -> None:
    env = environment(
        layout,
        AIRFLOW_HOME="/elsewhere",
        AIRFLOW__CORE__EXECUTOR="CeleryExecutor",
        AIRFLOW__DATABASE__SQL_ALCHEMY_CONN="postgresql://production",
        AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS="True",
    )
    assert env["AIRFLOW_HOME"] == str(layout.airflow_home)
    assert env["AIRFLOW__CORE__EXECUTOR"] == "LocalExecutor"
    assert env["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"].startswith("sqlite:")
    assert env["AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS"] == "False"


def test_nothing_reports_home_and_no_example_is_loaded(layout: Layout) -> None:
    env = environment(layout)
    assert env["SCARF_ANALYTICS"] == "false"
    assert env["GX_ANALYTICS_ENABLED"] == "false"
    assert env["MLFLOW_DISABLE_TELEMETRY"] == "true"
    assert env["AIRFLOW__CORE__LOAD_EXAMPLES"] == "False"


def test_the_mark_names_the_home(layout: Layout, tmp_path: Path) -> None:
    assert environment(layout)[ID_VARIABLE] == platform_id(layout)
    assert platform_id(layout) != platform_id(Layout(tmp_path / "other"))


def test_the_python_path_keeps_the_users(layout: Layout) -> None:
    assert environment(layout)["PYTHONPATH"] == str(PROJECT_ROOT)
    assert environment(layout, PYTHONPATH="/x")["PYTHONPATH"] == f"{PROJECT_ROOT}:/x"


@pytest.mark.parametrize(("name", "value"), [("API_PORT", "70000"), ("API_PORT", "web")])
def test_a_wrong_setting_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(f"FEX_PLATFORM__{name}", value)
    with pytest.raises(ConfigurationError, match=f"FEX_PLATFORM__{name}"):
        load_platform_settings()


def test_a_server_on_every_address_is_reached_on_this_machine() -> None:
    assert PlatformSettings(api_host="0.0.0.0", api_port=9).base_url == "http://127.0.0.1:9"


def test_airflow_sends_its_figures_where_ours_go(layout: Layout) -> None:
    assert not [name for name in environment(layout) if name.startswith("AIRFLOW__METRICS__")]
    told = environment(layout, FEX_WATCH__STATSD_HOST="10.0.0.9", FEX_WATCH__STATSD_PORT="9125")
    assert told["AIRFLOW__METRICS__STATSD_ON"] == "True"
    assert told["AIRFLOW__METRICS__STATSD_HOST"] == "10.0.0.9"
    assert told["AIRFLOW__METRICS__STATSD_PORT"] == "9125"
    muted = environment(
        layout, FEX_WATCH__STATSD_HOST="10.0.0.9", AIRFLOW__METRICS__STATSD_ON="False"
    )
    assert muted["AIRFLOW__METRICS__STATSD_ON"] == "False", "the user's own switch wins"
