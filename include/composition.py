"""The composition root: the only place where settings become collaborators."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from include.contracts.errors import ConfigurationError
from include.lake.raw import local_root
from include.lake.store import Lake
from include.ledger.ledger import Ledger
from include.settings import Settings, load_settings

if TYPE_CHECKING:
    from include.inference.backend import InferenceBackend
    from include.observability.notice import Notifier
    from include.observability.sink import MetricSink
    from ml.registry.protocol import ModelRegistry


@dataclass(frozen=True, slots=True)
class Services:
    """What a stage works with."""

    settings: Settings
    lake: Lake
    ledger: Ledger


def build_services(settings: Settings | None = None) -> Services:
    """Open the lake and the ledger named by the settings.

    Raises:
        ConfigurationError: A setting is wrong; the message names it.
    """
    settings = settings or load_settings()
    return Services(
        settings=settings,
        lake=Lake.open(settings.storage),
        ledger=Ledger.open(settings.storage.ledger_url),
    )


def build_registry(settings: Settings) -> ModelRegistry:
    """Open the model registry, which asks for signatures where `FEX_MODEL__SIGNERS` names signers.

    Imported on demand: MLflow takes seconds to import.
    """
    registry = _registry(settings)
    if not settings.model.signers:
        return registry
    from ml.registry.signed import SignedRegistry

    return SignedRegistry(registry, settings.model.signers)


def _registry(settings: Settings) -> ModelRegistry:
    if settings.model.registry == "sagemaker":
        return _sagemaker_registry(settings)
    from ml.registry.mlflow import MlflowRegistry

    return MlflowRegistry(
        tracking_uri=settings.model.mlflow_tracking_uri,
        artifact_uri=settings.model.mlflow_artifact_uri,
    )


def _sagemaker_registry(settings: Settings) -> ModelRegistry:
    import boto3

    from ml.registry.sagemaker import SageMakerRegistry

    storage = settings.storage
    if not storage.lake_url.startswith("s3://"):
        raise ConfigurationError(
            "FEX_MODEL__REGISTRY", "'sagemaker' needs FEX_STORAGE__LAKE_URL on s3://"
        )
    return SageMakerRegistry(
        client=boto3.client("sagemaker", region_name=storage.s3_region),
        s3=boto3.client("s3", region_name=storage.s3_region, endpoint_url=storage.s3_endpoint_url),
        package_root=f"{storage.lake_url.rstrip('/')}/models",
        image_uri=settings.transform.image_uri,
        instance_types=(settings.transform.instance_type,),
    )


def build_embedded_backend(services: Services) -> InferenceBackend:
    """The inference backend of the embedded platform: worker processes on this machine."""
    from include.inference.embedded import EmbeddedBackend

    return EmbeddedBackend(
        settings=services.settings.transform,
        storage=services.settings.storage,
        lake=services.lake,
        signers=services.settings.model.signers,
    )


def build_metric_sink(services: Services) -> MetricSink:
    """Where figures of the platform go: the lake or CloudWatch, and StatsD where one is named."""
    from include.observability.embedded import LakeSink, StatsdSink
    from include.observability.sink import Fanout

    watch = services.settings.watch
    sinks: list[MetricSink] = [LakeSink(services.lake)]
    if watch.figures == "cloudwatch":
        from include.observability.aws import CloudWatchSink

        sinks = [CloudWatchSink(_aws_client(services.settings, "cloudwatch"), watch.namespace)]
    if watch.statsd_host is not None:
        sinks.append(StatsdSink(watch.statsd_host, watch.statsd_port, watch.statsd_prefix))
    return Fanout(sinks)


def build_notifier(services: Services) -> Notifier:
    """Who tells people, each key once, over the channels that the settings name.

    Raises:
        ConfigurationError: A channel lacks a setting of its own; the message names it.
    """
    from include.observability.channels import build_channels
    from include.observability.notice import OnceNotifier

    settings = services.settings
    channels = build_channels(settings.watch, lambda service: _aws_client(settings, service))
    return OnceNotifier(services.lake, channels, services.ledger.clock)


def build_alarm_client(settings: Settings) -> Any:
    """The CloudWatch client that alarms are made with.

    Raises:
        ConfigurationError: The platform's figures are not in CloudWatch.
    """
    if settings.watch.figures != "cloudwatch":
        raise ConfigurationError(
            "FEX_WATCH__FIGURES", "alarms are CloudWatch's: it must be 'cloudwatch'"
        )
    return _aws_client(settings, "cloudwatch")


def log_urls(settings: Settings, environ: Mapping[str, str] = os.environ) -> tuple[str, ...]:
    """Where logs lie that may name a recording: what the settings say, else what is known.

    Args:
        settings: `erasure.log_urls` decides where it is not empty.
        environ: Airflow's variables, as its own processes have them.
    """
    if settings.erasure.log_urls:
        return settings.erasure.log_urls
    folders = [environ.get("AIRFLOW__LOGGING__BASE_LOG_FOLDER", "")]
    if home := environ.get("AIRFLOW_HOME"):
        folders.append(f"{home}/logs")
    if lake := local_root(settings.storage.lake_url):
        folders += [str(lake.parent / "airflow" / "logs"), str(lake.parent / "logs")]
    urls = [Path(folder).expanduser().resolve().as_uri() for folder in folders if folder]
    remote = environ.get("AIRFLOW__LOGGING__REMOTE_BASE_LOG_FOLDER", "")
    urls += [remote] if remote.startswith(("s3://", "file://")) else []
    return tuple(dict.fromkeys(urls))


def _aws_client(settings: Settings, service: str) -> Any:
    """A client in the lake's region; AWS_ENDPOINT_URL_* names another address."""
    import boto3

    return boto3.client(service, region_name=settings.storage.s3_region)
