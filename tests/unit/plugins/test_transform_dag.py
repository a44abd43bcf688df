"""The transform task in a real DAG run: templates, XCom, deferral through Airflow's own code."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fakes.inference_platform import EmbeddedKind, Platform, crops

ROOT = Path(__file__).parents[3]

DAG = """
import json, sys
from airflow.sdk import Param, dag, task
from expression_transform.operator import ExpressionTransformOperator

@dag(schedule=None, params={"batch_id": Param(type="string")})
def analysis():
    transform = ExpressionTransformOperator(
        task_id="transform", batch_id="{{ params.batch_id }}", deferrable=True
    )

    @task
    def note(result):
        print("RESULT " + json.dumps([result]))

    note(transform.output)

wired = analysis()
if __name__ == "__main__":
    from airflow.utils.db import initdb
    initdb()
    run = wired.test(run_conf={"batch_id": sys.argv[1]})
    print("STATE " + run.state)
"""


@pytest.mark.slow
def test_deferred_in_a_dag_run(tmp_path: Path) -> None:
    platform = Platform(EmbeddedKind(tmp_path), tmp_path)
    batch_id = platform.batch(platform.extraction(crops(b"one")))
    script = tmp_path / "dags" / "analysis.py"
    script.parent.mkdir()
    script.write_text(DAG)
    home = tmp_path / "airflow"
    done = subprocess.run(
        [sys.executable, str(script), batch_id],
        env={
            **os.environ,
            **platform.environment(),
            "AIRFLOW_HOME": str(home),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "false",
            "AIRFLOW__CORE__DAGS_FOLDER": str(script.parent),
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home / 'airflow.db'}",
            "PYTHONPATH": f"{ROOT}:{ROOT / 'plugins'}",
        },
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    output = done.stdout + done.stderr
    assert "STATE success" in output, output[-4000:]
    [line] = [line for line in output.splitlines() if "RESULT " in line]
    [result] = json.loads(line[line.index("[{") : line.rindex("}]") + 2])
    [job] = platform.ledger.jobs(batch_id)
    assert result == {"job": job.name, "shards": 1, "missing": []}
    assert "running trigger in line" in output
