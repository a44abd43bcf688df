"""The environment of the platform's processes, made in one place.

The user's own `FEX_*` variables win over the embedded defaults, and so do
`AIRFLOW__*` variables that only tune. What ties the processes to this home
(paths, ports, database, secrets, executor, users) is always ours: a variable
left over from another Airflow must not join two installations.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping

from include.contracts.quiet import QUIET
from include.platform.credentials import USERS, Secrets
from include.platform.layout import HOME_VARIABLE, PROJECT_ROOT, Layout
from include.settings import PlatformSettings, load_settings

PREFIX = "FEX_PLATFORM__"
ID_VARIABLE = "FEX_PLATFORM_ID"
COMPONENT_VARIABLE = "FEX_PLATFORM_COMPONENT"


def load_platform_settings(environ: Mapping[str, str] | None = None) -> PlatformSettings:
    """Read `FEX_PLATFORM__*` alone: a platform can be stopped whatever the other settings say.

    Raises:
        ConfigurationError: Names the variable and what it accepts.
    """
    environ = os.environ if environ is None else environ
    ours = {name: value for name, value in environ.items() if name.upper().startswith(PREFIX)}
    return load_settings(ours).platform


def platform_id(layout: Layout) -> str:
    """Return the mark that every process of this home carries in its environment."""
    return hashlib.sha256(str(layout.home).encode()).hexdigest()[:16]


def fex_defaults(layout: Layout) -> dict[str, str]:
    """Return the embedded values of the settings that name places, and a livelier intake."""
    return {
        "FEX_STORAGE__LAKE_URL": layout.lake.as_uri(),
        "FEX_STORAGE__LEDGER_URL": f"sqlite:///{layout.ledger}",
        "FEX_STORAGE__SCRATCH_DIR": str(layout.scratch),
        "FEX_TRANSFORM__JOBS_DIR": str(layout.jobs),
        "FEX_MODEL__MLFLOW_TRACKING_URI": f"sqlite:///{layout.mlflow_database}",
        "FEX_MODEL__MLFLOW_ARTIFACT_URI": layout.mlflow_artifacts.as_uri(),
        "FEX_ERASURE__NOTED_IN": str(layout.home / "erasures.jsonl"),
        "FEX_ERASURE__LOG_URLS": json.dumps(
            [(layout.airflow_home / "logs").as_uri(), layout.logs.as_uri()]
        ),
        # Files on a local disk arrive by copy, not by a multi-hour upload.
        "FEX_DISCOVERY__STABLE_FOR_S": "10",
    }


def child_environment(
    layout: Layout,
    settings: PlatformSettings,
    secrets: Secrets,
    inherited: Mapping[str, str],
) -> dict[str, str]:
    """Return the full environment of every process of the platform."""
    # A variable of ours that is empty counts as not set, here as in the settings.
    inherited = {
        name: value
        for name, value in inherited.items()
        if value.strip() or not name.startswith("FEX_")
    }
    return {
        **fex_defaults(layout),
        "FEX_LABELS__PSEUDONYM_KEY": secrets.pseudonym_key,
        **_tuning(settings),
        **_statsd(inherited),
        **QUIET,
        **inherited,
        **_identity(layout, inherited),
        **_airflow(layout, settings, secrets),
    }


def _identity(layout: Layout, inherited: Mapping[str, str]) -> dict[str, str]:
    paths = [str(PROJECT_ROOT), *filter(None, inherited.get("PYTHONPATH", "").split(os.pathsep))]
    return {
        HOME_VARIABLE: str(layout.home),
        ID_VARIABLE: platform_id(layout),
        "PYTHONPATH": os.pathsep.join(dict.fromkeys(paths)),
        "PYTHONUNBUFFERED": "1",
        # Airflow renames its processes; without this the new name is written
        # over /proc/PID/environ, and with it the mark that finds orphans.
        "SPT_NOENV": "1",
    }


def _airflow(layout: Layout, settings: PlatformSettings, secrets: Secrets) -> dict[str, str]:
    """Return what ties the components to this home and to each other."""
    database = layout.airflow_home / "airflow.db"
    return {
        "AIRFLOW_HOME": str(layout.airflow_home),
        "AIRFLOW_CONFIG": str(layout.airflow_home / "airflow.cfg"),
        "AIRFLOW__CORE__DAGS_FOLDER": str(settings.dags_folder),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(settings.plugins_folder),
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__FERNET_KEY": secrets.fernet_key,
        "AIRFLOW__CORE__AUTH_MANAGER": (
            "airflow.api_fastapi.auth.managers.simple.simple_auth_manager.SimpleAuthManager"
        ),
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "False",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": ",".join(
            f"{user}:{role}" for user, role in USERS.items()
        ),
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(layout.passwords_file),
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{settings.base_url}/execution/",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{database}",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_ASYNC": f"sqlite+aiosqlite:///{database}",
        "AIRFLOW__API__HOST": settings.api_host,
        "AIRFLOW__API__PORT": str(settings.api_port),
        "AIRFLOW__API__BASE_URL": settings.base_url,
        "AIRFLOW__API__SECRET_KEY": secrets.api_secret_key,
        "AIRFLOW__API_AUTH__JWT_SECRET": secrets.jwt_secret,
        "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(layout.airflow_home / "logs"),
        "AIRFLOW__LOGGING__DAG_PROCESSOR_CHILD_PROCESS_LOG_DIRECTORY": str(
            layout.airflow_home / "logs" / "dag_processor"
        ),
    }


def _tuning(settings: PlatformSettings) -> dict[str, str]:
    """Return defaults for one machine: few processes, quick recovery, little idle work."""
    return {
        "AIRFLOW__CORE__PARALLELISM": str(settings.parallelism),
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        "AIRFLOW__CORE__DEFAULT_TIMEZONE": "utc",
        "AIRFLOW__API__WORKERS": "1",
        "AIRFLOW__API__INSTANCE_NAME": "Displayed expressions",
        "AIRFLOW__API__EXPOSE_CONFIG": "False",
        "AIRFLOW__DAG_PROCESSOR__PARSING_PROCESSES": "1",
        "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "300",
        "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "60",
        "AIRFLOW__DAG_PROCESSOR__PRINT_STATS_INTERVAL": "0",
        # Heartbeats come every 5 s, and late on a laptop that trains a model meanwhile: a
        # scheduler that is taken for dead has its running tasks started again.
        "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_THRESHOLD": "60",
        "AIRFLOW__TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": "60",
        # One that was killed is noticed this soon after that, instead of in five minutes.
        "AIRFLOW__SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "20",
        "AIRFLOW__LOGGING__UVICORN_LOGGING_LEVEL": "WARNING",
    }


def _statsd(inherited: Mapping[str, str]) -> dict[str, str]:
    """Return what sends Airflow's own figures where ours go (`FEX_WATCH__STATSD_HOST`)."""
    host = inherited.get("FEX_WATCH__STATSD_HOST")
    if not host:
        return {}
    return {
        "AIRFLOW__METRICS__STATSD_ON": "True",
        "AIRFLOW__METRICS__STATSD_HOST": host,
        "AIRFLOW__METRICS__STATSD_PORT": inherited.get("FEX_WATCH__STATSD_PORT", "8125"),
        "AIRFLOW__METRICS__STATSD_PREFIX": "airflow",
    }
