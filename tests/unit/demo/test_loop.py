"""What `make demo-loop` makes and says; the whole of it runs in tests/chaos."""

from __future__ import annotations

import csv
import io
import json
import socket
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from rich.console import Console

from include.demo.loop import sets
from include.demo.loop.annotators import ANNOTATORS, SLIPS, answers
from include.demo.loop.report import STORY, show_table, write_story
from include.demo.loop.settings import (
    MADE_HERE,
    HomeError,
    fresh_home,
    home_of,
    open_platform,
)
from include.demo.loop.stage import Stage, StepFailedError, Told, require, timed
from include.demo.loop.steps_week import interval
from include.demo.loop.weeks import DEGRADED, HEALTHY, PEOPLE, displayed_at, scripts
from include.governance.bias.fixed_set import open_fixed_set
from include.labelling.exports import read_answers
from include.labelling.queue import Draw
from include.labelling.selection import Instant, Plan, Selected, Stratum
from include.made_media.posed_faces import READ_IN_DAYLIGHT
from include.platform.api import AirflowApi
from include.platform.console import Ticker
from include.statistics.estimate import Estimate
from ml.data.annotations import load_annotations
from ml.data.splits import read_manifest

NOW = datetime(2026, 11, 16, 9, tzinfo=UTC)


# --- what is made ---------------------------------------------------------------------


@pytest.mark.parametrize("week", [HEALTHY, DEGRADED])
def test_every_respondent_displays_what_the_week_says_in_an_order_of_their_own(week) -> None:
    found = scripts(week)
    assert found == scripts(week)
    assert len(found) == PEOPLE
    assert len(set(found.values())) > PEOPLE // 2
    assert {tuple(sorted(Counter(script).items())) for script in found.values()} == {
        tuple(sorted(week.seconds.items()))
    }
    assert set(week.seconds) <= set(READ_IN_DAYLIGHT)


def test_what_is_displayed_follows_from_the_row() -> None:
    script = ("happiness", "sadness", "neutral")
    assert displayed_at(script, "an-extraction-0000001-00") == "sadness"


def draw_of(study: str, count: int = 300) -> Draw:
    """A draw of faces, 12 of each recording."""
    selected = tuple(
        Selected(
            Instant(
                row_id=f"e{number // 12 % PEOPLE}-{number % 12:07d}-{number // 12 // PEOPLE:02d}",
                study=study,
                recording=f"r{number // 12 % PEOPLE + 1:02d}.mp4",
                respondent="respondent-1",
                face_id="f1",
                champion=(1.0, 0, 0, 0, 0, 0, 0),
            ),
            Stratum.RANDOM,
            0.5,
        )
        for number in range(count)
    )
    return Draw("q", NOW, NOW, Plan(), count, {}, selected, frozenset())


def test_annotators_see_what_is_displayed_and_slip_now_and_then() -> None:
    draw = draw_of(DEGRADED.study)
    content = answers(draw, DEGRADED)
    assert content == answers(draw, DEGRADED)
    read = read_answers("a.csv", content, asked=draw.asked, pseudonym_key=b"k" * 16)
    assert len(read.votes) == len(ANNOTATORS) * len(draw.selected)
    truth = {
        item.instant.row_id: displayed_at(
            scripts(DEGRADED)[item.instant.recording], item.instant.row_id
        )
        for item in draw.selected
    }
    rows = list(csv.DictReader(io.StringIO(content.decode())))
    wrong = sum(row["label"] != truth[row["row_id"]] for row in rows) / len(rows)
    assert 0.25 * SLIPS < wrong < 2.5 * SLIPS


def test_annotators_answer_for_no_other_study() -> None:
    with pytest.raises(ValueError, match="not 'Week 2"):
        answers(draw_of(HEALTHY.study, 1), DEGRADED)


def test_the_archive_is_a_data_set_with_people_on_one_side_each(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sets, "ARCHIVE_PEOPLE", 6)
    split = read_manifest(sets.write_archive(tmp_path))
    named = dict(
        pair.split("=", 1) if "=" in pair else (name, pair)
        for name, pair in sets.settings_of(tmp_path).items()
    )
    records = list(load_annotations(Path(named["annotations"])))
    assert {record.key[:16] for record in records} == set(split.split_of)
    assert split.overlaps() == []
    sides: dict[str, set[str]] = {}
    for record in records:
        person = Path(record.name).stem.partition("-")[0]
        sides.setdefault(person, set()).add(split.split_of[record.key[:16]])
        assert sum(record.votes) == max(record.votes) == 2
    assert Counter(next(iter(side)) for side in sides.values()) == {
        "train": 4, "validation": 1, "test": 1
    }  # fmt: skip
    assert all(len(side) == 1 for side in sides.values())


def test_the_audit_set_treats_its_groups_alike(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert sets.AUDIT_PEOPLE / len(sets.AUDIT_GROUPS) > 120
    monkeypatch.setattr(sets, "AUDIT_PEOPLE", 12)
    shown: list[str] = []
    head = sets.head
    monkeypatch.setattr(
        sets, "head", lambda name, label, light: shown.append(label) or head(name, label, light)
    )
    found = open_fixed_set(sets.write_audit_set(tmp_path))
    assert Counter(face.groups["group"] for face in found.faces) == {"A": 6, "B": 6}
    assert Counter(shown[0::2]) == Counter(shown[1::2])
    [picture, *_] = found.pictures(found.faces)
    assert picture[:2] == b"\xff\xd8"


# --- where it runs --------------------------------------------------------------------


def test_the_home_is_its_own_and_only_what_it_made_is_removed(tmp_path: Path) -> None:
    home = home_of({"FEX_HOME": str(tmp_path / "mine")})
    assert home == tmp_path / "mine" / "demo-loop"
    fresh_home(home)
    (home / "lake").mkdir()
    fresh_home(home)
    assert [path.name for path in home.iterdir()] == [MADE_HERE]
    (home / MADE_HERE).unlink()
    (home / "thesis.txt").write_text("years of work")
    with pytest.raises(HomeError, match="not made by this demonstration"):
        fresh_home(home)
    assert (home / "thesis.txt").exists()


def test_the_users_lake_and_registry_are_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("FEX_PLATFORM__API_PORT", raising=False)
    environ = {
        "PATH": "/bin",
        "FEX_STORAGE__LAKE_URL": "s3://the-company",
        "FEX_MODEL__REGISTRY": "sagemaker",
        "FEX_PLATFORM__PARALLELISM": "2",
    }
    made = sets.settings_of(tmp_path / "made")
    platform = open_platform(tmp_path, made, environ)
    platform.layout.create()
    environment = platform.environment()
    assert environment["FEX_STORAGE__LAKE_URL"] == (tmp_path / "lake").as_uri()
    assert "FEX_MODEL__REGISTRY" not in environment
    assert environment["FEX_PLATFORM__PARALLELISM"] == "2"
    assert environment["FEX_AUDIT__FIXED_SET"] == made["FEX_AUDIT__FIXED_SET"]


def test_a_taken_port_is_passed_over_unless_the_user_names_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        monkeypatch.setenv("FEX_PLATFORM__API_PORT", str(port))
        named = open_platform(tmp_path, {}, {"FEX_PLATFORM__API_PORT": str(port)})
        assert named.settings.api_port == port
        assert open_platform(tmp_path, {}, {}).settings.api_port != port


# --- what it says ---------------------------------------------------------------------


def stage_of(tmp_path: Path, answer: Callable[[httpx.Request], httpx.Response]) -> Stage:
    """A stage over canned answers of Airflow."""

    def route(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/auth/token":
            return httpx.Response(201, json={"access_token": "t"})
        return answer(request)

    def api(user: str = "admin") -> AirflowApi:
        return AirflowApi(
            "http://airflow",
            user=user,
            read_password=lambda: "p",
            transport=httpx.MockTransport(route),
        )

    platform = open_platform(tmp_path, {}, {})
    platform.layout.create()
    platform.api = api  # type: ignore[method-assign]
    return Stage(platform, api(), Ticker(Console(file=io.StringIO())), "model")


def airflow(
    state: str | None, *, asks: bool = False, refuses: bool = False
) -> Callable[[httpx.Request], httpx.Response]:
    """Airflow with one run and one failed task."""

    def answer(request: httpx.Request) -> httpx.Response:
        path = request.url.path
        if path.endswith("hitlDetails") and request.method == "PATCH":
            return httpx.Response(403 if refuses else 200, json={})
        if path.endswith("hitlDetails"):
            asked = {"body": "b", "options": ["Approve", "Reject"], "response_received": False}
            return httpx.Response(200, json=asked) if asks else httpx.Response(404, json={})
        if path.endswith("taskInstances"):
            rows = [{"task_id": "train", "state": "failed"}]
            return httpx.Response(200, json={"task_instances": rows})
        runs = [{"dag_run_id": "r:1", "state": state}]
        return httpx.Response(200, json={"dag_runs": runs})

    return answer


def test_a_failed_run_is_named_with_its_task_its_page_and_its_logs(tmp_path: Path) -> None:
    stage = stage_of(tmp_path, airflow("failed"))
    with pytest.raises(StepFailedError) as caught:
        stage.finish("model_retraining", "r:1")
    text = str(caught.value)
    assert "ended as failed (failed: train)" in text
    assert "/dags/model_retraining/runs/r%3A1" in text
    assert str(tmp_path / "airflow/logs/dag_id=model_retraining/run_id=r:1") in text
    stage_of(tmp_path, airflow("success")).finish("model_retraining", "r:1")


def test_a_run_that_ends_without_asking_anybody_is_a_failure(tmp_path: Path) -> None:
    assert stage_of(tmp_path, airflow("running")).asked("d", "r:1", "approve") is None
    assert stage_of(tmp_path, airflow("running", asks=True)).asked("d", "r:1", "approve")
    with pytest.raises(StepFailedError, match="without asking approve"):
        stage_of(tmp_path, airflow("success")).asked("d", "r:1", "approve")


def test_an_answer_that_should_have_been_refused_is_a_failure(tmp_path: Path) -> None:
    refusing = stage_of(tmp_path, airflow("running", asks=True, refuses=True))
    refusing.require_refusal("marketer", "d", "r:1", "approve")
    taking = stage_of(tmp_path, airflow("running", asks=True))
    with pytest.raises(StepFailedError, match="took an answer of marketer"):
        taking.require_refusal("marketer", "d", "r:1", "approve")


@pytest.mark.parametrize("times", [1, 2])
def test_a_question_is_answered_each_time_it_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, times: int
) -> None:
    monkeypatch.setattr("include.platform.following._POLL_S", 0.0)
    states = ["running", *["awaiting_input", "up_for_retry"] * times, "success"]
    given: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        path = request.url.path
        if request.method == "PATCH":
            given.append(json.loads(request.content)["chosen_options"][0])
            return httpx.Response(200, json={})
        if path.endswith("taskInstances"):
            rows = [{"task_id": "approve", "state": states[0]}]
            return httpx.Response(200, json={"task_instances": rows})
        done = states.pop(0) == "success"
        runs = [{"dag_run_id": "r:1", "state": "success" if done else "running"}]
        return httpx.Response(200, json={"dag_runs": runs})

    stage_of(tmp_path, answer).decide("operator", "d", "r:1", "approve", "Approve", "")
    assert given == ["Approve"] * times


def test_an_answer_that_is_refused_ends_the_step(tmp_path: Path) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.method == "PATCH":
            return httpx.Response(403, json={})
        if request.url.path.endswith("taskInstances"):
            rows = [{"task_id": "approve", "state": "awaiting_input"}]
            return httpx.Response(200, json={"task_instances": rows})
        return httpx.Response(200, json={"dag_runs": []})

    with pytest.raises(StepFailedError, match="refuses the answer of marketer"):
        stage_of(tmp_path, answer).decide("marketer", "d", "r:1", "approve", "Approve", "")


def test_figures_are_said_with_their_interval() -> None:
    figure = Estimate(0.9123, 0.88, 0.94, 9)
    assert interval(figure) == "91.2 % (95 % interval 88.0 to 94.0)"
    assert interval(figure, signed=True).startswith("+91.2 points (95 % interval +88.0")
    assert interval(Estimate.without_interval(0.5, 1)) == "50.0 %"


def test_the_story_is_told_for_people_and_machines(tmp_path: Path) -> None:
    stage = stage_of(tmp_path, airflow("success"))
    told = [
        timed(lambda: Told("Audit before", "green", ("bias_audit", "r:1"), tmp_path / "a.html")),
        Told("Rollback", "version [1] answers again"),
    ]
    out = io.StringIO()
    show_table(Console(file=out, width=140), stage, told)
    text = out.getvalue()
    assert "version [1] answers again" in text
    assert "/dags/bias_audit/runs/r%3A1" in text
    assert str(tmp_path / "a.html") in text
    write_story(tmp_path, told, "approval: no")
    story = json.loads((tmp_path / STORY).read_text())
    assert story["failed"] == "approval: no"
    assert [item["step"] for item in story["steps"]] == ["Audit before", "Rollback"]
    with pytest.raises(StepFailedError, match="it broke"):
        require(False, "it broke")
