"""The inference backend that the settings name; SageMaker through Airflow's connection."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow.providers.amazon.aws.hooks.sagemaker import SageMakerHook

    from include.composition import Services
    from include.inference.backend import InferenceBackend
    from include.settings import Settings


def sagemaker_hook(settings: Settings) -> SageMakerHook:
    """The provider's hook, in the region of the lake: Batch Transform reads no other."""
    # Takes a second to import, and every parse of the DAG file would pay for it.
    from airflow.providers.amazon.aws.hooks.sagemaker import SageMakerHook

    return SageMakerHook(  # type: ignore[no-untyped-call]
        aws_conn_id=settings.transform.aws_conn_id, region_name=settings.storage.s3_region
    )


def build_backend(services: Services) -> InferenceBackend:
    """Build the backend that `FEX_TRANSFORM__BACKEND` names.

    Raises:
        ConfigurationError: A setting is wrong; the message names it.
    """
    if services.settings.transform.backend == "embedded":
        from include.composition import build_embedded_backend

        return build_embedded_backend(services)
    from include.inference.sagemaker import SageMakerBackend

    return SageMakerBackend(
        client=sagemaker_hook(services.settings).get_conn(),
        settings=services.settings.transform,
        lake=services.lake,
        storage=services.settings.storage,
        signers=services.settings.model.signers,
    )
