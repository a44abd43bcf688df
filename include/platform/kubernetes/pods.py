"""Parts of pods, out of a service of the compose file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from include.platform.kubernetes.stages import Stage
from include.platform.stack.compose import Service

Json = dict[str, Any]

SECRET = "fex-secrets"  # noqa: S105 - the name of a Secret
WORK_CLAIM = "fex-work"
RELEASE = "fex"
SCRATCH = "/scratch"
TEMPLATES = "/opt/project/deploy/helm/pod-templates"
API_SERVER = f"http://{RELEASE}-api-server:8080/execution/"

HARDENED: Json = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "runAsNonRoot": True,
    "capabilities": {"drop": ["ALL"]},
    "seccompProfile": {"type": "RuntimeDefault"},
}
"""Of every container."""


def pod_security(service: Service) -> Json:
    """Return the security context of a pod: the service's user, who may read its volumes."""
    return {
        "runAsUser": service.uid,
        "runAsGroup": service.gid,
        "runAsNonRoot": True,
        "fsGroup": service.gid,
        "fsGroupChangePolicy": "OnRootMismatch",
        "seccompProfile": {"type": "RuntimeDefault"},
    }


def environment(service: Service, changes: Mapping[str, str | None]) -> list[Json]:
    """Return a service's variables as Kubernetes lists them.

    Args:
        service: Of the compose file.
        changes: Other values; None: the variable is left out.
    """
    merged = {**service.environment, **changes}
    return [{"name": name, "value": value} for name, value in merged.items() if value is not None]


def volumes(secrets: Iterable[str], *, work: bool = False) -> list[Json]:
    """Return a pod's volumes: places it may write to, and no secret but those it is given."""
    items = [{"key": name, "path": name} for name in secrets]
    found: list[Json] = [
        {"name": "tmp", "emptyDir": {"sizeLimit": "512Mi"}},
        {"name": "airflow-home", "emptyDir": {"sizeLimit": "256Mi"}},
        {
            "name": "secrets",
            "secret": {"secretName": SECRET, "defaultMode": 0o440, "items": items},
        },
    ]
    if work:
        # A recording at a time for each task; the largest is FEX_LIMITS__MAX_SIZE_BYTES.
        found.append({"name": "scratch", "emptyDir": {"sizeLimit": "50Gi"}})
        found.append({"name": "work", "persistentVolumeClaim": {"claimName": WORK_CLAIM}})
    return found


def mounts(*, work: bool = False) -> list[Json]:
    """Return where a container finds the volumes."""
    found: list[Json] = [
        {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108 - the container's own
        {"name": "airflow-home", "mountPath": "/opt/airflow"},
        {"name": "secrets", "mountPath": "/run/secrets", "readOnly": True},
    ]
    if work:
        found.append({"name": "scratch", "mountPath": SCRATCH})
        found.append({"name": "work", "mountPath": "/var/lib/fex"})
    return found


def resources(stage: Stage, tasks: int, beside_mib: int = 0) -> Json:
    """Return requests and limits for some tasks at a time."""

    def of(which: int) -> Json:
        return {
            "cpu": f"{round(stage.cpu[which] * tasks * 1000)}m",
            "memory": f"{stage.memory_mib[which] * tasks + beside_mib}Mi",
        }

    return {"requests": of(0), "limits": of(1)}


def bounded(service: Service) -> Json:
    """Return a service's own limits; a quarter of its processors is requested."""
    limits = service.limits
    memory = f"{(limits.memory_bytes or 0) >> 20}Mi"
    cpu = round((limits.cpus or 0) * 1000)
    return {
        "requests": {"cpu": f"{cpu // 4}m", "memory": memory},
        "limits": {"cpu": f"{cpu}m", "memory": memory},
    }


def task_pod(stage: Stage, worker: Service, changes: Mapping[str, str | None]) -> Json:
    """Return the template of a task's pod, for the KubernetesExecutor.

    The executor adds its name, the task and its labels. A pod that runs one task and ends has no
    probes: the task's heartbeats are its sign of life.
    """
    # In its pod a task runs by itself; the executor is the scheduler's.
    changes = {**changes, "AIRFLOW__CORE__EXECUTOR": "LocalExecutor"}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": f"fex-task-{stage.name}",
            "labels": {
                "tier": "airflow",
                "component": "worker",
                "release": RELEASE,
                "fex/needs": stage.name,
            },
        },
        "spec": {
            "restartPolicy": "Never",
            "serviceAccountName": f"{RELEASE}-airflow-worker",
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "terminationGracePeriodSeconds": round(worker.stop_grace_s),
            "securityContext": pod_security(worker),
            "containers": [
                {
                    "name": "base",
                    "image": worker.image,
                    "imagePullPolicy": "IfNotPresent",
                    "env": environment(worker, changes),
                    "resources": resources(stage, 1),
                    "securityContext": HARDENED,
                    "volumeMounts": mounts(work=True),
                }
            ],
            "volumes": volumes(worker.secrets, work=True),
        },
    }


def model_job(service: Service, changes: Mapping[str, str | None]) -> Json:
    """Return the job that registers the packaged model, once for each release."""
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "fex-model-init", "labels": {"release": RELEASE}},
        "spec": {
            "backoffLimit": 4,
            "ttlSecondsAfterFinished": 86400,
            "template": {
                "metadata": {"labels": {"tier": "airflow", "release": RELEASE}},
                "spec": {
                    "restartPolicy": "OnFailure",
                    "automountServiceAccountToken": False,
                    "enableServiceLinks": False,
                    "securityContext": pod_security(service),
                    "containers": [
                        {
                            "name": "model-init",
                            "image": service.image,
                            "args": list(service.command or ()),
                            "env": environment(service, changes),
                            "resources": bounded(service),
                            "securityContext": HARDENED,
                            "volumeMounts": mounts(work=True),
                        }
                    ],
                    "volumes": volumes(service.secrets, work=True),
                },
            },
        },
    }
