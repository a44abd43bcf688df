"""What the plugins tell whoever watches: CPU time, logs of jobs, late runs."""

from __future__ import annotations

import asyncio
import json
import logging
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import DeadlineReference
from airflow.sdk.definitions.callback import AsyncCallback
from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance
from airflow.serialization.encoders import encode_deadline_alert
from cpu_time import CpuTime, CpuTimePlugin
from deadlines import due_within, tell
from expression_transform.logs import JobLogLink, job_log
from expression_transform.operator import ExpressionTransformOperator

from include.composition import build_services
from include.observability.cpu import noted_cpu_s
from include.settings import Settings, StorageSettings, TransformSettings
from tests.fakes.inference_platform import Platform, SageMakerKind, crops

AWS = TransformSettings(backend="sagemaker")


def task_instance(params: dict[str, Any], try_number: int = 1) -> RuntimeTaskInstance:
    """A task instance as the task runner holds it, as far as the listener looks."""
    instance = RuntimeTaskInstance.model_construct(
        task_id="extract", map_index=3, try_number=try_number
    )
    object.__setattr__(instance, "_cached_template_context", {"params": params})
    object.__setattr__(instance, "_ti_context_from_server", None)
    return instance


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FEX_STORAGE__LAKE_URL", (tmp_path / "lake").as_uri())
    monkeypatch.setenv("FEX_STORAGE__LEDGER_URL", f"sqlite:///{tmp_path}/ledger.sqlite")
    return tmp_path


@pytest.fixture
def known_context(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        RuntimeTaskInstance,
        "get_template_context",
        lambda self: self._cached_template_context,
    )


# --- CPU time ---


@pytest.mark.usefixtures("known_context")
def test_each_try_of_a_task_on_a_batch_is_noted(home: Path) -> None:
    listener = CpuTime()
    listener.on_task_instance_failed(task_instance({"batch_id": "b1"}))
    once = noted_cpu_s(build_services().lake, "b1")
    assert once > 0
    listener.on_task_instance_success(task_instance({"batch_id": "b1"}, try_number=2))
    assert noted_cpu_s(build_services().lake, "b1") >= 2 * once


@pytest.mark.usefixtures("known_context")
def test_tasks_without_a_batch_are_left_alone(home: Path) -> None:
    CpuTime().on_task_instance_success(task_instance({"recipe": "r"}))
    assert not (home / "lake").exists(), "nothing is even opened"


@pytest.mark.usefixtures("known_context")
def test_a_task_does_not_fail_for_want_of_a_note(
    home: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("FEX_STORAGE__LAKE_URL", "gopher://nowhere")
    with caplog.at_level(logging.ERROR):
        CpuTime().on_task_instance_success(task_instance({"batch_id": "b1"}))
    assert "no note of the CPU time of extract" in caplog.text


def test_the_schedulers_task_instances_are_not_this_process(home: Path) -> None:
    class Orm:
        task_id = "extract"

        def get_template_context(self) -> dict[str, Any]:
            raise AssertionError("the scheduler did not run this task")

    CpuTime().on_task_instance_failed(Orm())
    assert not (home / "lake").exists()


def test_airflow_accepts_the_listener() -> None:
    from airflow.sdk.listener import get_listener_manager

    get_listener_manager.cache_clear()
    manager = get_listener_manager()
    (listener,) = CpuTimePlugin.listeners
    manager.add_listener(listener)
    try:
        names = {hook.plugin for hook in manager.hook.on_task_instance_failed.get_hookimpls()}
        assert listener in names
    finally:
        manager.pm.unregister(listener)


# --- the log of a job ---


@pytest.mark.parametrize(
    ("region", "domain"),
    [
        ("eu-central-1", "eu-central-1.console.aws.amazon.com"),
        ("us-gov-west-1", "us-gov-west-1.console.amazonaws-us-gov.com"),
        ("cn-north-1", "cn-north-1.console.amazonaws.cn"),
    ],
)
def test_the_log_on_aws_is_a_search_in_the_console(region: str, domain: str) -> None:
    settings = Settings(storage=StorageSettings(s3_region=region), transform=AWS)
    assert job_log(settings, "fex-1-g0") == (
        f"https://{domain}/cloudwatch/home?region={region}#logsV2:log-groups/log-group/"
        "$252Faws$252Fsagemaker$252FTransformJobs$3FlogStreamNameFilter$3Dfex-1-g0"
    )


@dataclass
class Pushed:
    """Airflow's task instance, as far as the operator uses it."""

    values: dict[str, str]

    def xcom_push(self, key: str, value: str) -> None:
        self.values[key] = value


def run(platform: Platform) -> tuple[ExpressionTransformOperator, Pushed, dict[str, Any]]:
    batch = platform.batch(platform.extraction(crops(b"one")))
    task = ExpressionTransformOperator(task_id="transform", batch_id=batch, deferrable=False)
    pushed = Pushed({})
    return task, pushed, task.execute({"ti": pushed})


def test_the_task_names_the_log_of_its_job(platform: Platform) -> None:
    task, pushed, result = run(platform)
    link = JobLogLink()
    shown = link.get_link(task, ti_key=None)
    if isinstance(platform.kind, SageMakerKind):
        assert result["log"].endswith(f"$3D{result['job']}")
        assert shown == pushed.values[link.xcom_key] == result["log"]
    else:
        assert Path(result["log"].removeprefix("file://")).is_file()
        assert shown == ""
        assert pushed.values == {}, "no browser would follow it"


# --- late runs ---


def test_a_deadline_is_what_airflow_can_keep() -> None:
    alert = due_within(900, advice="Look.")
    assert alert.reference == DeadlineReference.DAGRUN_QUEUED_AT
    assert alert.interval == timedelta(minutes=15)
    assert isinstance(alert.callback, AsyncCallback)
    assert alert.callback.path == "deadlines.tell"
    json.dumps(encode_deadline_alert(alert))


def test_a_late_run_is_told_once(home: Path, caplog: pytest.LogCaptureFixture) -> None:
    context = {
        "dag_run": {"dag_id": "video_analysis", "dag_run_id": "batch-1"},
        "deadline": {"id": "x", "deadline_time": datetime.now(UTC)},
    }
    arguments: dict[str, Any] = {"seconds": 900.0, "advice": "Look.", "context": context}
    assert asyncio.run(tell(**arguments)) == "sent"
    assert asyncio.run(tell(**arguments)) == "sent before"
    lake = build_services().lake
    (kept,) = [key for key in lake.list("watch/notices") if key.endswith("notice.json")]
    notice = json.loads(lake.get_bytes(kept))
    assert notice["title"] == "A run of video_analysis is late"
    assert "0:15:00" in notice["body"]
    assert "Look." in notice["body"]
    assert notice["link"] == "/dags/video_analysis/runs/batch-1"
