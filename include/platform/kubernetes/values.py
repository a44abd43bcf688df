"""Values for the official Apache Airflow Helm chart, out of the compose file.

Keys are those that the chart documents (Helm Chart for Apache Airflow 1.22.0, Parameters
reference and Customizing Workers).
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version

from include.platform.kubernetes.pods import (
    HARDENED,
    SECRET,
    Json,
    bounded,
    environment,
    mounts,
    pod_security,
    resources,
    volumes,
)
from include.platform.kubernetes.stages import STAGES, WORKER_MIB, Stage
from include.platform.stack.compose import Compose, Service

SERVER, SCHEDULER, PROCESSOR, TRIGGERER = "api-server", "scheduler", "dag-processor", "triggerer"
BUILT_IN = (
    "AIRFLOW__CORE__FERNET_KEY",
    "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN",
    "AIRFLOW_CONN_AIRFLOW_DB",
    "AIRFLOW__API__SECRET_KEY",
    "AIRFLOW__API_AUTH__JWT_SECRET",
    "AIRFLOW__CELERY__RESULT_BACKEND",
    "AIRFLOW__CELERY__BROKER_URL",
)
"""Variables with secrets that the chart would set: ours are read from files."""


def chart_values(compose: Compose, changes: Mapping[str, str | None]) -> Json:
    """Return the values, by the chart's names.

    Args:
        compose: The whole compose file.
        changes: Variables that are other on Kubernetes; None: left out.
    """
    services = compose.services
    worker = services["worker"]
    repository, _, tag = worker.image.rpartition(":")
    return {
        "fullnameOverride": "fex",
        "airflowVersion": version("apache-airflow"),
        "executor": "CeleryExecutor",
        "airflowHome": "/opt/airflow",
        "uid": worker.uid,
        "gid": worker.gid,
        "images": {
            "airflow": {"repository": repository, "tag": tag, "pullPolicy": "IfNotPresent"},
        },
        "securityContexts": {"pod": pod_security(worker), "containers": HARDENED},
        "networkPolicies": {"enabled": True},
        "env": environment(services[SCHEDULER], changes),
        # Databases, the broker and the store are other people's services: their addresses are in
        # the Secret. The chart would run its own, with passwords that everybody knows.
        "postgresql": {"enabled": False},
        "redis": {"enabled": False},
        "pgbouncer": {"enabled": False},
        "statsd": {"enabled": False},
        "flower": {"enabled": False},
        "enableBuiltInSecretEnvVars": dict.fromkeys(BUILT_IN, False),
        # Named so that the chart makes none of its own.
        "data": {
            "metadataSecretName": SECRET,
            "resultBackendSecretName": SECRET,
            "brokerUrlSecretName": SECRET,
        },
        "fernetKeySecretName": SECRET,
        "apiSecretKeySecretName": SECRET,
        "jwtSecretName": SECRET,
        "apiServer": _server(services[SERVER]),
        "scheduler": _job(services[SCHEDULER]),
        "dagProcessor": {"enabled": True, **_job(services[PROCESSOR])},
        "triggerer": {
            "enabled": True,
            "persistence": {"enabled": False},
            **_job(services[TRIGGERER]),
        },
        "workers": {"celery": _workers(worker)},
        "createUserJob": {"enabled": False},
        "migrateDatabaseJob": _migrate(services["airflow-init"]),
        "logs": {"persistence": {"enabled": False}},
        "dags": {"persistence": {"enabled": False}, "gitSync": {"enabled": False}},
    }


def _common(service: Service, *, work: bool = False) -> Json:
    return {
        "serviceAccount": {"create": True, "automountServiceAccountToken": False},
        "extraVolumes": volumes(service.secrets, work=work),
        "extraVolumeMounts": mounts(work=work),
    }


def _probe(service: Service) -> Json:
    """Return how the service is asked whether it lives, as the compose file has it."""
    check = service.health
    if check is None:
        raise ValueError(f"{service.name} has no health check")
    return {
        "livenessProbe": {
            "initialDelaySeconds": round(check.start_period_s),
            "periodSeconds": round(check.interval_s),
            "timeoutSeconds": round(check.timeout_s),
            "failureThreshold": check.retries,
            "command": list(check.test),
        }
    }


def _job(service: Service) -> Json:
    return {
        **_common(service),
        **_probe(service),
        "args": list(service.command or ()),
        "replicas": 1,
        "resources": bounded(service),
        "terminationGracePeriodSeconds": round(service.stop_grace_s),
        "logGroomerSidecar": {"enabled": False},
    }


def _server(service: Service) -> Json:
    # Its probes ask over HTTP, the chart's own: everybody may reach it, nobody gets in unnamed.
    return {
        **_common(service),
        "args": list(service.command or ()),
        "replicas": 1,
        "resources": bounded(service),
        "terminationGracePeriodSeconds": round(service.stop_grace_s),
    }


def _workers(worker: Service) -> Json:
    return {
        **_common(worker, work=True),
        **_probe(worker),
        "enableDefault": False,
        "terminationGracePeriodSeconds": round(worker.stop_grace_s),
        # Logs go to the store; what a worker needs to keep lies in the claim that all share.
        "persistence": {"enabled": False},
        "logGroomerSidecar": {"enabled": False},
        "sets": [_set(stage, worker) for stage in STAGES],
    }


def _set(stage: Stage, worker: Service) -> Json:
    command = [*(worker.command or ()), "--queues", stage.queues]
    return {
        "name": stage.name,
        "queue": stage.queues,
        "replicas": stage.replicas,
        "args": [*command, "--concurrency", str(stage.concurrency)],
        "resources": resources(stage, stage.concurrency, WORKER_MIB),
    }


def _migrate(service: Service) -> Json:
    """Return the job that migrates the database and makes roles and users."""
    return {
        "enabled": True,
        "serviceAccount": {"create": True, "automountServiceAccountToken": False},
        "args": list(service.command or ()),
        "resources": bounded(service),
        "extraVolumes": volumes(service.secrets),
        "extraVolumeMounts": mounts(),
    }
