"""The split manifest a package is measured by: it says which pictures are held out."""

from __future__ import annotations

from pathlib import Path

from include.contracts.errors import ConfigurationError
from ml.data.splits import DEFAULT_MANIFEST, SplitManifest, read_manifest
from ml.packaging.signature import Signature


def manifest_of(signature: Signature, path: Path = DEFAULT_MANIFEST) -> SplitManifest:
    """Return the manifest at `path`, if its training pictures are those of the package.

    A stricter manifest than the package was trained by may hold fewer pictures out, as
    long as the training side is the same. A package without a training record is held to
    any manifest.

    Raises:
        ConfigurationError: The manifest cannot be read, or has another training side: a
            picture the package was trained on could then be scored.
    """
    training, manifest = signature.training, read_manifest(path)
    sealed = training.data_sha256.get("train")
    if sealed is not None and manifest.side_sha256("train") != sealed:
        raise ConfigurationError(
            "split manifest",
            f"the package was trained on other pictures ({training.split}) than "
            f"{path.name} lists for training: give its manifest with --manifest",
        )
    return manifest
