"""Objects of a folder or bucket: copied by content, listed with sha256, read back checked."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from include.contracts.documents import Form
from include.contracts.errors import ConfigurationError, PlatformError
from include.contracts.identity import sha256_of_stream
from include.lake.aws import botocore_errors
from include.lake.raw import CHUNK_BYTES, RawStore, Stored, local_root

_AT_ONCE = 8
_PAGE = 1000


@dataclass(frozen=True, slots=True)
class Object:
    """One object of a backup.

    Attributes:
        key: Relative to the store.
        size_bytes: Of its content.
        sha256: Of its content, hex; names the file that holds it.
        version: Of an original, as the ledger knew it; empty of everything else.
    """

    key: str
    size_bytes: int
    sha256: str
    version: str = ""


OBJECT = Form(Object)


def save(store: RawStore, pool: Path, listing: Path, versions: Mapping[str, str]) -> list[Object]:
    """Copy every current object into a pool of contents, and list them.

    What another backup put into the pool is not written again. An object that vanishes
    meanwhile is left out.

    Args:
        store: What to copy.
        pool: Folder of contents, `ab/abcd...`, shared by backups.
        listing: JSON Lines, written whole.
        versions: Version of originals by key, as listed before.

    Raises:
        TransientError: The store failed for now.
    """
    found = (one for one in store.walk() if one.current and one.content)
    saved: list[Object] = []
    with ThreadPoolExecutor(_AT_ONCE) as threads:
        while page := list(islice(found, _PAGE)):
            copied = threads.map(lambda one: _save(store, pool, one, versions), page)
            saved += [item for item in copied if item is not None]
    saved.sort(key=lambda item: item.key)
    listing.write_text("".join(OBJECT.line(item) + "\n" for item in saved))
    return saved


def _save(store: RawStore, pool: Path, one: Stored, versions: Mapping[str, str]) -> Object | None:
    partial = pool / f".partial-{os.getpid()}-{hashlib.sha256(os.fsencode(one.key)).hexdigest()}"
    digest, size = hashlib.sha256(), 0
    try:
        with partial.open("wb") as file:
            for chunk in store.chunks(one):
                digest.update(chunk)
                size += len(chunk)
                file.write(chunk)
            file.flush()
            os.fsync(file.fileno())
        content = content_of(pool, digest.hexdigest())
        content.parent.mkdir(exist_ok=True)
        if not content.exists():
            partial.replace(content)
    except FileNotFoundError:
        return None
    finally:
        partial.unlink(missing_ok=True)
    return Object(one.key, size, digest.hexdigest(), versions.get(one.key, ""))


def content_of(pool: Path, sha256: str) -> Path:
    """Return the file of a content."""
    return pool / sha256[:2] / sha256


def read_listing(listing: Path) -> list[Object]:
    """Return the objects that a listing names.

    Raises:
        DocumentError: A line is none of ours; the message has its number.
    """
    return OBJECT.read_lines(listing.read_bytes(), str(listing))


def check(objects: Iterable[Object], pool: Path) -> None:
    """Read every content and hold it to its sha256.

    Raises:
        PlatformError: One is missing or damaged; the message names it.
    """
    for sha256 in sorted({item.sha256 for item in objects}):
        try:
            with content_of(pool, sha256).open("rb") as file:
                found = sha256_of_stream(file)
        except OSError as error:
            raise PlatformError(f"the backup lacks the content {sha256}: {error}") from error
        if found != sha256:
            raise PlatformError(f"the backup's content {sha256} is damaged: it has {found}")


def restore(objects: Iterable[Object], pool: Path, url: str, client: Callable[[], Any]) -> int:
    """Put objects where a URL points; return how many.

    Args:
        objects: What was listed.
        pool: Where their contents lie.
        url: `file:///folder` or `s3://bucket/prefix`, with nothing in it.
        client: Makes the S3 client when it is needed.

    Raises:
        ConfigurationError: The URL is neither.
        PlatformError: A key leads outside of the store.
        TransientError: The store failed for now.
    """
    put = _writer(url, client)

    def one(item: Object) -> None:
        if ".." in PurePosixPath(item.key).parts or item.key.startswith("/"):
            raise PlatformError(f"the backup names an object outside of {url}: {item.key!r}")
        put(item.key, content_of(pool, item.sha256))

    count = 0
    remaining = iter(objects)
    with ThreadPoolExecutor(_AT_ONCE) as threads:
        while page := list(islice(remaining, _PAGE)):
            count += sum(1 for _ in threads.map(one, page))
    return count


def _writer(url: str, client: Callable[[], Any]) -> Callable[[str, Path], None]:
    root, parts = local_root(url), urlsplit(url)
    if root is not None:
        root.mkdir(parents=True, exist_ok=True)

        def into_folder(key: str, content: Path) -> None:
            target = root / key
            target.parent.mkdir(parents=True, exist_ok=True)
            partial = target.with_name(f".{target.name}"[:200] + ".restored")
            with content.open("rb") as source, partial.open("wb") as file:
                while chunk := source.read(CHUNK_BYTES):
                    file.write(chunk)
            partial.replace(target)

        return into_folder
    if parts.scheme != "s3" or not parts.netloc:
        raise ConfigurationError(url, "is neither file:///folder nor s3://bucket/prefix")
    s3, prefix = client(), parts.path.strip("/")

    def into_bucket(key: str, content: Path) -> None:
        with botocore_errors(key):
            s3.upload_file(str(content), parts.netloc, f"{prefix}/{key}" if prefix else key)

    return into_bucket
