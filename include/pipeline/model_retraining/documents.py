"""The documents of one retraining in the lake: what a stage found, as JSON, written last."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from include.composition import Services, build_registry
from include.contracts.attestation import UnsignedPackageError
from include.contracts.errors import TransientError
from include.lake import keys
from ml.packaging.build import runs_this_code
from ml.registry.protocol import ModelRegistry, ModelVersion

OPENED = "opened.json"
ASSEMBLED = "assembled.json"
TRAINED = "trained.json"
PACKAGED = "packaged.json"
EVALUATION = "evaluation.json"
AUDIT = "audit.json"
GATES = "gates.json"
REGISTERED = "registered.json"
SIDE_BY_SIDE = "side-by-side.json"
COMPARISON = "comparison.md"
DECISION = "decision.json"

Document = dict[str, Any]


def find(services: Services, request_id: str, name: str) -> Document | None:
    """Return a document, None where the stage that writes it has not ended."""
    try:
        content: Document = json.loads(
            services.lake.get_bytes(keys.retraining_document(request_id, name))
        )
    except FileNotFoundError:
        return None
    return content


def read(services: Services, request_id: str, name: str) -> Document:
    """Return a document of an earlier stage.

    Raises:
        TransientError: It is not there: clear the stage that writes it.
    """
    found = find(services, request_id, name)
    if found is None:
        raise TransientError(f"{name} of retraining {request_id} is not there (yet)")
    return found


def write(services: Services, request_id: str, name: str, content: Document) -> Document:
    """Write a document whole, and return it."""
    text = json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False)
    services.lake.put_bytes(keys.retraining_document(request_id, name), text.encode())
    return content


def champion_package(
    services: Services, opened: Document, into: Path
) -> tuple[ModelRegistry, ModelVersion, Path]:
    """Fetch the package of the champion that the run was opened with, checked by its sha256."""
    registry = build_registry(services.settings)
    champion = registry.get(opened["champion"]["name"], opened["champion"]["version"])
    return registry, champion, registry.fetch(champion, into / "champion")


def challenger_package(services: Services, request_id: str, into: Path) -> Path:
    """Fetch the package that the run made, checked by its sha256.

    Raises:
        TransientError: It is not there, or other bytes are.
        UnsignedPackageError: Signatures are asked for, and it holds code of another build.
    """
    packaged = read(services, request_id, PACKAGED)
    folder = into / "challenger"
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / "model.tar.gz"
    found = services.lake.fetch(keys.retraining_package(request_id), target)
    if found != packaged["sha256"]:
        raise TransientError(f"the package of retraining {request_id} has other bytes: {found}")
    if services.settings.model.signers and not runs_this_code(target):
        raise UnsignedPackageError(
            f"the package of retraining {request_id} is not signed and holds other code than "
            "this build's: train again"
        )
    return target
