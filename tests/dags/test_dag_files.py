"""The contract of every DAG file: it parses, it is documented, it is only wiring."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DAG_FILES = sorted((ROOT / "dags").glob("*.py"))

INSPECT = """
import json, sys
from airflow.dag_processing.dagbag import DagBag
bag = DagBag(dag_folder=sys.argv[1])
print(json.dumps({
    "errors": bag.import_errors,
    "dags": {
        dag.dag_id: {
            "doc": dag.doc_md,
            "catchup": dag.catchup,
            "waits_for": sorted(
                asset.name
                for asset in getattr(
                    getattr(dag.timetable, "asset_condition", None), "objects", ()
                )
            ),
            "tasks": {
                task.task_id: {
                    "retries": task.retries,
                    "policy": type(task.retry_policy).__name__,
                    "outlets": sorted(getattr(outlet, "name", "") for outlet in task.outlets),
                    "upstream": sorted(task.upstream_task_ids),
                    "teardown": task.is_teardown,
                    "queue": task.queue,
                    "function_doc": (
                        task.python_callable.__doc__
                        if getattr(task, "python_callable", None)
                        else "an operator documents itself"
                    ),
                }
                for task in dag.tasks
            },
        }
        for dag in bag.dags.values()
    },
}))
"""


def parse(home: Path, dags: Path, **settings: str) -> dict[str, object]:
    """Parse as Airflow does, in a fresh process."""
    import json

    environment = {
        **os.environ,
        **settings,
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "plugins"),
        "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
        "PYTHONPATH": f"{ROOT}:{ROOT / 'plugins'}",
    }
    done = subprocess.run(
        [sys.executable, "-c", INSPECT, str(dags)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=180,
        check=True,
    )
    result: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
    return result


@pytest.fixture(scope="module")
def parsed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    """Every DAG."""
    return parse(tmp_path_factory.mktemp("airflow"), ROOT / "dags")


def test_a_wrong_setting_is_an_import_error_in_words(tmp_path: Path) -> None:
    wrong = {
        "FEX_DISCOVERY__SCHEDULE": "every day",
        "FEX_STORAGE__LEDGER_URL": "postgres://u:geheim@h/d",
    }
    found = parse(tmp_path, ROOT / "dags" / "video_intake.py", **wrong)
    (said,) = found["errors"].values()  # type: ignore[attr-defined]
    assert "FEX_DISCOVERY__SCHEDULE: 'every day' is not a cron expression of five fields" in said
    assert "geheim" not in said


def test_every_dag_file_parses(parsed: dict) -> None:
    assert parsed["errors"] == {}
    assert {"video_intake", "video_analysis"} <= set(parsed["dags"])


def test_every_dag_and_task_is_documented_and_retried_by_rule(parsed: dict) -> None:
    for dag_id, dag in parsed["dags"].items():
        assert len(dag["doc"] or "") > 100, dag_id
        assert dag["catchup"] is False, dag_id
        for task_id, task in dag["tasks"].items():
            assert task["policy"] == "ExceptionRetryPolicy", (dag_id, task_id)
            assert task["retries"] >= 1, (dag_id, task_id)
            assert task["function_doc"], (dag_id, task_id)


def test_analysis_runs_the_stages_in_order(parsed: dict) -> None:
    tasks = parsed["dags"]["video_analysis"]["tasks"]
    order = ["open_batch", "probe", "extract", "validate", "transform", "collect", "publish"]
    for before, after in zip(order, [*order[1:], "settle"], strict=True):
        assert before in tasks[after]["upstream"], (before, after)


def test_retraining_runs_the_stages_in_order_and_ends_in_a_teardown(parsed: dict) -> None:
    tasks = parsed["dags"]["model_retraining"]["tasks"]
    order = ["open_request", "assemble", "train", "package", "evaluate", "audit"]
    order += ["check", "register"]
    order += ["side_by_side", "approve", "decide", "settle"]
    for before, after in pairwise(order):
        assert before in tasks[after]["upstream"], (before, after)
    assert [name for name, task in tasks.items() if task["teardown"]] == ["settle"]


def test_reprocess_runs_the_stages_in_order(parsed: dict) -> None:
    tasks = parsed["dags"]["reprocess"]["tasks"]
    for before, after in pairwise(["begin", "transform", "republish", "put_in_front", "report"]):
        assert tasks[after]["upstream"] == [before]


def test_new_labels_wake_the_evaluation_and_both_may_ask_for_a_retraining(parsed: dict) -> None:
    intake, evaluation = parsed["dags"]["label_intake"], parsed["dags"]["model_evaluation"]
    assert intake["tasks"]["announce"]["outlets"] == evaluation["waits_for"] == ["labels"]
    assert intake["tasks"]["announce"]["upstream"] == ["read_back"]
    assert intake["tasks"]["retrain"]["upstream"] == ["announce"]
    assert evaluation["tasks"]["ask_retraining"]["upstream"] == ["evaluate"]
    assert evaluation["tasks"]["retrain"]["upstream"] == ["ask_retraining"]
    assert parsed["dags"]["label_queue"]["tasks"].keys() == {"draw"}


@pytest.mark.parametrize("path", DAG_FILES, ids=lambda path: path.name)
def test_dag_files_are_wiring_only(path: Path) -> None:
    source = path.read_text()
    assert len(source.splitlines()) <= 150
    tree = ast.parse(source)
    imported = {
        name.split(".")[0]
        for node in tree.body
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
        )
    }
    heavy = {"torch", "mlflow", "pandas", "cv2", "great_expectations", "ml", "boto3"}
    assert not imported & heavy, "heavy imports belong inside the task"
    assert "Variable.get" not in source
    assert "BaseHook.get_connection" not in source


NEEDS = {
    "video_analysis": {"cpu": {"extract", "validate", "publish"}, "gpu": {"transform"}},
    "reprocess": {"cpu": {"republish"}, "gpu": {"transform"}},
    "bias_audit": {"cpu": {"audit"}},
    "drift_monitor": {"cpu": {"judge"}},
    "model_comparison": {"cpu": {"compare"}},
    "model_retraining": {
        "cpu": {"package", "evaluate", "audit", "side_by_side"},
        "gpu": {"train"},
    },
}


def test_a_task_waits_in_the_queue_of_what_it_needs(tmp_path: Path) -> None:
    parsed = parse(
        tmp_path,
        ROOT / "dags",
        FEX_QUEUES__IO_BOUND="io",
        FEX_QUEUES__CPU_BOUND="cpu",
        FEX_QUEUES__ACCELERATED="gpu",
    )
    assert parsed["errors"] == {}
    for dag_id, dag in parsed["dags"].items():
        waits: dict[str, set[str]] = {}
        for task_id, task in dag["tasks"].items():
            waits.setdefault(task["queue"], set()).add(task_id)
        waits.pop("io", None)
        assert waits == NEEDS.get(dag_id, {}), dag_id


def test_without_the_setting_every_task_waits_where_any_worker_looks(
    parsed: dict,
) -> None:
    queues = {task["queue"] for dag in parsed["dags"].values() for task in dag["tasks"].values()}
    assert queues == {"default"}
