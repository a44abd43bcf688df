"""Challenger, promotion, rollback: the moves of aliases, the same in every registry.

A promotion checks the stored bytes, approves by name, remembers the champion before it
under `previous`, and moves `champion`. A rollback exchanges the two. Both can be killed
at any point: `champion` always points at one approved version, and the move can be
repeated (`repeated=True`, `plan_rollback` and `move_back`).
"""

from __future__ import annotations

import datetime
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from include.contracts.errors import ConfigurationError
from ml.packaging.signature import Signature
from ml.packaging.unpack import read_signature
from ml.registry.protocol import (
    CHALLENGER,
    CHAMPION,
    PREVIOUS,
    Document,
    ModelRegistry,
    ModelVersion,
    RegistryError,
    VersionStatus,
    flat_metrics,
)
from ml.registry.signed import attestation_beside

APPROVED_BY, APPROVED_AT = "approved_by", "approved_at"
ROLLED_BACK_BY, ROLLED_BACK_AT = "rolled_back_by", "rolled_back_at"

Now = Callable[[], datetime.datetime]


def utc_now() -> datetime.datetime:
    """Return the time, with its zone."""
    return datetime.datetime.now(datetime.UTC)


def register_package(
    registry: ModelRegistry,
    name: str,
    package: Path,
    *,
    documents: Mapping[Document, Mapping[str, Any]] | None = None,
    metadata: Mapping[str, str] | None = None,
) -> ModelVersion:
    """Register a package that passes the golden-image gate, with what its signature says.

    A signer's attestation that lies beside the file goes along.

    Its quality statistics come from the confusion counts in the signature (of the test
    split where the package was measured on it, else of validation), unless `documents`
    brings others.

    Raises:
        GoldenImageError: The package fails the gate.
        ConfigurationError: The package is damaged.
    """
    from ml.evaluation.golden import check_golden
    from ml.evaluation.model_quality import model_quality

    check_golden(package)
    signature = read_signature(package)
    kept: dict[Document, Mapping[str, Any]] = {}
    measured = signature.metrics.get("test") or signature.metrics.get("validation")
    if (attestation := attestation_beside(package)) is not None:
        kept[Document.ATTESTATION] = attestation
    if measured is not None and measured.confusion:
        kept[Document.MODEL_QUALITY] = model_quality(measured.confusion, signature.labels)
    return registry.register(
        name,
        package,
        metrics=flat_metrics(signature.metrics),
        metadata={**describe(signature), **(metadata or {})},
        documents={**kept, **(documents or {})},
    )


def describe(signature: Signature) -> dict[str, str]:
    """Return what a registry keeps of a signature as metadata."""
    training = signature.training
    facts = {
        "package_version": signature.package_version,
        "architecture": signature.architecture.name,
        "input_side_px": signature.input.side_px,
        "engine": signature.serving.engine,
        "precision": signature.serving.precision,
        "recipe": training.recipe,
        "recipe_sha256": training.recipe_sha256,
        "split_sha256": training.split_sha256,
    }
    return {key: str(value) for key, value in facts.items() if value}


def challenge(registry: ModelRegistry, version: ModelVersion) -> ModelVersion:
    """Make a version the challenger; the one before loses the alias.

    Raises:
        RegistryError: The version was rejected, or is the champion already.
    """
    if CHAMPION in registry.get(version.name, version.version).aliases:
        raise RegistryError(f"version {version.version} of {version.name!r} is the champion")
    return registry.set_alias(version.name, CHALLENGER, version.version)


def verify(registry: ModelRegistry, version: ModelVersion) -> None:
    """Fetch a version's package and check its bytes and every member.

    Raises:
        RegistryError: The stored bytes are not the registered ones.
        ConfigurationError: They are, but are no sealed package.
    """
    with tempfile.TemporaryDirectory() as scratch:
        read_signature(registry.fetch(version, Path(scratch)))


def promote(
    registry: ModelRegistry,
    name: str,
    version: str,
    *,
    approved_by: str,
    comment: str = "",
    now: Now = utc_now,
    repeated: bool = False,
) -> ModelVersion:
    """Approve a version and make it the champion; the champion before it is remembered.

    Args:
        registry: Where the model is.
        name: The model.
        version: Number of the version.
        approved_by: Who answers for it; kept with the version.
        comment: Why; kept as well.
        now: The clock.
        repeated: The same promotion may have begun, and ended, before: what is missing of
            it is done.

    Raises:
        RegistryError: The version is not there, was rejected, is the champion already
            (unless `repeated`), or its stored bytes are not the registered ones.
        ConfigurationError: `approved_by` is empty, or holds what cannot be kept.
    """
    _require(approved_by)
    candidate = registry.get(name, version)
    if candidate.status is VersionStatus.REJECTED:
        raise RegistryError(f"version {version} of {name!r} was rejected: {candidate.comment}")
    if CHAMPION in candidate.aliases:
        if not repeated:
            raise RegistryError(f"version {version} of {name!r} is the champion already")
        return _finish(registry, name, version)
    verify(registry, candidate)
    with registry.exclusive():
        registry.set_status(
            name,
            version,
            VersionStatus.APPROVED,
            comment=comment,
            metadata={APPROVED_BY: approved_by, APPROVED_AT: _time(now)},
        )
        champion = registry.get_by_alias(name, CHAMPION)
        if champion is not None:
            registry.set_alias(name, PREVIOUS, champion.version)
        return _finish(registry, name, version)


def _finish(registry: ModelRegistry, name: str, version: str) -> ModelVersion:
    """Point `champion` at an approved version, and leave no challenger on it."""
    promoted = registry.set_alias(name, CHAMPION, version)
    if CHALLENGER not in promoted.aliases:
        return promoted
    registry.drop_alias(name, CHALLENGER)
    return registry.get(name, version)


def withdraw(registry: ModelRegistry, name: str, version: str, *, comment: str) -> ModelVersion:
    """Reject a version that waits, and take the challenger's alias off it; safe to repeat.

    Raises:
        RegistryError: The version is not there, or was approved.
    """
    with registry.exclusive():
        candidate = registry.get(name, version)
        if candidate.status is VersionStatus.APPROVED:
            raise RegistryError(f"version {version} of {name!r} was approved: roll back instead")
        if candidate.status is not VersionStatus.REJECTED:
            registry.set_status(name, version, VersionStatus.REJECTED, comment=comment)
        held = registry.get_by_alias(name, CHALLENGER)
        if held is None or held.version == version:
            registry.drop_alias(name, CHALLENGER)
        return registry.get(name, version)


@dataclass(frozen=True, slots=True)
class Rollback:
    """From which version to which."""

    source: str
    target: str


def plan_rollback(registry: ModelRegistry, name: str) -> Rollback:
    """Return what a rollback would do now.

    Raises:
        RegistryError: There is no other version to go back to, or its stored bytes are
            not the registered ones.
    """
    champion = registry.get_by_alias(name, CHAMPION)
    previous = registry.get_by_alias(name, PREVIOUS)
    if champion is None or previous is None or previous.version == champion.version:
        raise RegistryError(f"model {name!r} has no champion before this one")
    verify(registry, previous)
    return Rollback(champion.version, previous.version)


def move_back(
    registry: ModelRegistry, name: str, plan: Rollback, *, approved_by: str, now: Now = utc_now
) -> ModelVersion:
    """Carry out a planned rollback; safe to repeat after a kill at any point.

    Raises:
        RegistryError: A third version is the champion by now.
        ConfigurationError: `approved_by` is empty, or holds what cannot be kept.
    """
    _require(approved_by)
    with registry.exclusive():
        champion = registry.get_by_alias(name, CHAMPION)
        if champion is None or champion.version not in (plan.source, plan.target):
            raise RegistryError(f"model {name!r} has another champion since the rollback began")
        source = registry.get(name, plan.source)
        registry.set_status(
            name,
            plan.source,
            source.status,
            metadata={ROLLED_BACK_BY: approved_by, ROLLED_BACK_AT: _time(now)},
        )
        restored = registry.set_alias(name, CHAMPION, plan.target)
        registry.set_alias(name, PREVIOUS, plan.source)
        return registry.get(name, restored.version)


def rollback(
    registry: ModelRegistry, name: str, *, approved_by: str, now: Now = utc_now
) -> ModelVersion:
    """Make the champion before this one the champion again, and return it.

    The version rolled back from becomes the previous one: a second rollback undoes the
    first.

    Raises:
        RegistryError: There is no other version to go back to, or its stored bytes are
            not the registered ones.
        ConfigurationError: `approved_by` is empty, or holds what cannot be kept.
    """
    _require(approved_by)
    plan = plan_rollback(registry, name)
    return move_back(registry, name, plan, approved_by=approved_by, now=now)


def _require(approved_by: str) -> None:
    if not approved_by.strip():
        raise ConfigurationError("--approved-by", "names the person who answers for the change")


def _time(now: Now) -> str:
    return now().strftime("%Y-%m-%dT%H:%M:%SZ")
