"""Run `video_analysis` in this process, deferrals and all, and print how its tasks ended.

Started by `test_analysis_on_aws.py` with the settings of the AWS path in the
environment; the arguments are the batches.
"""

from __future__ import annotations

import json
import sys

import pendulum
from airflow.dag_processing.dagbag import DagBag
from airflow.settings import DAGS_FOLDER


def main() -> None:
    dag = DagBag(DAGS_FOLDER).dags["video_analysis"]
    # Airflow 3.3's dag.test() looks a deadline up by the id it gets when a DAG processor
    # stores it, which there is none of here.
    dag.deadline = None
    ended = {}
    for batch_id in sys.argv[1:]:
        run = dag.test(logical_date=pendulum.now("UTC"), run_conf={"batch_id": batch_id})
        states = {task.task_id: str(task.state) for task in run.get_task_instances()}
        ended[batch_id] = {"run": str(run.state), "tasks": states}
    print(json.dumps(ended))


if __name__ == "__main__":
    main()
