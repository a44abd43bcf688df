"""Documents of results for tests that need one, whole as the stages write them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from include.contracts.extraction import EXTRACTION, Extraction
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


def extraction(duration_s: float, **changes: Any) -> Extraction:
    """What extraction notes of a sound file."""
    values: dict[str, Any] = {
        "video_id": "9f" * 32,
        "extraction_id": "e" * 32,
        "stage_version": 1,
        "container": "mp4",
        "codec": "h264",
        "sample_rate_hz": 1.0,
        "settings": {},
        "width_px": 1280,
        "height_px": 720,
        "duration_s": duration_s,
        "start_s": 0.0,
        "instants_expected": 0,
        "instants_present": 0,
        "instants_usable": 0,
        "rows": 0,
        "scenes": 1,
        "reasons": {},
        "faces": {},
    }
    return Extraction(**{**values, **changes})


def extraction_bytes(duration_s: float, **changes: Any) -> bytes:
    """The same as `extraction.json` has it."""
    return EXTRACTION.write(extraction(duration_s, **changes))
