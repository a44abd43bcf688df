"""A secret outside the folder of secrets is found, and not repeated."""

from __future__ import annotations

import base64
import gzip
import time
from pathlib import Path
from urllib.parse import quote

import pytest

from include.platform.stack.home import StackHome
from include.platform.stack.leaks import CHILDREN, ChildWatch, forms, leaks

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


@pytest.mark.parametrize(
    "written",
    [
        f"redis://:{WORD}@redis",
        base64.b64encode(f"a:{WORD}".encode()).decode(),
        base64.b64encode(f"ab:{WORD};".encode()).decode(),
        base64.urlsafe_b64encode(f"user:{WORD}?".encode()).decode(),
        WORD.encode().decode("latin-1"),
    ],
)
def test_a_secret_is_found_however_it_is_written(
    home: StackHome, tmp_path: Path, written: str
) -> None:
    (home.logs / "worker.log").write_text(f"header {written}")
    assert leaks(home, _processes(tmp_path, "x")) == ["redis_password stands in logs/worker.log"]


def test_a_secret_with_signs_is_found_in_an_address_and_in_a_packed_file(
    home: StackHome, tmp_path: Path
) -> None:
    word = "geh/eim+0815&"
    (home.secrets / "redis_password").write_text(word)
    (home.logs / "worker.log").write_text(f"GET /?p={quote(word, safe='')}")
    (home.logs / "old.log.gz").write_bytes(gzip.compress(f"x{word}".encode()))
    assert len(leaks(home, _processes(tmp_path, "x"))) == 2


def test_the_forms_of_a_secret_are_no_part_of_every_text() -> None:
    assert min(len(one) for one in forms(WORD.encode())) > 8


def test_the_environments_of_children_are_read_while_they_run(
    home: StackHome, tmp_path: Path
) -> None:
    (home.secrets / "store_app_password").write_text("store-4711")
    processes = tmp_path / "proc"
    for pid, (command, environment) in enumerate(
        [
            (b"python\0-m\0include.video.child\0{}", f"PATH=/bin\0URL=redis://:{WORD}@redis"),
            (b"python\0-m\0include.inference.embedded_runner", "AWS_SECRET=store-4711"),
            (b"python\0-m\0include.video.child\0{}", "AWS_SECRET=store-4711"),
        ]
    ):
        (processes / str(pid)).mkdir(parents=True)
        (processes / str(pid) / "cmdline").write_bytes(command)
        (processes / str(pid) / "environ").write_bytes(environment.encode())
    with ChildWatch(home, processes) as watch:
        time.sleep(0.5)
    assert watch.told() == [
        "redis_password stands in the environment of include.video.child",
        "store_app_password stands in the environment of include.video.child",
    ]
    with ChildWatch(home, tmp_path / "empty") as idle:
        time.sleep(0.2)
    assert len(idle.told()) == len(CHILDREN)
