"""Build `model.tar.gz`: the same content gives the same bytes."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

CODE_DIR = Path(__file__).parent / "code"
WEIGHTS_MEMBER = "model.safetensors"
SIGNATURE_MEMBER = "signature.json"
CODE_MEMBERS = ("code/inference.py", "code/requirements.txt")
MEMBERS = (*CODE_MEMBERS, WEIGHTS_MEMBER, SIGNATURE_MEMBER)
"""Every member, in the order of the archive."""

_MODE = 0o644


def build_package(weights: bytes, signature: Mapping[str, Any], out: Path) -> str:
    """Write the package and return its sha256 (hex).

    Args:
        weights: A safetensors file's bytes.
        signature: What `signature.json` says; `members` is filled in here.
        out: Where `model.tar.gz` goes; replaced atomically.
    """
    content = {name: (CODE_DIR / name.removeprefix("code/")).read_bytes() for name in CODE_MEMBERS}
    content[WEIGHTS_MEMBER] = weights
    sealed = dict(signature)
    sealed["members"] = {
        name: hashlib.sha256(data).hexdigest() for name, data in sorted(content.items())
    }
    content[SIGNATURE_MEMBER] = (json.dumps(sealed, indent=2, sort_keys=True) + "\n").encode()
    data = gzip.compress(_tar(content), compresslevel=9, mtime=0)
    out.parent.mkdir(parents=True, exist_ok=True)
    partial = out.with_name(out.name + ".partial")
    partial.write_bytes(data)
    partial.replace(out)
    return hashlib.sha256(data).hexdigest()


def _tar(content: Mapping[str, bytes]) -> bytes:
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name in MEMBERS:
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(content[name]), _MODE
            archive.addfile(member, io.BytesIO(content[name]))
    return sink.getvalue()
