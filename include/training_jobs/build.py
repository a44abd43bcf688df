"""The training backend that the settings name."""

from __future__ import annotations

from include.composition import Services
from include.training_jobs.backend import TrainingBackend
from include.training_jobs.coordinator import TrainingCoordinator


def build_backend(services: Services) -> TrainingBackend:
    """Return the backend that `FEX_TRAINING__BACKEND` names.

    Raises:
        ConfigurationError: A setting is wrong; the message names it.
    """
    settings = services.settings
    if settings.training.backend == "embedded":
        from include.training_jobs.embedded import EmbeddedTraining

        return EmbeddedTraining(settings=settings, lake=services.lake)
    import boto3

    from include.training_jobs.sagemaker import SageMakerTraining

    region = settings.storage.s3_region
    return SageMakerTraining(
        client=boto3.client("sagemaker", region_name=region),
        settings=settings.training,
        lake=services.lake,
    )


def build_coordinator(services: Services) -> TrainingCoordinator:
    """Return the coordinator over that backend and the ledger."""
    return TrainingCoordinator(
        backend=build_backend(services),
        book=services.ledger.retraining,
        settings=services.settings.training,
        lake_uri=services.lake.uri(""),
    )
