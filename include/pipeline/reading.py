"""What people read through a web page: reports of studies, label pictures, audits.

Names come from outside: each is looked up among those there are, or is one plain part of a key
that is asked for as a whole.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from include.contracts.errors import PlatformError
from include.contracts.published import PUBLISHED_MANIFEST
from include.lake import keys
from include.pipeline.current import current
from include.pipeline.withdrawals import Withdrawals

if TYPE_CHECKING:
    from include.composition import Services
    from include.lake.store import Lake

ANNOTATED = "annotated.mp4"
REPORT = "report.html"
PICTURES = "pictures"
_PICTURE = ".jpg"
_RECORD = "record.json"


class NotThereError(PlatformError):
    """Nothing of that name is shown to anybody."""


class TooLargeError(PlatformError):
    """The file is larger than a page hands out."""


@dataclass(frozen=True, slots=True)
class ResultFile:
    """A file of a published result."""

    name: str
    size_bytes: int

    @property
    def shows_faces(self) -> bool:
        """Whether a look at it is a look at a person: frames in the report, the copy."""
        return self.name in (REPORT, ANNOTATED)


def studies(services: Services) -> list[str]:
    """Names of the studies with published recordings, sorted."""
    return services.ledger.published_studies()


def recordings(services: Services, study: str) -> list[str]:
    """Names of a study's recordings whose results are read, sorted.

    Raises:
        TransientError: The lake failed for now.
    """
    out = Withdrawals(services)
    named = {row.recording for row in services.ledger.published(study)}
    return sorted(name for name in named if not out.holds(study, name))


def files(services: Services, study: str, recording: str) -> tuple[str, list[ResultFile]]:
    """Return the prefix of the result that readers take, and its files.

    Raises:
        NotThereError: Nothing of that name is published, or consent was withdrawn.
        TransientError: The lake failed for now.
    """
    choice = None
    if recording in recordings(services, study):
        choice = current(services.lake, study, recording)
    if choice is None:
        raise NotThereError("no result of that name is published")
    manifest = services.lake.read(PUBLISHED_MANIFEST, f"{choice.prefix}/{keys.PUBLISHED_MANIFEST}")
    listed = [ResultFile(name, entry.size_bytes) for name, entry in manifest.files.items()]
    return choice.prefix, sorted(listed, key=lambda item: item.name)


def result_file(
    services: Services, study: str, recording: str, name: str, *, max_bytes: int
) -> tuple[ResultFile, bytes]:
    """Return one file of the result that readers take.

    Raises:
        NotThereError: There is no such result, or no such file in its manifest.
        TooLargeError: It is larger than `max_bytes`.
        TransientError: The lake failed for now.
    """
    prefix, listed = files(services, study, recording)
    found = next((item for item in listed if item.name == name), None)
    if found is None:
        raise NotThereError("the result has no such file")
    if found.size_bytes > max_bytes:
        raise TooLargeError(f"{name} has {found.size_bytes} bytes: fetch it from the lake")
    return found, services.lake.get_bytes(f"{prefix}/{found.name}")


def label_queues(services: Services) -> list[str]:
    """Ids of the label queues, the newest last."""
    return _folders(services.lake, keys.LABEL_QUEUES)


def label_pictures(services: Services, queue_id: str) -> list[str]:
    """File names of a label queue's pictures.

    Raises:
        NotThereError: There is no such queue.
    """
    found = services.lake.list(_pictures(queue_id)) if _is_segment(queue_id) else ()
    names = sorted(posixpath.basename(key) for key in found)
    if not names:
        raise NotThereError("there is no such label queue")
    return names


def label_picture(services: Services, queue_id: str, name: str) -> bytes:
    """Return a crop of a face, JPEG.

    Raises:
        NotThereError: There is no such picture.
        TransientError: The lake failed for now.
    """
    try:
        if _is_segment(queue_id) and _is_segment(name) and name.endswith(_PICTURE):
            return services.lake.get_bytes(f"{_pictures(queue_id)}/{name}")
    except FileNotFoundError:
        pass
    raise NotThereError("the queue has no such picture")


def audits(services: Services) -> list[str]:
    """SHA-256 of every bias audit."""
    return [
        parts[1]
        for key in services.lake.list("audits")
        if len(parts := key.split("/")) == 3 and parts[2] == _RECORD  # audits/{sha256}/record.json
    ]


def audit_page(services: Services, sha256: str) -> bytes:
    """Return the page of a bias audit, HTML.

    Raises:
        NotThereError: There is no such audit.
        TransientError: The lake failed for now.
    """
    if sha256 not in audits(services):
        raise NotThereError("there is no such audit")
    return services.lake.get_bytes(keys.audit_page(sha256))


def _pictures(queue_id: str) -> str:
    return f"{keys.label_queue(queue_id)}/{PICTURES}"


def _is_segment(name: str) -> bool:
    """Whether a name can be one part of a key and leads nowhere else."""
    return name.isprintable() and "/" not in name and name.strip(". ") != "" and len(name) < 256


def _folders(lake: Lake, prefix: str) -> list[str]:
    depth = prefix.count("/") + 1
    names: Iterable[str] = (
        parts[depth] for key in lake.list(prefix) if len(parts := key.split("/")) > depth + 1
    )
    return sorted(set(names))
