"""Register: the challenger, waiting for approval, with its figures, card and documents."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from include.composition import Services, build_registry
from include.governance.bias import store
from include.governance.bias.clarify import clarify_report
from include.governance.release.documents import Registered
from include.lake import keys
from include.pipeline.model_retraining import documents
from include.pipeline.model_retraining.evaluate import MODEL_CARD_JSON
from include.pipeline.scratch import working_folder
from ml.registry.beside import read_beside
from ml.registry.promotion import challenge, register_package
from ml.registry.protocol import Document

REQUEST = "retraining"
"""Metadata of a version: the request it came from."""


def run(services: Services, request_id: str) -> Registered:
    """Register the package and make it the challenger; safe to repeat.

    Raises:
        GoldenImageError: The package fails the golden-image gate.
        TransientError: The package cannot be read at present.
    """
    done = documents.find(services, request_id, documents.REGISTERED)
    if done is not None:
        return done
    opened = documents.read(services, request_id, documents.OPENED)
    card = keys.retraining_document(request_id, MODEL_CARD_JSON)
    registry = build_registry(services.settings)
    with working_folder(services) as folder:
        package = documents.challenger_package(services, request_id, folder)
        version = register_package(
            registry,
            services.settings.model.name,
            package,
            documents={
                Document.MODEL_CARD: read_beside(services.lake.get_bytes(card), card),
                **_bias(services, request_id),
            },
            metadata={
                REQUEST: request_id,
                "reason": opened.reason,
                "compared_with": opened.champion.version,
            },
        )
    challenger = challenge(registry, version)
    return documents.write(
        services,
        request_id,
        documents.REGISTERED,
        Registered(
            challenger.name, challenger.version, challenger.sha256, keys.retraining(request_id)
        ),
    )


def _bias(services: Services, request_id: str) -> dict[Document, Mapping[str, Any]]:
    """Return the challenger's audit as the registry keeps it, nothing where there is none."""
    sha256 = documents.read(services, request_id, documents.AUDIT).audit_sha256
    if sha256 is None:
        return {}
    uri = services.lake.uri(keys.audit_page(sha256))
    report = clarify_report(store.load(services.lake, sha256), report_uri=uri)
    return {Document.BIAS: report}
