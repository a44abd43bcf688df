"""The lake on a folder and on S3: one behaviour."""

from __future__ import annotations

import hashlib
import os
import threading
from pathlib import Path
from typing import Any

import pytest

from include.contracts.errors import ConfigurationError, TransientError
from include.lake.store import Lake
from include.settings import StorageSettings
from tests.unit.lake.conftest import Store


def test_platform_keys_round_trip(store: Store, tmp_path: Path) -> None:
    lake = store.lake
    lake.put_bytes("analyses/a/predictions.parquet", b"one")
    lake.put_bytes("analyses/a/predictions.parquet", b"two")
    (tmp_path / "folder" / "sub").mkdir(parents=True)
    (tmp_path / "folder" / "sub" / "x.html").write_bytes(b"x")
    (tmp_path / "folder" / "index.html").write_bytes(b"index")
    lake.put_folder("data-docs/b", tmp_path / "folder")

    assert lake.get_bytes("analyses/a/predictions.parquet") == b"two"
    assert lake.exists("data-docs/b/index.html")
    assert not lake.exists("data-docs/b")
    assert list(lake.list("data-docs/b")) == ["data-docs/b/index.html", "data-docs/b/sub/x.html"]
    assert list(lake.list("data-docs/nothing")) == []
    with pytest.raises(FileNotFoundError):
        lake.get_bytes("analyses/b")


def test_a_prefix_is_a_folder_not_a_beginning_of_a_name(store: Store) -> None:
    store.lake.put_bytes("transforms/job-1/output/a.out", b"1")
    store.lake.put_bytes("transforms/job-10/output/a.out", b"1")

    assert list(store.lake.list("transforms/job-1")) == ["transforms/job-1/output/a.out"]


def test_a_large_file_is_streamed_in_parts(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "big"
    path.write_bytes(os.urandom(21 << 20))

    store.lake.put_file("extractions/e/shards/big.tar", path)

    wanted = hashlib.sha256(path.read_bytes()).hexdigest()
    fetched = tmp_path / "fetched"
    assert store.lake.fetch("extractions/e/shards/big.tar", fetched) == wanted
    assert fetched.read_bytes() == path.read_bytes()


def test_conditional_put_has_one_winner(store: Store) -> None:
    won: list[int] = []
    start = threading.Barrier(8)

    def put(number: int) -> None:
        start.wait()
        if store.lake.put_if_absent("published/s/r/a/manifest.json", str(number).encode()):
            won.append(number)

    threads = [threading.Thread(target=put, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(won) == 1
    assert store.lake.get_bytes("published/s/r/a/manifest.json") == str(won[0]).encode()


def test_delete_takes_one_object_and_never_an_original(store: Store) -> None:
    store.drop("incoming/s/a.mp4", b"a")
    store.lake.put_bytes("watch/one", b"1")
    store.lake.put_bytes("watch/one.more", b"1")

    store.lake.delete("watch/one")
    store.lake.delete("watch/one")
    assert list(store.lake.list("watch")) == ["watch/one.more"]
    for key in ("incoming/s/a.mp4", "/incoming/s/a.mp4", ""):
        with pytest.raises(ValueError, match="refusing"):
            store.lake.delete(key)
    assert [found.key for found in store.lake.list_incoming()] == ["incoming/s/a.mp4"]


def test_delete_prefix_never_touches_originals(store: Store) -> None:
    store.drop("incoming/s/a.mp4", b"a")
    store.lake.put_bytes("extractions/e/manifest.parquet", b"1")
    store.lake.put_bytes("extractions/e2/manifest.parquet", b"1")

    assert store.lake.delete_prefix("extractions/e") == 1
    assert store.lake.delete_prefix("extractions/e") == 0
    assert store.lake.exists("extractions/e2/manifest.parquet")
    originals = ("incoming/s", "incoming", "", "/", "/incoming/")
    for prefix in (*originals, "labels", "labels/incoming", "labels/incoming/s"):
        with pytest.raises(ValueError, match="refusing"):
            store.lake.delete_prefix(prefix)
    assert [found.key for found in store.lake.list_incoming()] == ["incoming/s/a.mp4"]


@pytest.mark.parametrize("key", ["incoming/s/a b%20c.mp4", "labels/incoming/x.csv"])
def test_an_original_is_removed_for_erasure_and_nothing_beside_it(store: Store, key: str) -> None:
    store.drop(key, b"a")
    store.drop(f"{key}.more", b"b")

    store.lake.remove_original(key)
    store.lake.remove_original(key)
    found = [*store.lake.list_incoming(), *store.lake.list_label_files()]
    assert [item.key for item in found] == [f"{key}.more"]
    for other in ("extractions/e/x", "incoming", ""):
        with pytest.raises(ValueError, match="no original"):
            store.lake.remove_original(other)


def test_no_version_of_an_original_is_left_in_a_bucket_that_keeps_them(
    s3: Any, s3_store: Store
) -> None:
    bucket = s3_store.lake.uri("").split("/")[2]
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    for content in (b"one", b"two"):
        s3_store.drop("incoming/s/a.mp4", content)
    s3.delete_object(Bucket=bucket, Key="some/prefix/incoming/s/a.mp4")

    s3_store.lake.remove_original("incoming/s/a.mp4")
    left = s3.list_object_versions(Bucket=bucket)
    assert not {"Versions", "DeleteMarkers"} & left.keys()


def test_fetch_returns_the_hash_of_the_listed_version(store: Store, tmp_path: Path) -> None:
    store.drop("incoming/s/a.mp4", b"first")
    (listed,) = store.lake.list_incoming()
    destination = tmp_path / "a"

    sha256 = store.lake.fetch(listed.key, destination, version=listed.version)

    assert sha256 == hashlib.sha256(b"first").hexdigest()
    assert destination.read_bytes() == b"first"


def test_fetch_of_a_replaced_version_is_transient_and_leaves_nothing(
    store: Store, tmp_path: Path
) -> None:
    store.drop("incoming/s/a.mp4", b"first")
    (listed,) = store.lake.list_incoming()
    store.drop("incoming/s/a.mp4", b"second")

    with pytest.raises(TransientError):
        store.lake.fetch(listed.key, tmp_path / "a", version=listed.version)

    assert not (tmp_path / "a").exists()
    assert not (tmp_path / "a.part").exists()


def test_fetch_of_a_removed_object(store: Store, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        store.lake.fetch("incoming/s/never.mp4", tmp_path / "a", version="1")


def test_a_file_that_grows_while_it_is_read_is_transient(
    local_store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    local_store.drop("incoming/s/a.mp4", b"x" * (3 << 20))
    path = tmp_path / "the lake" / "incoming" / "s" / "a.mp4"
    monkeypatch.setattr("include.lake.originals.CHUNK_BYTES", 1 << 20)

    class GrowingHash:
        """Appends to the original while it is hashed."""

        def update(self, chunk: bytes) -> None:
            with path.open("ab") as file:
                file.write(chunk)

        def hexdigest(self) -> str:
            return ""

    monkeypatch.setattr("include.lake.store.hashlib.sha256", GrowingHash)

    with pytest.raises(TransientError, match="changed while it was read"):
        local_store.lake.fetch("incoming/s/a.mp4", tmp_path / "copy")
    assert not (tmp_path / "copy").exists()


def test_read_head_is_bounded(store: Store) -> None:
    store.drop("incoming/s/study.yaml", b"0123456789")

    assert store.lake.read_head("incoming/s/study.yaml", 4) == b"0123"
    assert store.lake.read_head("incoming/s/study.yaml", 40) == b"0123456789"
    with pytest.raises(FileNotFoundError):
        store.lake.read_head("incoming/t/study.yaml", 4)


def test_uri_is_absolute(local_store: Store, s3_store: Store, tmp_path: Path) -> None:
    key = "incoming/s/a b%.mp4"
    assert local_store.lake.uri(key) == f"file://{tmp_path}/the%20lake/incoming/s/a%20b%25.mp4"
    uri = s3_store.lake.uri(key)
    assert uri.startswith("s3://lake-")
    assert uri.endswith("/some/prefix/incoming/s/a b%.mp4")


@pytest.mark.parametrize("url", ["/var/lake", "file://relative/lake", "gs://bucket", "s3://", ""])
def test_a_wrong_url_names_the_setting(url: str) -> None:
    with pytest.raises(ConfigurationError, match="FEX_STORAGE__LAKE_URL"):
        Lake.open(StorageSettings.model_construct(lake_url=url))


def test_an_s3_lake_without_credentials_names_the_setting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))

    with pytest.raises(ConfigurationError, match="credentials"):
        Lake.open(StorageSettings(lake_url="s3://bucket/lake"))


@pytest.mark.usefixtures("at_once")
def test_an_unreachable_store_is_transient(s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    lake = Lake.open(
        StorageSettings(lake_url="s3://bucket/lake", s3_endpoint_url="http://127.0.0.1:9")
    )

    with pytest.raises(TransientError):
        list(lake.list_incoming())
