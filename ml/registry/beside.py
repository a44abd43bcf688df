"""Documents that lie beside a version in a registry.

Each has the form of whoever reads it there: SageMaker's model card and quality statistics,
Clarify's bias report, the attestation of in-toto. What a registry hands back is therefore an
object of JSON, and its reader says what it must hold.
"""

from __future__ import annotations

import json
from pathlib import Path

from include.contracts.documents import Content
from include.contracts.errors import ConfigurationError


def read_beside(content: bytes, name: str) -> Content:
    """Return a document.

    Args:
        content: JSON.
        name: Its path or address, for what is said when it is refused.

    Raises:
        ConfigurationError: It is no JSON object.
    """
    try:
        read = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise ConfigurationError(name, f"cannot be read as JSON: {error}") from error
    if not isinstance(read, dict):
        raise ConfigurationError(name, "must hold a JSON object")
    return read


def read_file_beside(path: Path) -> Content:
    """Return a document that lies in a file.

    Raises:
        ConfigurationError: The file cannot be read, or holds no JSON object.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ConfigurationError(str(path), f"cannot be read: {error}") from error
    return read_beside(content, str(path))
