"""The commands `up`, `down` and `status`: what they print, how they end."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from rich.console import Console

from include.platform import cli
from include.platform.console import Ticker, duration


def test_progress_is_plain_lines_off_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with Ticker(Console(), clock=lambda: 5.0) as ticker:
        for text in ("one", "one", "two [x]"):
            ticker.show(text)
    assert capsys.readouterr().out == "[  0.0 s] one\n[  0.0 s] two [x]\n"


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.4, "0 s"), (59, "59 s"), (65, "1 min 5 s"), (7260, "2 h 1 min")]
)
def test_durations_are_said_as_people_say_them(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_commands_fail_with_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FEX_HOME", str(tmp_path / "home"))
    assert cli.main(["status"]) == cli.FAILED
    assert "make up" in capsys.readouterr().out
    monkeypatch.setenv("FEX_PLATFORM__API_PORT", "x")
    assert cli.main(["status"]) == cli.MISUSED
    assert "FEX_PLATFORM__API_PORT" in capsys.readouterr().err


def test_a_wrong_setting_starts_nothing_and_keeps_nothing_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FEX_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("FEX_EXTRACTION__SAMPLE_RATE_HZ", "inf")
    monkeypatch.setenv("FEX_" + "RATE", "1")
    assert cli.main(["up"]) == cli.MISUSED
    told = capsys.readouterr().err
    assert "FEX_EXTRACTION__SAMPLE_RATE_HZ: 'inf' is not a number from 0.001 to 240." in told
    assert "FEX_" + "RATE: there is no such setting" in told
    assert not (tmp_path / "home").exists()
    assert cli.main(["down"]) == cli.OK, "what runs can be stopped all the same"


def test_a_champion_is_found_without_mlflow(tmp_path: Path) -> None:
    from include.platform.bootstrap import has_champion

    uri = f"sqlite:///{tmp_path}/mlflow.sqlite"
    assert not has_champion({"FEX_MODEL__MLFLOW_TRACKING_URI": uri})
    with sqlite3.connect(tmp_path / "mlflow.sqlite") as database:
        database.execute("CREATE TABLE registered_model_aliases (alias, version, name)")
        assert not has_champion({"FEX_MODEL__MLFLOW_TRACKING_URI": uri})
        database.execute(
            "INSERT INTO registered_model_aliases VALUES ('champion', 1, 'expression-mobilenetv2')"
        )
    assert has_champion({"FEX_MODEL__MLFLOW_TRACKING_URI": uri})
    assert not has_champion({"FEX_MODEL__MLFLOW_TRACKING_URI": uri, "FEX_MODEL__ALIAS": "other"})
    assert not has_champion({"FEX_MODEL__MLFLOW_TRACKING_URI": "http://mlflow:5000"})
