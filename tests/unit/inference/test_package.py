"""Unpacking the model package, once and only as registered."""

from __future__ import annotations

import hashlib
import io
import tarfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from include.contracts.errors import PermanentInputError, TransientError
from include.inference.package import unpack_package
from include.settings import StorageSettings
from tests.fakes.inference_platform import Platform
from tests.fakes.tiny_package import build_tiny_package

STORAGE = StorageSettings()


@pytest.fixture
def package(tmp_path: Path) -> tuple[str, str]:
    path = tmp_path / "model, 1.tar.gz"
    return path.as_uri(), build_tiny_package(path)


def test_unpacks_the_members(package: tuple[str, str], tmp_path: Path) -> None:
    folder = unpack_package(*package, tmp_path / "cache", STORAGE, signers=())
    assert (folder / "code" / "inference.py").is_file()
    assert [path.name for path in (tmp_path / "cache").iterdir()] == [package[1]]


def test_unpacks_once(package: tuple[str, str], tmp_path: Path) -> None:
    uri, sha256 = package
    first = unpack_package(uri, sha256, tmp_path / "cache", STORAGE, signers=())
    assert (
        unpack_package("file:///not/there", sha256, tmp_path / "cache", STORAGE, signers=())
        == first
    )


def test_many_at_once_get_one_folder(package: tuple[str, str], tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        folders = list(
            pool.map(
                lambda _: unpack_package(*package, tmp_path / "cache", STORAGE, signers=()),
                range(16),
            )
        )
    assert len(set(folders)) == 1


def test_other_bytes_than_registered_are_refused(package: tuple[str, str], tmp_path: Path) -> None:
    with pytest.raises(PermanentInputError, match="registered is"):
        unpack_package(package[0], "0" * 64, tmp_path / "cache", STORAGE, signers=())
    assert not (tmp_path / "cache" / ("0" * 64)).exists()


@pytest.mark.parametrize("name", ["../outside", "/outside"])
def test_a_member_that_leaves_the_folder_is_refused(tmp_path: Path, name: str) -> None:
    archive = tmp_path / "evil.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        member = tarfile.TarInfo(name)
        tar.addfile(member, io.BytesIO())
        link = tarfile.TarInfo("link")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(link)
    sha256 = hashlib.sha256(archive.read_bytes()).hexdigest()
    with pytest.raises(PermanentInputError, match="cannot be unpacked"):
        unpack_package(archive.as_uri(), sha256, tmp_path / "cache", STORAGE, signers=())
    assert not (tmp_path / "outside").exists()
    assert list((tmp_path / "cache").iterdir()) == []


def test_bytes_that_are_no_archive_are_refused(tmp_path: Path) -> None:
    archive = tmp_path / "model.tar.gz"
    archive.write_bytes(b"no archive")
    sha256 = hashlib.sha256(archive.read_bytes()).hexdigest()
    with pytest.raises(PermanentInputError, match="cannot be unpacked"):
        unpack_package(archive.as_uri(), sha256, tmp_path / "cache", STORAGE, signers=())


def test_a_package_that_is_not_there_may_come(tmp_path: Path) -> None:
    uri = (tmp_path / "model.tar.gz").as_uri()
    with pytest.raises(TransientError, match="cannot be read"):
        unpack_package(uri, "0" * 64, tmp_path / "cache", STORAGE, signers=())


def test_reads_a_package_on_s3_outside_the_lake(platform: Platform, tmp_path: Path) -> None:
    kind = platform.kind
    folder = unpack_package(
        kind.package_uri, kind.package_sha256, tmp_path / "cache", kind.storage, signers=()
    )
    assert (folder / "signature.json").is_file()
    missing = kind.package_uri.replace("model.tar", "other.tar")
    with pytest.raises(TransientError, match="cannot be read"):
        unpack_package(missing, "0" * 64, tmp_path / "cache", kind.storage, signers=())
