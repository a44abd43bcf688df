"""Listing and reading what people dropped, under whatever key they chose.

People's keys are data: they hold spaces, newlines, percent signs, `..`, bytes
that are no Unicode. obstore refuses to parse some of them and then fails the
whole listing, and on `file://` it follows symbolic links out of the lake. So
originals are listed and read with what addresses a raw key: the file system
itself, or boto3 (decision 0006). Nothing here
writes; `remove` is for erasure alone.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from io import RawIOBase
from pathlib import Path
from typing import Any

from include.contracts.errors import TransientError
from include.contracts.study_names import Role, role
from include.lake.aws import PAGE_KEYS, botocore_errors, object_versions
from include.lake.raw import CHUNK_BYTES, RawBucket, RawFolder

UNSORTED = "unsorted"
"""Study of a recording dropped directly under `incoming/`."""


@dataclass(frozen=True, slots=True)
class IncomingObject:
    """One object that people dropped, as the listing saw it.

    `study` and `recording` are the two parts of a key under `incoming/`; of a study file the
    second is its name.
    """

    key: str
    """Relative to the lake. Of an unusable object: a printable rendering."""
    uri: str
    """Absolute, identifies the object even when the key cannot be written as text."""
    study: str
    recording: str
    size_bytes: int
    version: str
    """Changes whenever the content changes; compared, never interpreted."""
    etag: str
    problem: str | None = None
    """Why no stage may read this object, as a clause; None when it is usable."""
    modified_at: datetime | None = None
    """When its bytes last changed, aware; None of an object that cannot be read."""
    role: Role = Role.RECORDING
    """What it is, by its name."""

    @property
    def usable(self) -> bool:
        """Whether a stage can read the object."""
        return self.problem is None


def _incoming(
    folder: str,
    relative_key: str,
    uri: str,
    size_bytes: int,
    version: str,
    problem: str | None,
    modified_at: datetime | None,
) -> IncomingObject:
    study, slash, recording = relative_key.partition("/")
    if not slash or not study:
        study, recording = UNSORTED, relative_key.lstrip("/")
    return IncomingObject(
        key=f"{folder}/{relative_key}",
        uri=uri,
        study=study,
        recording=recording,
        size_bytes=size_bytes,
        version=version,
        etag=version,
        problem=problem,
        modified_at=modified_at,
        role=role(relative_key),
    )


class LocalOriginals:
    """Originals of a lake in a folder. Never follows a symbolic link."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def raw(self) -> RawFolder:
        """Return the lake's folder, for looking through it whole."""
        return RawFolder(self._root)

    def uri(self, key: str) -> str:
        """`file://` URI; bytes that are no Unicode are percent-encoded."""
        return (self._root / key).as_uri()

    def list(self, folder: str) -> Iterator[IncomingObject]:
        """Walk the folder depth first, in the order of the names."""
        top = self._root / folder
        folders = [top]
        while folders:
            here = folders.pop()
            try:
                with os.scandir(here) as scan:
                    entries = sorted(scan, key=lambda entry: entry.name)
            except FileNotFoundError:
                continue
            except OSError as error:
                # The lake's own folder missing its permissions must not look like an empty lake.
                if here == top:
                    raise
                problem = f"the folder cannot be read ({error.strerror})"
                yield _local_object(folder, here, _relative(here, top), None, problem)
                continue
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    if not entry.name.startswith("."):
                        folders.append(Path(entry.path))
                elif role(relative := _relative(Path(entry.path), top)) is not Role.NOTHING:
                    try:
                        status = entry.stat(follow_symlinks=False)
                    except FileNotFoundError:
                        continue
                    problem_of = _problem_of(entry, status)
                    yield _local_object(folder, Path(entry.path), relative, status, problem_of)

    @contextmanager
    def read(self, key: str, version: str | None) -> Iterator[Iterator[bytes]]:
        """Chunks of a regular file whose version is the same before and after."""
        path = self._root / key
        if not path.parent.resolve().is_relative_to(self._root.resolve()):
            raise FileNotFoundError(f"{key!r} is not inside the lake")
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except (FileNotFoundError, NotADirectoryError):
            raise FileNotFoundError(f"{key!r} is not in the lake") from None
        except OSError as error:
            raise FileNotFoundError(f"{key!r} cannot be opened ({error.strerror})") from error
        with os.fdopen(descriptor, "rb", buffering=0) as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise FileNotFoundError(f"{key!r} is not a regular file")
            before = _version_of(status)
            if version is not None and before != version:
                raise TransientError(f"{key!r} is not version {version} any longer")
            yield _chunks(file, status.st_size)
            try:
                # The name too: a writer that renames a new file into place leaves ours unchanged.
                now = {_version_of(os.fstat(file.fileno())), _version_of(os.lstat(path))}
            except FileNotFoundError:
                raise TransientError(f"{key!r} was removed while it was read") from None
            if now != {before}:
                raise TransientError(f"{key!r} changed while it was read")

    def remove(self, key: str) -> None:
        """Delete a file; a link is deleted, not what it points at."""
        path = self._root / key
        if path.parent.resolve().is_relative_to(self._root.resolve()):
            path.unlink(missing_ok=True)

    def replace(self, key: str, content: bytes, before: bytes) -> None:
        """Write aside and rename, with the permissions kept."""
        path = self._root / key
        aside = path.with_name(f".{path.name}.part")
        with self.read(key, None) as chunks:
            if b"".join(chunks) != before:
                raise TransientError(f"{key!r} reads otherwise by now")
        try:
            aside.write_bytes(content)
            aside.chmod(stat.S_IMODE(path.stat().st_mode))
            aside.replace(path)
        finally:
            aside.unlink(missing_ok=True)


def _relative(path: Path, top: Path) -> str:
    return path.relative_to(top).as_posix()


def _local_object(
    folder: str, path: Path, relative: str, status: os.stat_result | None, problem: str | None
) -> IncomingObject:
    try:
        relative.encode()
    except UnicodeEncodeError:
        problem = problem or "its name is not UTF-8"
        relative = os.fsencode(relative).decode("utf-8", "backslashreplace")
    return _incoming(
        folder,
        relative,
        path.as_uri(),
        status.st_size if status else 0,
        _version_of(status) if status else "unreadable",
        problem,
        # A copy may bring its old time with it: the change of the entry itself counts too.
        datetime.fromtimestamp(max(status.st_mtime, status.st_ctime), UTC) if status else None,
    )


def _problem_of(entry: os.DirEntry[str], status: os.stat_result) -> str | None:
    if entry.is_symlink():
        return "it is a symbolic link"
    if not stat.S_ISREG(status.st_mode):
        return "it is not a regular file"
    return None


def _chunks(file: RawIOBase, size_bytes: int) -> Iterator[bytes]:
    """At most `size_bytes`: a file that grows as fast as it is read must end all the same."""
    while size_bytes > 0 and (chunk := file.read(min(CHUNK_BYTES, size_bytes))):
        size_bytes -= len(chunk)
        yield chunk


def _version_of(status: os.stat_result) -> str:
    return f"{status.st_ino:x}-{status.st_mtime_ns:x}-{status.st_size:x}"


class S3Originals:
    """Originals of a lake in a bucket, through boto3."""

    def __init__(self, client: Any, bucket: str, prefix: str) -> None:
        """`prefix` is empty or ends in a slash."""
        self._client = client
        self._bucket = bucket
        self._prefix = prefix

    def raw(self) -> RawBucket:
        """Return the lake's bucket, for looking through it whole."""
        return RawBucket(self._client, self._bucket, self._prefix)

    def uri(self, key: str) -> str:
        """`s3://` URI with the raw key, as AWS services take it."""
        return f"s3://{self._bucket}/{self._prefix}{key}"

    def list(self, folder: str) -> Iterator[IncomingObject]:
        """Page through the folder in key order."""
        prefix = f"{self._prefix}{folder}/"
        pages = self._client.get_paginator("list_objects_v2").paginate(
            Bucket=self._bucket, Prefix=prefix, PaginationConfig={"PageSize": PAGE_KEYS}
        )
        with botocore_errors(prefix):
            for page in pages:
                for found in page.get("Contents", ()):
                    relative = found["Key"][len(prefix) :]
                    if role(relative) is not Role.NOTHING:
                        yield self._object(folder, relative, found)

    @contextmanager
    def read(self, key: str, version: str | None) -> Iterator[Iterator[bytes]]:
        """Chunks of one version; a GET is consistent by itself, its length is checked."""
        condition = {} if version is None else {"IfMatch": f'"{version}"'}
        with botocore_errors(key):
            answer = self._client.get_object(
                Bucket=self._bucket, Key=self._prefix + key, **condition
            )
            with closing(answer["Body"]) as body:
                # botocore raises when the connection ends before Content-Length.
                yield body.iter_chunks(CHUNK_BYTES)

    def remove(self, key: str) -> None:
        """Delete every version of an object: in a versioned bucket a deletion hides, no more."""
        name = self._prefix + key
        with botocore_errors(key):
            for found in object_versions(self._client, self._bucket, name):
                if found.key == name:
                    self._client.delete_object(Bucket=self._bucket, Key=name, **found.arguments)

    def replace(self, key: str, content: bytes, before: bytes) -> None:
        """Conditional put; then the versions before it go."""
        name = self._prefix + key
        with botocore_errors(key):
            answer = self._client.get_object(Bucket=self._bucket, Key=name)
            with closing(answer["Body"]) as body:
                if body.read() != before:
                    raise TransientError(f"{key!r} reads otherwise by now")
            written = self._client.put_object(
                Bucket=self._bucket, Key=name, Body=content, IfMatch=answer["ETag"]
            )
            kept = written.get("VersionId")
            if not kept:
                return
            for found in object_versions(self._client, self._bucket, name):
                if found.key == name and found.version != kept:
                    self._client.delete_object(Bucket=self._bucket, Key=name, **found.arguments)

    def _object(self, folder: str, relative: str, found: Mapping[str, Any]) -> IncomingObject:
        problem = None
        if {".", ".."} & set(relative.split("/")):
            # S3 takes them literally; proxies and S3-compatible stores resolve them.
            problem = "its key has '.' or '..' as a path segment"
        elif "\x00" in relative:
            problem = "its key holds a NUL character"
        printable = relative.replace("\x00", "\\x00")
        uri = self.uri(f"{folder}/{printable}")
        etag = found["ETag"].strip('"')
        return _incoming(
            folder, printable, uri, found["Size"], etag, problem, found["LastModified"]
        )
