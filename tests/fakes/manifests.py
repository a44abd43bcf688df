"""Manifests of published results for tests that need one, whole as publishing writes them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from include.contracts.published import (
    PUBLISHED_MANIFEST,
    PublishedFile,
    PublishedManifest,
    PublishedModel,
)


def manifest_bytes(files: Iterable[str] = (), **changes: Any) -> bytes:
    """Return a manifest that names `files`, other fields as given."""
    fields = {
        "study": "study",
        "recording": "r.mp4",
        "video_id": "v",
        "extraction_id": "e",
        "analysis_id": "a",
        "model": PublishedModel("m", "1", "s" * 64),
        "files": {name: PublishedFile("d" * 64, 1) for name in files},
    }
    return PUBLISHED_MANIFEST.write(PublishedManifest(**(fields | changes)))
