"""Open a batch: pin the model version that all of its recordings are analysed with."""

from __future__ import annotations

from include.composition import Services, build_registry
from include.contracts.errors import ConfigurationError
from include.ledger.ledger import Batch, State
from ml.packaging.unpack import package_sha256, read_signature
from ml.registry.champion import PACKAGED
from ml.registry.signed import require_signed


def run(services: Services, batch_id: str) -> dict[str, object]:
    """Pin the champion to the batch and say what the batch holds.

    A retry finds the model pinned already and keeps it, even when another
    version was promoted in between.

    Raises:
        ConfigurationError: No model version carries the configured alias, or nobody in
            `FEX_MODEL__SIGNERS` signed the one that does.
    """
    batch = services.ledger.batch(batch_id)
    if batch.model_sha256 is None:
        batch = _pin_champion(services, batch_id)
    claimed = services.ledger.recordings(batch_id, states=(State.CLAIMED,))
    return {
        "batch_id": batch_id,
        "recordings": len(claimed),
        "model": f"{batch.model_name} version {batch.model_version}",
    }


def pin_packaged(services: Services, batch_id: str) -> Batch:
    """Pin the package that is committed with the project, where there is no registry."""
    return services.ledger.pin_model(
        batch_id,
        name=services.settings.model.name,
        version=f"packaged {read_signature(PACKAGED).package_version}",
        package_uri=PACKAGED.as_uri(),
        sha256=package_sha256(PACKAGED),
    )


def _pin_champion(services: Services, batch_id: str) -> Batch:
    model = services.settings.model
    registry = build_registry(services.settings)
    version = registry.get_by_alias(model.name, model.alias)
    if version is None:
        raise ConfigurationError(
            "FEX_MODEL__ALIAS",
            f"no version of model {model.name!r} carries the alias {model.alias!r}; "
            "register one with `make registry` or start the platform with `make up`",
        )
    require_signed(registry, version)
    return services.ledger.pin_model(
        batch_id,
        name=version.name,
        version=version.version,
        package_uri=version.package_uri,
        sha256=version.sha256,
    )
