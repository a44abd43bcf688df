"""The documents of one retraining in the lake: what a stage found, as JSON, written last."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from include.composition import Services, build_registry
from include.contracts.attestation import UnsignedPackageError
from include.contracts.documents import Form
from include.contracts.errors import TransientError
from include.governance.release.decision import DECISION as DECISION_FORM
from include.governance.release.documents import (
    Assembled,
    Audited,
    Evaluation,
    Gates,
    Opened,
    Packaged,
    Registered,
    SideBySide,
)
from include.lake import keys
from include.training_jobs.spec import TrainingSpec
from ml.packaging.build import runs_this_code
from ml.registry.protocol import ModelRegistry, ModelVersion

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Trained:
    """The job that trained.

    Attributes:
        job: Its name.
        spec: What it was given.
    """

    job: str
    spec: TrainingSpec


@dataclass(frozen=True, slots=True)
class Document(Generic[T]):
    """One kind of document: its name under the retraining's prefix, and how it is kept."""

    name: str
    form: Form[T]

    def key(self, request_id: str) -> str:
        """Return where that of a retraining lies."""
        return keys.retraining_document(request_id, self.name)


OPENED = Document("opened.json", Form(Opened))
ASSEMBLED = Document("assembled.json", Form(Assembled))
TRAINED = Document("trained.json", Form(Trained))
PACKAGED = Document("packaged.json", Form(Packaged))
EVALUATION = Document("evaluation.json", Form(Evaluation, undefined=True))
AUDIT = Document("audit.json", Form(Audited))
GATES = Document("gates.json", Form(Gates))
REGISTERED = Document("registered.json", Form(Registered))
SIDE_BY_SIDE = Document("side-by-side.json", Form(SideBySide))
DECISION = Document("decision.json", DECISION_FORM)
COMPARISON = "comparison.md"


def find(services: Services, request_id: str, document: Document[T]) -> T | None:
    """Return a document, None where the stage that writes it has not ended."""
    return services.lake.find(document.form, document.key(request_id))


def read(services: Services, request_id: str, document: Document[T]) -> T:
    """Return a document of an earlier stage.

    Raises:
        TransientError: It is not there: clear the stage that writes it.
    """
    found = find(services, request_id, document)
    if found is None:
        raise TransientError(f"{document.name} of retraining {request_id} is not there (yet)")
    return found


def write(services: Services, request_id: str, document: Document[T], content: T) -> T:
    """Write a document whole, and return it."""
    return services.lake.write(document.form, document.key(request_id), content)


def champion_package(
    services: Services, opened: Opened, into: Path
) -> tuple[ModelRegistry, ModelVersion, Path]:
    """Fetch the package of the champion that the run was opened with, checked by its sha256."""
    registry = build_registry(services.settings)
    champion = registry.get(opened.champion.name, opened.champion.version)
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
    if found != packaged.sha256:
        raise TransientError(f"the package of retraining {request_id} has other bytes: {found}")
    if services.settings.model.signers and not runs_this_code(target):
        raise UnsignedPackageError(
            f"the package of retraining {request_id} is not signed and holds other code than "
            "this build's: train again"
        )
    return target
