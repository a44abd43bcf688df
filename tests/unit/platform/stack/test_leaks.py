"""A secret outside the folder of secrets is found, and not repeated."""

from __future__ import annotations

from pathlib import Path

import pytest

from include.platform.stack.home import StackHome
from include.platform.stack.leaks import leaks

WORD = "geheim-0815"


@pytest.fixture
def home(tmp_path: Path) -> StackHome:
    found = StackHome(tmp_path / "home")
    found.create()
    found.secrets.mkdir()
    (found.secrets / "redis_password").write_text(WORD)
    (found.secrets / "celery_broker_url").write_text(f"redis://:{WORD}@redis")
    (found.secrets / "empty_key").write_text("")
    (found.logs / "worker.log").write_text("nothing to see")
    return found


def _processes(folder: Path, command: str) -> Path:
    (folder / "proc" / "17").mkdir(parents=True)
    (folder / "proc" / "17" / "cmdline").write_bytes(command.replace(" ", "\0").encode())
    return folder / "proc"


def test_a_stack_that_keeps_its_secrets_has_none_elsewhere(home: StackHome, tmp_path: Path) -> None:
    assert leaks(home, _processes(tmp_path, "airflow scheduler")) == []


def test_each_place_is_named_and_the_secret_is_not(home: StackHome, tmp_path: Path) -> None:
    (home.logs / "worker.log").write_text(f"connecting to {WORD}")
    deep = home.volumes / "store" / "lake" / "published"
    deep.mkdir(parents=True)
    # Where two reads meet.
    (deep / "report.html").write_bytes(b"x" * ((1 << 22) - 4) + WORD.encode() + b"y" * 10)
    told = leaks(home, _processes(tmp_path, f"redis-cli -a {WORD}"))
    assert told == [
        "redis_password stands in logs/worker.log",
        "redis_password stands in volumes/store/lake/published/report.html",
        "redis_password stands on a command line",
    ]
    assert WORD not in "".join(told)
