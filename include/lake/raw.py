"""Everything that a folder or a bucket holds, under whatever key, for looking through it whole.

The lake's own doors show what belongs to the platform. Whoever must be sure that nothing of a
person is left has to see the rest as well: hidden files, uploads that broke off, keys that
obstore cannot parse, earlier versions in a bucket that keeps them. Nothing here writes.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import unquote, urlsplit

from include.contracts.errors import ConfigurationError
from include.lake.aws import botocore_errors, object_versions

CHUNK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Stored:
    """One object, or one version of it.

    Attributes:
        key: Relative to the store; of a folder on disk, bytes that are no Unicode stand as
            surrogates.
        size_bytes: As the listing says.
        version: Version of a bucket; None of a file.
        current: Whether it is what readers get; False of earlier versions and deletion marks.
        content: Whether it can be read: a file or an object, no link, no deletion mark.
    """

    key: str
    size_bytes: int
    version: str | None = None
    current: bool = True
    content: bool = True


class RawStore(Protocol):
    """Everything under a root, for reading alone."""

    def uri(self, key: str) -> str:
        """For people."""

    def walk(self) -> Iterator[Stored]:
        """Yield everything there is, a page at a time; a root that is not there holds nothing.

        Raises:
            TransientError: The store failed for now.
        """

    def chunks(self, found: Stored) -> Iterator[bytes]:
        """Yield the bytes of what was found, in chunks.

        Raises:
            FileNotFoundError: It is gone.
            OSError: It cannot be read.
            TransientError: The store failed for now.
        """


class RawFolder:
    """A folder of this machine. Follows no symbolic link."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def uri(self, key: str) -> str:
        """Path of the file."""
        return os.fsencode(self._root / key).decode("utf-8", "backslashreplace")

    def walk(self) -> Iterator[Stored]:
        """Walk the folder; what vanishes meanwhile is left out."""
        folders = [self._root]
        while folders:
            try:
                scan = os.scandir(folders.pop())
            except (FileNotFoundError, NotADirectoryError):
                continue
            with scan:
                for entry in scan:
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(Path(entry.path))
                        continue
                    try:
                        status = entry.stat(follow_symlinks=False)
                    except FileNotFoundError:
                        continue
                    key = Path(entry.path).relative_to(self._root).as_posix()
                    regular = stat.S_ISREG(status.st_mode)
                    yield Stored(key, status.st_size if regular else 0, content=regular)

    def chunks(self, found: Stored) -> Iterator[bytes]:
        """Read at most what the listing saw: logs grow while they are read."""
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        descriptor = os.open(self._root / found.key, flags)
        with os.fdopen(descriptor, "rb", buffering=0) as file:
            left = found.size_bytes
            while left > 0 and (chunk := file.read(min(CHUNK_BYTES, left))):
                left -= len(chunk)
                yield chunk


class RawBucket:
    """A bucket, or a prefix of it, with every version it keeps. Through boto3: any key."""

    def __init__(self, client: Any, bucket: str, prefix: str) -> None:
        """`prefix` is empty or ends in a slash."""
        self._client = client
        self._bucket = bucket
        self._prefix = prefix

    def uri(self, key: str) -> str:
        """`s3://` URI with the raw key."""
        return f"s3://{self._bucket}/{self._prefix}{key}"

    def walk(self) -> Iterator[Stored]:
        """Page through the versions; a bucket that keeps none has one of each object."""
        with botocore_errors(self._prefix):
            for item in object_versions(self._client, self._bucket, self._prefix):
                key = item.key[len(self._prefix) :]
                content = not item.deletion
                yield Stored(key, item.size_bytes, item.version, item.current, content)

    def chunks(self, found: Stored) -> Iterator[bytes]:
        """Read one version."""
        with botocore_errors(found.key):
            version = {"VersionId": found.version} if found.version else {}
            answer = self._client.get_object(
                Bucket=self._bucket, Key=self._prefix + found.key, **version
            )
            with closing(answer["Body"]) as body:
                yield from body.iter_chunks(CHUNK_BYTES)


def local_root(url: str) -> Path | None:
    """Return the folder of a `file:///folder` URL; None of another URL."""
    parts = urlsplit(url)
    if parts.scheme == "file" and parts.netloc in ("", "localhost") and parts.path.startswith("/"):
        return Path(unquote(parts.path)).resolve()
    return None


def open_raw(url: str, setting: str, client: Any) -> RawStore:
    """Open `file:///folder` or `s3://bucket/prefix` for looking through it.

    Args:
        url: Where.
        setting: Name of the setting that says so, for the error.
        client: Makes the S3 client when it is needed.

    Raises:
        ConfigurationError: The URL is neither.
    """
    root, parts = local_root(url), urlsplit(url)
    if root is not None:
        return RawFolder(root)
    if parts.scheme == "s3" and parts.netloc:
        prefix = parts.path.strip("/")
        return RawBucket(client(), parts.netloc, f"{prefix}/" if prefix else "")
    raise ConfigurationError(setting, f"{url!r} is neither file:///folder nor s3://bucket/prefix")
