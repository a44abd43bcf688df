"""`python -m include.platform.kubernetes [FOLDER]`: write `deploy/helm` from the compose file."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from include.platform.kubernetes.pods import API_SERVER, SCRATCH, TEMPLATES, model_job, task_pod
from include.platform.kubernetes.stages import STAGES
from include.platform.kubernetes.values import chart_values
from include.platform.layout import PROJECT_ROOT
from include.platform.stack.compose import read_compose

FOLDER = PROJECT_ROOT / "deploy" / "helm"
HEAD = (
    "# Written by `make helm` from docker-compose.yaml; docs/kubernetes.md says how it is used.\n"
)
CHANGES: dict[str, str | None] = {
    "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": API_SERVER,
    # The chart's `executor` says which.
    "AIRFLOW__CORE__EXECUTOR": None,
    # Each worker set says how many.
    "AIRFLOW__CELERY__WORKER_CONCURRENCY": None,
    # On the node's own disk; the claim is for what has to stay.
    "FEX_STORAGE__SCRATCH_DIR": SCRATCH,
    **{stage.setting: stage.name for stage in STAGES},
}
"""What differs from the compose file."""


def documents() -> dict[str, Any]:
    """Return every file of the folder by its name, as a tree."""
    compose = read_compose(PROJECT_ROOT / "docker-compose.yaml", {})
    worker, init = compose.services["worker"], compose.services["model-init"]
    return {
        "values.yaml": chart_values(compose, CHANGES),
        "values-kubernetes-executor.yaml": {
            "executor": "KubernetesExecutor",
            # It makes pods: the only component that Kubernetes' API lets in.
            "scheduler": {"serviceAccount": {"automountServiceAccountToken": True}},
            "env": chart_values(compose, CHANGES | {"FEX_QUEUES__POD_TEMPLATES": TEMPLATES})["env"],
        },
        "model-init.yaml": model_job(init, {"FEX_STORAGE__SCRATCH_DIR": SCRATCH}),
        **{
            f"pod-templates/{stage.name}.yaml": task_pod(stage, worker, CHANGES) for stage in STAGES
        },
    }


def text_of(document: Any) -> str:
    """Return a tree as it is written."""
    return HEAD + yaml.safe_dump(document, sort_keys=False, width=100)


def main(arguments: Sequence[str]) -> int:
    """Write the files."""
    folder = Path(arguments[0]) if arguments else FOLDER
    for name, document in documents().items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text_of(document))
        sys.stdout.write(f"{path}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
