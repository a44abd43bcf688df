"""The split manifest a package was trained by: it says which pictures are held out."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from include.contracts.errors import ConfigurationError
from ml.data.splits import DEFAULT_MANIFEST, SplitManifest, read_manifest


def manifest_of(signature: Mapping[str, Any], path: Path | None = None) -> SplitManifest:
    """Return the manifest at `path`, or the committed one that the signature names.

    A package without a training record is held to the default manifest.

    Raises:
        ConfigurationError: The manifest cannot be read, or is not the one the package
            was trained by: a picture of its training could then be scored.
    """
    training = signature.get("training") or {}
    if path is None:
        path = DEFAULT_MANIFEST.parent / Path(training.get("split", DEFAULT_MANIFEST.name)).name
    manifest = read_manifest(path)
    sealed = training.get("split_sha256")
    if sealed is not None and manifest.sha256 != sealed:
        raise ConfigurationError(
            "split manifest",
            f"{path} has sha256 {manifest.sha256[:12]}, the package was trained by "
            f"{training.get('split')} with {sealed[:12]}: give that file with --manifest",
        )
    return manifest
