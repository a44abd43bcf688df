"""What the first stages of a retraining write down."""

from __future__ import annotations

from include.composition import Services
from include.governance.release.documents import Champion, Opened, Packaged, Registered
from include.lake import keys
from include.pipeline.model_retraining import documents


def write_opened(
    services: Services, request_id: str, *, name: str, version: str, sha256: str = "", run_id: str
) -> None:
    """A retraining was opened against this champion."""
    champion = Champion(name, version, sha256)
    opened = Opened(run_id, "manual", "", "", "operator", "2026-11-01T08:00:00+00:00", champion)
    documents.write(services, request_id, documents.OPENED, opened)


def write_packaged(services: Services, request_id: str, sha256: str) -> None:
    """The challenger has this package."""
    documents.write(services, request_id, documents.PACKAGED, Packaged(sha256, "retrained-1"))


def write_registered(
    services: Services, request_id: str, *, name: str, version: str, sha256: str
) -> None:
    """The challenger is this version."""
    registered = Registered(name, version, sha256, keys.retraining(request_id))
    documents.write(services, request_id, documents.REGISTERED, registered)
