"""Settings of the embedded platform itself."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field

from include.settings.values import AbsolutePath, Group, Host, Port, QueueName

_PROJECT = Path(__file__).parents[2]


class PagesSettings(Group):
    """The pages under `/fex` of Airflow's server (docs/access.md)."""

    requests_per_minute: Annotated[int, Field(ge=1, le=100_000)] = 240
    """Requests of one user that each server process answers within a minute; a page of label
    pictures takes one for each."""
    changes_per_minute: Annotated[int, Field(ge=1, le=100_000)] = 30
    """The same of requests that change something."""
    sign_ins_per_minute: Annotated[int, Field(ge=1, le=100_000)] = 20
    """Tries to sign in with one user name that each server process takes within a minute, by the
    form or for a token; of one address three times as many. With FAB only."""
    max_body_kib: Annotated[int, Field(ge=1, le=1024)] = 16
    """A longer request is refused."""
    max_file_mib: Annotated[int, Field(ge=1, le=2048)] = 128
    """A larger file is not handed out: fetch it from the lake."""


class QueueSettings(Group):
    """Celery queues by what a task needs, so that pools of workers can be sized apart.

    A queue that is named needs a worker that takes from it (`airflow celery worker --queues`).
    """

    io_bound: QueueName | None = None
    """Tasks that wait: listing, fetching, registering, deciding. None: Airflow's default queue."""
    cpu_bound: QueueName | None = None
    """Tasks that compute for minutes: decoding, validation, reports, audits. None: likewise."""
    accelerated: QueueName | None = None
    """Tasks that run or train the model: on the worker itself with the embedded backends, else
    they wait for SageMaker. None: likewise."""
    pod_templates: AbsolutePath | None = None
    """Folder of `io.yaml`, `cpu.yaml` and `gpu.yaml`, from which the KubernetesExecutor makes a
    task's pod (docs/decisions/0036-kubernetes.md). None: its own template for every task."""

    @property
    def by_need(self) -> dict[str, str]:
        """The queues that are named, by what a task needs: `io`, `cpu`, `gpu`."""
        every = {"io": self.io_bound, "cpu": self.cpu_bound, "gpu": self.accelerated}
        return {need: name for need, name in every.items() if name}


class PlatformSettings(Group):
    """How the embedded platform runs (`make up`, `make demo`)."""

    api_host: Host = "127.0.0.1"
    """Address the UI and the API listen on."""
    api_port: Port = 8080
    """The only port the platform opens."""
    parallelism: Annotated[int, Field(ge=2, le=256)] = 4
    """Airflow tasks at a time."""
    start_timeout_s: Annotated[float, Field(gt=0, le=24 * 3600)] = 180.0
    """How long the components may take to be healthy."""
    stop_timeout_s: Annotated[float, Field(gt=0, le=24 * 3600)] = 10.0
    """How long components may take to stop, and running tasks to end, before they are killed."""
    dags_folder: AbsolutePath = _PROJECT / "dags"
    """Where Airflow finds the DAGs."""
    plugins_folder: AbsolutePath = _PROJECT / "plugins"
    """Where Airflow finds the plugins."""

    @property
    def base_url(self) -> str:
        """Where this machine reaches the UI and the API."""
        anywhere = self.api_host in ("0.0.0.0", "::")  # noqa: S104 - compared, not bound
        return f"http://{'127.0.0.1' if anywhere else self.api_host}:{self.api_port}"
