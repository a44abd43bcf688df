"""Upgrade from the build before, with its data in place and its work in flight.

The earlier build is taken from the repository's history, set up in a folder of its own, and
works: recordings, a label queue, a table of respondents. Then everything of it is killed while
it extracts, and the present build goes on with the same home, as after `git pull; make up`.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import signal
import socket
import sqlite3
import subprocess
import tarfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from include.contracts.errors import TransientError
from include.ledger.ledger import State
from include.made_media.demo_video import make_demo_video
from include.pipeline.scratch import UNLOCKED_FOR_S
from include.platform.api import AirflowApi
from include.platform.dropping import drop
from include.platform.layout import PROJECT_ROOT, Layout
from include.platform.supervisor import Platform
from include.settings import PlatformSettings
from tests.e2e.conftest import RunningPlatform, report_address

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1500)]

BEFORE = "78251cd740c74fe0a4cf277708be00e02adf517b"
STUDY = "spot"
RESPONDENTS = "recording,respondent,age_group\nanna.mp4,P-01,25-34\nbob.mp4,P-02,35-44\n"
DONE = ("anna.mp4", "bob.mp4")
IN_FLIGHT = ("late 0.mp4", "late 1.mp4", "late 2.mp4")


@pytest.fixture(scope="module")
def earlier_build(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The earlier build, set up as its own commands do it."""
    known = subprocess.run(
        ["git", "cat-file", "-e", f"{BEFORE}^{{commit}}"],
        cwd=PROJECT_ROOT,
        capture_output=True,
        check=False,
    )
    if known.returncode != 0:
        pytest.skip(f"the history here has no commit {BEFORE[:7]}")
    folder = tmp_path_factory.mktemp("earlier")
    packed = folder.with_suffix(".tar")
    with packed.open("wb") as stream:
        subprocess.run(["git", "archive", BEFORE], cwd=PROJECT_ROOT, stdout=stream, check=True)
    with tarfile.open(packed) as tar:
        tar.extractall(folder, filter="data")
    done = subprocess.run(
        ["make", "setup"], cwd=folder, capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    return folder


@dataclass
class Upgraded:
    """A home before and after."""

    platform: RunningPlatform
    files_before: dict[str, str]
    rows_before: dict[str, tuple[str, ...]]
    runs_before: dict[str, str]
    log: str


@pytest.fixture(scope="module")
def upgraded(earlier_build: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Upgraded]:
    """A home that the earlier build filled and was killed over, after `make up` of this build."""
    running = _new_platform(tmp_path_factory.mktemp("home"))
    clips = _clips(tmp_path_factory.mktemp("clips"))
    try:
        _command(earlier_build, running, "up")
        _fill(running, clips)
        files = _published_files(running)
        rows = _rows(running)
        _command(earlier_build, running, "down")
        runs = _runs(running)

        _command(earlier_build, running, "up")
        _drop(running, "later", *(clips[name] for name in IN_FLIGHT))
        _wait(running, lambda counts: counts.get("extracted", 0) > 0)
        _kill_everything(running)
        assert _counts(running).get("claimed", 0) > 0, "nothing was in flight any longer"

        up = running.command("up")
        yield Upgraded(running, files, rows, runs, up.stdout + up.stderr)
    finally:
        running.command("down", check=False)
        _kill_everything(running)


def test_work_in_flight_is_finished_and_nothing_else_is_analysed_again(upgraded: Upgraded) -> None:
    platform = upgraded.platform
    platform.wait_until_settled(len(DONE) + 1 + len(IN_FLIGHT), timeout_s=400)
    counts = platform.ledger().counts()
    assert counts[State.PUBLISHED] == len(DONE) + len(IN_FLIGHT)
    assert counts[State.QUARANTINED] == 1
    assert sum(counts.values()) == len(DONE) + 1 + len(IN_FLIGHT)

    after = _rows(platform)
    assert {name: after[name] for name in upgraded.rows_before} == upgraded.rows_before
    batches = {after[name][1] for name in IN_FLIGHT}
    assert len(batches) == 1, "the batch that was in flight went on"
    files = _published_files(platform)
    assert {name: files[name] for name in upgraded.files_before} == upgraded.files_before
    # One result for each recording: nothing was published beside an older result.
    assert len(platform.published()) == len(DONE) + len(IN_FLIGHT)


def test_airflow_keeps_its_history(upgraded: Upgraded) -> None:
    runs = _runs(upgraded.platform)
    assert upgraded.runs_before
    assert {run: runs.get(run) for run in upgraded.runs_before} == upgraded.runs_before


def test_every_dag_is_read_and_results_are_shown_to_who_may(upgraded: Upgraded) -> None:
    platform = upgraded.platform
    with _api(platform) as api:
        assert api.import_errors() == {}
    with platform.signed_in("marketer") as client:
        for recording in DONE:
            answer = client.get(report_address(STUDY, recording))
            assert answer.status_code == 200, answer.text
            assert "displayed expression" in answer.text
        assert client.get("/fex/audit-log").status_code == 403


def test_the_ledger_and_the_audit_log_are_those_of_this_build(upgraded: Upgraded) -> None:
    done = subprocess.run(
        ["make", "audit-log"],
        cwd=PROJECT_ROOT,
        env=upgraded.platform.environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "holds: 0 entries" not in done.stdout
    assert "holds: " in done.stdout


def test_what_was_set_aside_can_be_put_back(upgraded: Upgraded) -> None:
    platform = upgraded.platform
    with platform.signed_in("operator") as client:
        body = {"study": STUDY, "recording": "broken.mp4"}
        answer = client.post("/fex/requeue", json=body)
    assert answer.json() == {"was": "quarantined", "reason": "not_a_video"}
    _run(platform, "video_intake")
    platform.wait_until_settled(len(DONE) + 1 + len(IN_FLIGHT))
    assert platform.ledger().counts()[State.QUARANTINED] == 1


def test_earlier_labels_are_read_and_an_earlier_result_is_analysed_again(
    upgraded: Upgraded,
) -> None:
    platform = upgraded.platform
    (queue,) = (platform.layout.lake / "labels" / "queues").iterdir()
    header, *lines = (queue / "answers.csv").read_text().splitlines()
    assert lines
    said = ",ann,happiness,2026-11-21T12:00:00Z"
    answered = [header, *(line.replace(",,,", said) for line in lines), ""]
    incoming = platform.layout.lake / "labels" / "incoming"
    (incoming / "ann.csv").write_text("\n".join(answered))
    assert _run(platform, "label_intake") == "success"
    read = platform.layout.lake / "labels" / "annotations" / "labels.csv"
    assert len(read.read_text().splitlines()) == 1 + len(lines)
    assert _run(platform, "reprocess", {"study": STUDY, "model": "1"}) == "success"
    assert _run(platform, "drift_monitor") == "success"


def test_a_person_of_the_earlier_build_can_be_erased(upgraded: Upgraded) -> None:
    """Last: it takes away what the tests above look at."""
    platform = upgraded.platform
    # What tasks of the earlier build that were killed left behind; a day later the next task
    # takes it away, here an hour does.
    for folder in platform.layout.scratch.iterdir():
        old = time.time() - UNLOCKED_FOR_S - 60
        os.utime(folder, (old, old))
    # Its logs name recordings: they end when their retention does.
    for log in (platform.layout.airflow_home / "logs").rglob("*.log"):
        if b"anna" in log.read_bytes():
            log.unlink()
    platform.command("down")
    for log in platform.layout.logs.glob("*.log"):
        log.unlink()
    platform.command("up")
    _run(platform, "video_intake")
    assert _run(platform, "erase_respondent", {"study": STUDY, "respondent": "P-01"}) == "success"
    assert "anna.mp4" not in _rows(platform)
    assert not list((platform.layout.lake / "erasures" / "open").glob("*"))
    left = [path for path in platform.layout.lake.rglob("*") if "anna" in path.name]
    assert [path for path in left if path.is_file()] == []


def _new_platform(home: Path) -> RunningPlatform:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    return RunningPlatform(
        layout=Layout(home),
        environment={
            **os.environ,
            "FEX_HOME": str(home),
            "FEX_PLATFORM__API_PORT": str(port),
            "FEX_DISCOVERY__STABLE_FOR_S": "0",
            "FEX_LABELS__RANDOM": "10",
        },
    )


def _clips(folder: Path) -> dict[str, Path]:
    made = {}
    for number, name in enumerate((*DONE, *IN_FLIGHT)):
        made[name] = folder / name
        make_demo_video(made[name], seconds=(6 if name in DONE else 40) + number)
    made["broken.mp4"] = folder / "broken.mp4"
    made["broken.mp4"].write_text("no video at all")
    return made


def _command(build: Path, platform: RunningPlatform, word: str) -> None:
    done = subprocess.run(
        [".venv/bin/python", "-m", "include.platform", word],
        cwd=build,
        env={**platform.environment, "PYTHONPATH": str(build)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def _fill(platform: RunningPlatform, clips: dict[str, Path]) -> None:
    study = platform.layout.lake / "incoming" / STUDY
    study.mkdir(parents=True)
    (study / "study.yaml").write_text("purpose: market_research\n")
    (study / "respondents.csv").write_text(RESPONDENTS)
    _drop(platform, STUDY, *(clips[name] for name in (*DONE, "broken.mp4")))
    _wait(
        platform,
        lambda counts: counts == {"published": len(DONE), "quarantined": 1},
    )
    assert _run(platform, "label_queue") == "success"


def _drop(platform: RunningPlatform, study: str, *recordings: Path) -> None:
    for path in recordings:
        drop(path, platform.layout.lake, study)
    with _api(platform) as api:
        api.trigger("video_intake")


def _api(platform: RunningPlatform) -> AirflowApi:
    settings = PlatformSettings(api_port=int(platform.environment["FEX_PLATFORM__API_PORT"]))
    return Platform(platform.layout, settings, platform.environment).api()


def _run(platform: RunningPlatform, dag: str, conf: dict[str, object] | None = None) -> str:
    with _api(platform) as api:
        run_id = api.trigger(dag, conf)
        give_up_at = time.monotonic() + 300
        while time.monotonic() < give_up_at:
            # A server on a busy machine answers late.
            with contextlib.suppress(TransientError):
                state = next(r["state"] for r in api.dag_runs(dag) if r["dag_run_id"] == run_id)
                if state in ("success", "failed"):
                    return str(state)
            time.sleep(1)
    pytest.fail(f"{dag} did not end")


def _read(database: Path, query: str) -> list[tuple[str, ...]]:
    """Ask a database as it is: opening the ledger would migrate it under the earlier build."""
    with contextlib.closing(
        sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True, timeout=30)
    ) as opened:
        return opened.execute(query).fetchall()


def _rows(platform: RunningPlatform) -> dict[str, tuple[str, ...]]:
    found = _read(
        platform.layout.ledger,
        "SELECT recording, state, batch_id, extraction_id, analysis_id, result_key FROM recordings",
    )
    return {name: tuple(rest) for name, *rest in found if name != "broken.mp4"}


def _counts(platform: RunningPlatform) -> dict[str, int]:
    found = _read(platform.layout.ledger, "SELECT state, count(*) FROM recordings GROUP BY state")
    return {state: int(count) for state, count in found}


def _wait(platform: RunningPlatform, until: Callable[[dict[str, int]], bool]) -> None:
    give_up_at = time.monotonic() + 400
    while time.monotonic() < give_up_at:
        if until(_counts(platform)):
            return
        time.sleep(0.2)
    pytest.fail(f"not reached; the ledger holds {_counts(platform)}")


def _runs(platform: RunningPlatform) -> dict[str, str]:
    database = platform.layout.airflow_home / "airflow.db"
    found = _read(database, "SELECT dag_id || ' ' || run_id, state FROM dag_run")
    return {run: state for run, state in found if state == "success"}


def _published_files(platform: RunningPlatform) -> dict[str, str]:
    root = platform.layout.lake / "published"
    return {
        path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


def _kill_everything(platform: RunningPlatform) -> None:
    for pid in platform.processes():
        os.kill(pid, signal.SIGKILL)
