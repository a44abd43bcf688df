"""Deterministic identities: the same input yields the same id, the same keys, the same bytes."""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from collections.abc import Mapping
from typing import BinaryIO

ID_LENGTH = 32
"""Hex digits kept of a sha256 (128 bits)."""

_CHUNK_BYTES = 1 << 20
_UNSAFE = re.compile(r"[^a-z0-9]+")


def sha256_of_stream(stream: BinaryIO) -> str:
    """Return the hex sha256 of everything left in `stream`."""
    digest = hashlib.sha256()
    while chunk := stream.read(_CHUNK_BYTES):
        digest.update(chunk)
    return digest.hexdigest()


def stable_hash(parts: Mapping[str, object]) -> str:
    """Return an id of a JSON-serialisable mapping, independent of key order.

    Raises:
        TypeError: A value cannot be written as JSON.
    """
    canonical = json.dumps(parts, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(canonical.encode()).hexdigest()[:ID_LENGTH]


def extraction_id(video_id: str, extraction_settings: Mapping[str, object], version: int) -> str:
    """Identity of one extraction: the bytes, the settings and the stage's code version."""
    return stable_hash({"video": video_id, "settings": dict(extraction_settings), "code": version})


def analysis_id(extraction: str, model_sha256: str, version: int) -> str:
    """Identity of one analysis: an extraction seen by one model package."""
    return stable_hash({"extraction": extraction, "model": model_sha256, "code": version})


def slug(text: str, *, max_length: int = 60) -> str:
    """Return a readable path segment for any text, safe in every object store.

    Lower-case ASCII letters, digits and hyphens, followed by eight hex digits
    of the text's sha256, so that two texts never share a slug by accident.
    """
    ascii_text = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    readable = _UNSAFE.sub("-", ascii_text).strip("-")[:max_length].strip("-") or "unnamed"
    return f"{readable}-{hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()[:8]}"
