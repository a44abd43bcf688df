"""The code that a SageMaker training container runs: this tree's `ml`, as one archive.

AWS's PyTorch training containers unpack `sagemaker_submit_directory` and run
`sagemaker_program` in it ("Prepare a training script", SageMaker Python SDK). The same
tree gives the same bytes, so that the archive is named by its content and uploaded once.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
from pathlib import Path

PROGRAM = "train.py"

_ROOT = Path(__file__).resolve().parents[2]
_FOLDERS = ("include/contracts", "ml/data", "ml/models", "ml/training")
_SINGLE = ("include/__init__.py", "ml/__init__.py", "ml/files.py")
_SUFFIXES = {".py", ".yaml", ".csv", ".gz"}
_PROGRAM_TEXT = """\
import sys

from ml.training.job import main

sys.exit(main())
"""
_REQUIREMENTS = "".join(
    f"{name}\n"
    for name in (
        "msgspec",
        "opencv-python-headless",
        "pydantic",
        "pyyaml",
        "safetensors",
        "scikit-learn",
    )
)
"""What `ml.training.job` imports beyond the container's torch, torchvision and numpy."""


def source_archive() -> bytes:
    """Return `sourcedir.tar.gz`."""
    files = {name: (_ROOT / name).read_bytes() for name in _SINGLE}
    for folder in _FOLDERS:
        for path in sorted((_ROOT / folder).rglob("*")):
            if path.is_file() and path.suffix in _SUFFIXES:
                files[path.relative_to(_ROOT).as_posix()] = path.read_bytes()
    files[PROGRAM] = _PROGRAM_TEXT.encode()
    files["requirements.txt"] = _REQUIREMENTS.encode()
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name in sorted(files):
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(files[name]), 0o644
            archive.addfile(member, io.BytesIO(files[name]))
    return gzip.compress(sink.getvalue(), mtime=0)


def sha256_of(archive: bytes) -> str:
    """Return the archive's name in the lake: the hex sha256 of its bytes."""
    return hashlib.sha256(archive).hexdigest()
