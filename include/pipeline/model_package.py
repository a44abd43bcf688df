"""What a stage may read of a model package."""

from __future__ import annotations

from include.composition import Services
from include.contracts.errors import TransientError
from include.contracts.package import SIGNATURE_MEMBER
from include.inference.package import model_cache, unpack_package
from include.ledger.ledger import Batch
from ml.packaging.signature import SIGNATURE, Signature


def read_signature(services: Services, batch: Batch) -> Signature:
    """Return `signature.json` of the batch's model package, verified by its sha256.

    Raises:
        TransientError: The batch has no model yet: `open_batch` did not run.
    """
    if batch.package_uri is None or batch.model_sha256 is None:
        raise TransientError(f"batch {batch.batch_id} has no model pinned; clear `open_batch`")
    return signature_of(services, batch.package_uri, batch.model_sha256)


def signature_of(services: Services, uri: str, sha256: str) -> Signature:
    """Return `signature.json` of a package, verified by its sha256.

    Raises:
        UnsignedPackageError: The settings ask for signatures, and it has none that counts.
        PermanentInputError: The bytes are not the registered ones, or no sealed package.
        DocumentError: The signature is of a later schema, or lacks a field.
        TransientError: It cannot be read at present.
    """
    folder = unpack_package(
        uri,
        sha256,
        model_cache(services.settings.transform),
        services.settings.storage,
        signers=services.settings.model.signers,
    )
    return SIGNATURE.read((folder / SIGNATURE_MEMBER).read_bytes(), f"{uri}, {SIGNATURE_MEMBER}")
