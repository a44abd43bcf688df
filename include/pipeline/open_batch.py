"""Open a batch: pin the model version that all of its recordings are analysed with."""

from __future__ import annotations

import logging

from include.composition import Services, build_registry
from include.contracts.errors import ConfigurationError
from include.ledger.ledger import Batch
from include.pipeline.parts import parts_of
from ml.packaging.unpack import package_sha256, read_signature
from ml.registry.champion import PACKAGED
from ml.registry.signed import require_signed

log = logging.getLogger(__name__)


def run(services: Services, batch_id: str) -> list[list[int]]:
    """Pin the champion to the batch; return the parts that its recordings are worked on in.

    A retry finds the model pinned already and keeps it, even when another
    version was promoted in between.

    Raises:
        ConfigurationError: No model version carries the configured alias, or nobody in
            `FEX_MODEL__SIGNERS` signed the one that does.
    """
    batch = services.ledger.batch(batch_id)
    if batch.model_sha256 is None:
        batch = _pin_champion(services, batch_id)
    parts = parts_of(services, batch_id)
    log.info(
        "%s: %d recordings in %d parts, %s version %s",
        batch_id,
        sum(map(len, parts)),
        len(parts),
        batch.model_name,
        batch.model_version,
    )
    return parts


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
