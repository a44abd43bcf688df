from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile

import pytest

from include.contracts.documents import DocumentError
from include.contracts.errors import ConfigurationError
from include.contracts.labels import EXPRESSIONS
from include.contracts.package import MAX_MEMBERS, SIGNATURE_MEMBER
from ml.packaging.build import MEMBERS, WEIGHTS_MEMBER, build_package
from ml.packaging.seal import reseal
from ml.packaging.signature import Serving, make_signature, signature_bytes
from ml.packaging.unpack import (
    package_sha256,
    read_package,
    read_signature,
    unpack_package,
)


def test_the_same_content_gives_the_same_bytes(tmp_path):
    paths = [tmp_path / name / "model.tar.gz" for name in ("a", "b")]
    first, second = (
        build_package(
            b"weights", make_signature(package_version="1", input_side_px=96), path, graph=b"graph"
        )
        for path in paths
    )
    assert first == second == package_sha256(tmp_path / "a" / "model.tar.gz")
    with tarfile.open(tmp_path / "a" / "model.tar.gz") as archive:
        members = archive.getmembers()
    assert tuple(member.name for member in members) == MEMBERS
    assert {(m.uid, m.gid, m.uname, m.mtime, m.mode) for m in members} == {(0, 0, "", 0, 0o644)}
    assert (tmp_path / "a" / "model.tar.gz").read_bytes()[4:8] == b"\0\0\0\0"


def test_the_committed_package_is_what_this_tree_builds(committed_package, tmp_path):
    reseal(committed_package, tmp_path / "model.tar.gz", data=tmp_path / "not read")
    # Compressors may differ between machines, the archive may not.
    unzipped = [
        gzip.decompress(p.read_bytes()) for p in (committed_package, tmp_path / "model.tar.gz")
    ]
    assert hashlib.sha256(unzipped[0]).digest() == hashlib.sha256(unzipped[1]).digest()


def test_the_committed_signature_tells_what_is_needed(committed_package):
    signature = read_signature(committed_package)
    assert signature.labels == EXPRESSIONS
    assert 0 < signature.abstain_threshold < 1
    assert signature.temperature > 0
    assert signature.metrics["validation"].figures["accuracy"].n > 2000
    assert len(signature.training.split_sha256) == 64
    assert set(signature.members) == set(MEMBERS) - {SIGNATURE_MEMBER}
    assert signature.serving == Serving("onnxruntime", "fp32")
    content = read_package(committed_package)[SIGNATURE_MEMBER]
    assert signature_bytes(signature) == content, "what is sealed is written the same again"


def test_unpacking_twice_gives_one_folder(tiny_package, tmp_path):
    first = unpack_package(tiny_package[0], tmp_path)
    assert first == unpack_package(tiny_package[0], tmp_path)
    assert first.name == package_sha256(tiny_package[0])
    assert sorted(p.name for p in tmp_path.iterdir()) == [first.name]
    assert (first / "code" / "inference.py").is_file()


def _repacked(package, out, change):
    """Write the package again with its members changed, seals untouched."""
    with tarfile.open(package) as archive:
        content = {m.name: archive.extractfile(m).read() for m in archive}
    change(content)
    with tarfile.open(out, "w:gz") as archive:
        for name, data in content.items():
            member = tarfile.TarInfo(name)
            if data is None:
                member.type, member.linkname = tarfile.SYMTYPE, "/etc/passwd"
                archive.addfile(member)
                continue
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return out


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda c: c.update({WEIGHTS_MEMBER: b"other"}), "model.safetensors is not the sealed"),
        (lambda c: c.update({"code/inference.py": b"import os"}), "inference.py is not the sealed"),
        (lambda c: c.pop("signature.json"), "lacks signature.json"),
        (lambda c: c.update({"signature.json": b"{}"}), "does not list"),
        (lambda c: c.pop(WEIGHTS_MEMBER), "lacks model.safetensors"),
        (lambda c: c.update({"../../evil.py": b""}), "unexpected member '../../evil.py'"),
        (lambda c: c.update({"code/more.py": b""}), "unexpected member 'code/more.py'"),
        (lambda c: c.update({f"m{i}": b"" for i in range(MAX_MEMBERS)}), "unexpected member"),
        (lambda c: c.update({"model.safetensors": None}), "unexpected member"),
    ],
)
def test_a_tampered_package_is_refused_by_name(tiny_package, tmp_path, change, said):
    package = _repacked(tiny_package[0], tmp_path / "model.tar.gz", change)
    with pytest.raises(ConfigurationError, match=said):
        unpack_package(package, tmp_path / "out")
    assert not list((tmp_path / "out").glob("*"))


@pytest.mark.parametrize("data", [b"", b"garbage" * 100, None])
def test_a_file_that_is_no_package_is_named(tmp_path, tiny_package, data):
    path = tmp_path / "model.tar.gz"
    path.write_bytes(tiny_package[0].read_bytes()[:-5000] if data is None else data)
    with pytest.raises(ConfigurationError, match=r"model\.tar\.gz"):
        read_package(path)
    with pytest.raises(ConfigurationError, match="nowhere"):
        package_sha256(tmp_path / "nowhere")


def test_signature_is_readable_json(tiny_package):
    with tarfile.open(tiny_package[0]) as archive:
        signature = json.load(archive.extractfile("signature.json"))
    assert signature["preprocessing"]["detail_side_px"] == 64


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("temperature", "warm", "temperature"),
        ("serving", {"engine": "abacus", "precision": "fp32"}, r"serving\.engine"),
    ],
)
def test_a_field_of_a_signature_is_refused_by_file_and_name(
    tmp_path, tiny_package, field, value, said
):
    def change(content):
        plain = json.loads(content[SIGNATURE_MEMBER])
        content[SIGNATURE_MEMBER] = json.dumps({**plain, field: value}).encode()

    package = _repacked(tiny_package[0], tmp_path / "model.tar.gz", change)
    with pytest.raises(DocumentError, match=rf"model\.tar\.gz, signature\.json: .*`{said}"):
        read_signature(package)
