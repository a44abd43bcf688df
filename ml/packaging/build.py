"""Build `model.tar.gz`: the same content gives the same bytes."""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from include.contracts.package import CODE_MEMBER, SIGNATURE_MEMBER, read_members
from ml.files import written_whole
from ml.packaging.signature import Signature, signature_bytes

CODE_DIR = Path(__file__).parent / "code"
WEIGHTS_MEMBER = "model.safetensors"
GRAPH_MEMBER = "model.onnx"
CODE_MEMBERS = (CODE_MEMBER, "code/requirements.txt")
MEMBERS = (*CODE_MEMBERS, GRAPH_MEMBER, WEIGHTS_MEMBER, SIGNATURE_MEMBER)
"""Every member, in the order of the archive; a package for torch alone has no graph."""

_MODE = 0o644


def build_package(
    weights: bytes, signature: Signature, out: Path, *, graph: bytes | None = None
) -> str:
    """Write the package and return its sha256 (hex).

    Args:
        weights: A safetensors file's bytes.
        signature: What `signature.json` says; `members` is filled in here.
        out: Where `model.tar.gz` goes; replaced atomically.
        graph: The network for ONNX Runtime, see `ml.packaging.graph`; None where torch
            is the only engine.
    """
    content = {name: (CODE_DIR / name.removeprefix("code/")).read_bytes() for name in CODE_MEMBERS}
    content[WEIGHTS_MEMBER] = weights
    if graph is not None:
        content[GRAPH_MEMBER] = graph
    members = {name: hashlib.sha256(data).hexdigest() for name, data in sorted(content.items())}
    content[SIGNATURE_MEMBER] = signature_bytes(replace(signature, members=members))
    data = gzip.compress(_tar(content), compresslevel=9, mtime=0)
    out.parent.mkdir(parents=True, exist_ok=True)
    with written_whole(out) as partial:
        partial.write_bytes(data)
    return hashlib.sha256(data).hexdigest()


def runs_this_code(package: Path) -> bool:
    """Tell whether a package holds no code but that of this tree.

    Raises:
        ConfigurationError: The package is damaged.
    """
    code = {name: data for name, data in read_members(package).items() if name.startswith("code/")}
    ours = {name: (CODE_DIR / name.removeprefix("code/")).read_bytes() for name in CODE_MEMBERS}
    return code == ours


def _tar(content: Mapping[str, bytes]) -> bytes:
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name in (member for member in MEMBERS if member in content):
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(content[name]), _MODE
            archive.addfile(member, io.BytesIO(content[name]))
    return sink.getvalue()
