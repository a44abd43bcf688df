"""What a platform consists of: its databases and its objects, whoever drives first."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass

from include.contracts.errors import ConfigurationError
from include.settings import Settings

_AIRFLOW = "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"
_MLFLOW, _MLFLOW_USERS = "MLFLOW_BACKEND_STORE_URI", "MLFLOW_AUTH_DATABASE_URI"


@dataclass(frozen=True, slots=True)
class Parts:
    """Where everything lies.

    Attributes:
        databases: URL by name, in the order in which they are copied. They hold passwords.
        stores: URL by name, copied after the databases.
    """

    databases: Mapping[str, str]
    stores: Mapping[str, str]


def parts_of(settings: Settings, environ: Mapping[str, str]) -> Parts:
    """Return what is backed up.

    Airflow drives the ledger, the ledger the lake: each is copied after what drives it, so
    that a copy knows less than what it drives has done, never more.

    Args:
        settings: Ledger, lake and model registry.
        environ: Airflow's variables, and MLflow's where it runs as a server.

    Raises:
        ConfigurationError: A database's URL is not given; the variable is named.
    """
    databases = {"airflow": _airflow(environ), "ledger": settings.storage.ledger_url}
    stores = {}
    if settings.model.registry == "mlflow":
        tracking = settings.model.mlflow_tracking_uri
        if tracking.startswith(("http://", "https://")):
            databases["mlflow"] = _given(environ, _MLFLOW, "the database behind MLflow's server")
            if users := environ.get(_MLFLOW_USERS):
                databases["mlflow-users"] = users
        else:
            databases["mlflow"] = tracking
        stores["models"] = settings.model.mlflow_artifact_uri
    return Parts(databases, {**stores, "lake": settings.storage.lake_url})


def _airflow(environ: Mapping[str, str]) -> str:
    """Return the URL of Airflow's database, as Airflow finds it: itself, or what a command says."""
    if not environ.get(_AIRFLOW) and (command := environ.get(f"{_AIRFLOW}_CMD")):
        done = subprocess.run(
            shlex.split(command), capture_output=True, text=True, check=False, env=dict(environ)
        )
        if done.returncode != 0:
            raise ConfigurationError(f"{_AIRFLOW}_CMD", f"ended with status {done.returncode}")
        return done.stdout.strip()
    return _given(environ, _AIRFLOW, "Airflow's database")


def _given(environ: Mapping[str, str], name: str, what: str) -> str:
    value = environ.get(name)
    if not value:
        raise ConfigurationError(name, f"is not set: {what}")
    return value
