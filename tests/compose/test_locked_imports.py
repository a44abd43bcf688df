"""Whatever a settings file can name imports with the packages of the lock.

A provider's own bounds may allow a release that it cannot import, and Airflow leaves out
what does not import with a line in a log: here each one is named.
"""

from __future__ import annotations

import importlib
import json
import os
import runpy
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal, get_args, get_origin

import pytest
import yaml
from pydantic import BaseModel

from include.settings import Settings

ROOT = Path(__file__).parents[2]

WANTS_MORE = {
    "airflow.providers.amazon.aws.hooks.duckdb": "needs the duckdb provider",
    "airflow.providers.amazon.aws.queues.kinesis": "needs the common.messaging provider",
    "airflow.providers.amazon.aws.queues.sqs": "needs the common.messaging provider",
    "airflow.providers.fab.auth_manager.api.auth.backend.kerberos_auth": "needs kerberos",
    "airflow.providers.fab.migrations.env": "runs inside of alembic",
}
"""What is not locked on purpose; one that imports again is told too."""

AIRFLOW = """
import importlib, json, pkgutil, sys

from airflow.executors.executor_loader import ExecutorLoader
from airflow.providers_manager import ProvidersManager

WHOLE = ("airflow.executors", "airflow.providers.celery", "airflow.providers.fab",
         "airflow.providers.standard")
KINDS = ("executors", "auth-managers", "secrets-backends", "logging", "db-managers",
         "notifications", "queues", "filesystems")

def wanted():
    for root in WHOLE:
        package = importlib.import_module(root)
        for module in pkgutil.walk_packages(package.__path__, root + "."):
            if ".versions." not in module.name and ".example_dags" not in module.name:
                yield module.name
    yield from ExecutorLoader.executors.values()
    for provider in ProvidersManager().providers.values():
        for kind in KINDS:
            yield from provider.data.get(kind, ())
        for connection in provider.data.get("connection-types", ()):
            yield connection["hook-class-name"]
    for part in ("hooks.s3", "hooks.sagemaker", "triggers.sagemaker", "operators.sagemaker",
                 "sensors.sagemaker", "log.s3_task_handler"):
        yield "airflow.providers.amazon.aws." + part

def fetch(name):
    module, _, last = name.rpartition(".")
    if last[0].isupper():
        getattr(importlib.import_module(module), last)
    else:
        importlib.import_module(name)

wrong, names = {}, sorted(set(wanted()))
for name in names:
    try:
        fetch(name)
    except BaseException as error:
        wrong[name] = f"{type(error).__name__}: {error}"
print(json.dumps({"names": names, "wrong": wrong}))
"""

CELERY = """
import json

from airflow import settings
from airflow.providers.celery.executors import celery_executor_utils
from airflow.providers.celery.executors.celery_executor import app
from sqlalchemy.ext.asyncio import create_async_engine

app.conf.database_create_tables_at_setup = False  # nothing listens there
results = app.backend
print(json.dumps({
    "backend": type(results).__module__,
    "results": results.session_manager.get_engine(results.url).dialect.driver,
    "broker": app.connection_for_write().transport.__module__,
    "database": settings.engine.dialect.driver,
    "api": create_async_engine(settings.SQL_ALCHEMY_CONN_ASYNC).dialect.driver,
}))
"""

CHOICES: dict[str, Mapping[str, tuple[str, ...]]] = {
    "model.registry": {
        "mlflow": ("ml.registry.mlflow", "mlflow"),
        "sagemaker": ("ml.registry.sagemaker", "boto3"),
    },
    "transform.backend": {
        "embedded": ("include.inference.embedded", "include.inference.embedded_worker"),
        "sagemaker": ("include.inference.sagemaker", "include.inference.embedded_runner"),
    },
    "training.backend": {
        "embedded": ("include.training_jobs.embedded", "ml.training.loop"),
        "sagemaker": ("include.training_jobs.sagemaker",),
    },
    "watch.figures": {
        "lake": ("include.observability.embedded", "statsd"),
        "cloudwatch": ("include.observability.aws", "boto3"),
    },
    "watch.notices": {
        "log": ("include.observability.channels",),
        "sns": ("include.observability.aws", "boto3"),
    },
}
"""Setting -> value -> the modules that are loaded for it."""

NO_MODULE = {"drift.unit", "retraining.start_from", "discovery.consent"}
"""Settings with words to choose from that load nothing."""


def run(script: str, home: Path, **environment: str) -> dict[str, object]:
    """Run a script with Airflow in a process of its own; return the JSON it ends with."""
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "AIRFLOW_HOME": str(home), **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    answer: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
    return answer


def choices(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, tuple[str, ...]]]:
    """Give each setting whose values are words of a list, with these."""
    for name, field in model.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from choices(kind, f"{prefix}{name}.")
        elif get_origin(kind) is tuple and get_origin(get_args(kind)[0]) is Literal:
            yield prefix + name, get_args(get_args(kind)[0])
        elif get_origin(kind) is Literal:
            yield prefix + name, get_args(kind)


def test_everything_of_airflow_that_a_setting_can_name_imports(tmp_path: Path) -> None:
    answer = run(AIRFLOW, tmp_path)
    names, wrong = answer["names"], answer["wrong"]
    assert isinstance(names, list)
    assert isinstance(wrong, dict)
    assert len(names) > 150
    excused = {
        name: next((module for module in WANTS_MORE if name.startswith(module)), None)
        for name in wrong
    }
    assert {name: wrong[name] for name, module in excused.items() if module is None} == {}
    assert {module for module in excused.values() if module} == WANTS_MORE.keys()


def test_celery_and_the_databases_load_with_the_urls_that_are_generated(tmp_path: Path) -> None:
    secrets = tmp_path / "secrets"
    maker = runpy.run_path(str(ROOT / "scripts" / "make_secrets.py"))
    maker["main"](secrets)
    compose = yaml.safe_load((ROOT / "docker-compose.yaml").read_text())
    environment = {
        name: str(value).replace("/run/secrets", str(secrets))
        for name, value in compose["services"]["worker"]["environment"].items()
        if name.startswith("AIRFLOW__") and not value.startswith("/opt/project")
    }
    answer = run(CELERY, tmp_path / "home", **environment)
    assert answer == {
        "backend": "celery.backends.database",
        "results": "psycopg2",
        "broker": "kombu.transport.redis",
        "database": "psycopg2",
        "api": "asyncpg",
    }


def test_every_choice_among_backends_has_its_modules_here() -> None:
    found = {name: set(values) for name, values in choices(Settings)}
    assert found.keys() == CHOICES.keys() | NO_MODULE
    assert {name: set(loaded) for name, loaded in CHOICES.items()} == {
        name: found[name] for name in CHOICES
    }


@pytest.mark.parametrize("setting", sorted(CHOICES))
def test_every_backend_of_ours_imports(setting: str) -> None:
    for modules in CHOICES[setting].values():
        for module in modules:
            importlib.import_module(module)


def test_every_engine_that_a_package_can_name_imports() -> None:
    from ml.packaging.signature import Engine

    for engine in get_args(Engine):
        importlib.import_module(engine)
    importlib.import_module("sagemaker_pytorch_serving_container.handler_service")
