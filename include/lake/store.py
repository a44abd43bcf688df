"""The lake: one obstore store behind `file://` and `s3://`, plus raw access to originals.

Platform keys (made by `include.lake.keys`) go through obstore. Keys people
chose go through `include.lake.originals`, which can address any of them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import unquote, urlsplit

import obstore
from obstore.exceptions import (
    AlreadyExistsError,
    GenericError,
    NotFoundError,
    PreconditionError,
)
from obstore.store import LocalStore, S3Store

from include.contracts.errors import ConfigurationError, TransientError
from include.contracts.study_names import RESPONDENTS, Role
from include.lake import keys
from include.lake.originals import IncomingObject, LocalOriginals, S3Originals

if TYPE_CHECKING:
    from datetime import datetime

    from obstore.store import S3Config

    from include.contracts.documents import Form
    from include.lake.raw import RawStore
    from include.settings import StorageSettings

__all__ = ["IncomingObject", "Lake"]

T = TypeVar("T")

_SETTING = "FEX_STORAGE__LAKE_URL"
_PART_BYTES = 8 << 20
_MAX_PARTS_IN_FLIGHT = 4


class Lake:
    """The object store with the platform's key layout. Safe to share between threads."""

    def __init__(
        self, store: LocalStore | S3Store, originals: LocalOriginals | S3Originals
    ) -> None:
        self.store = store
        """The obstore store, rooted at the lake."""
        self._originals = originals

    @classmethod
    def open(cls, settings: StorageSettings) -> Lake:
        """Open the lake named by `lake_url`; a local folder is made when it is missing.

        Raises:
            ConfigurationError: The URL is neither `file:///folder` nor `s3://bucket[/prefix]`,
                or no AWS credentials are found.
        """
        url = urlsplit(settings.lake_url)
        if url.scheme == "file" and url.netloc in ("", "localhost") and url.path.startswith("/"):
            root = Path(unquote(url.path)).resolve()
            for folder in (keys.INCOMING, keys.LABELS_INCOMING):  # where people drop files
                (root / folder).mkdir(parents=True, exist_ok=True)
            return cls(LocalStore(root), LocalOriginals(root))
        if url.scheme == "s3" and url.netloc:
            return cls._open_s3(settings, url.netloc, url.path.strip("/"))
        raise ConfigurationError(
            _SETTING, f"{settings.lake_url!r} is neither file:///folder nor s3://bucket/prefix"
        )

    @classmethod
    def _open_s3(cls, settings: StorageSettings, bucket: str, prefix: str) -> Lake:
        from obstore.auth.boto3 import Boto3CredentialProvider

        session = _session(settings)
        endpoint = settings.s3_endpoint_url
        config: S3Config = {"region": settings.s3_region}
        if endpoint:
            config["endpoint"] = endpoint
        store = S3Store(
            bucket,
            prefix=prefix or None,
            config=config,
            credential_provider=Boto3CredentialProvider(session),
            client_options={"allow_http": bool(endpoint and endpoint.startswith("http://"))},
        )
        client = s3_client(settings)
        return cls(store, S3Originals(client, bucket, f"{prefix}/" if prefix else ""))

    def uri(self, key: str) -> str:
        """Absolute `file://` (percent-encoded) or `s3://` (raw key) URI of a key."""
        return self._originals.uri(key)

    # --- originals: any key ---

    def list_dropped(self) -> Iterator[IncomingObject]:
        """Every recording and study file under `incoming/`; unusable ones are reported too.

        Raises:
            TransientError: The store failed for now.
        """
        return self._originals.list(keys.INCOMING)

    def list_incoming(self) -> Iterator[IncomingObject]:
        """Every recording under `incoming/`; unusable ones are reported, not left out.

        Raises:
            TransientError: The store failed for now.
        """
        return (item for item in self.list_dropped() if item.role is Role.RECORDING)

    def list_label_files(self) -> Iterator[IncomingObject]:
        """Every file of answers under `labels/incoming/`; unusable ones are reported too.

        Raises:
            TransientError: The store failed for now.
        """
        return self._originals.list(keys.LABELS_INCOMING)

    def fetch(self, key: str, destination: Path, *, version: str | None = None) -> str:
        """Stream an original to a local file and return the sha256 of its bytes.

        `destination` appears only when it is complete.

        Args:
            key: Any key, also one that obstore cannot parse.
            destination: Its folder must exist.
            version: `IncomingObject.version`; None reads whatever is there.

        Raises:
            FileNotFoundError: The object is gone.
            TransientError: It is another version, changed while it was read, or
                the store failed for now.
        """
        digest = hashlib.sha256()
        partial = destination.with_name(f"{destination.name}.part")
        try:
            with self._originals.read(key, version) as chunks, partial.open("wb") as file:
                for chunk in chunks:
                    digest.update(chunk)
                    file.write(chunk)
            partial.replace(destination)
        finally:
            partial.unlink(missing_ok=True)
        return digest.hexdigest()

    def read_head(self, key: str, max_bytes: int) -> bytes:
        """Return at most the first `max_bytes` bytes of an original.

        Raises:
            FileNotFoundError: There is no such object.
            TransientError: It changed while it was read, or the store failed for now.
        """
        head = b""
        with self._originals.read(key, None) as chunks:
            for chunk in chunks:
                head += chunk
                if len(head) >= max_bytes:
                    break
        return head[:max_bytes]

    def stream_original(self, key: str) -> Iterator[bytes]:
        """Yield the bytes of an original in chunks.

        Raises:
            FileNotFoundError: There is no such object.
            TransientError: It changed while it was read, or the store failed for now.
        """
        with self._originals.read(key, None) as chunks:
            yield from chunks

    def remove_original(self, key: str) -> None:
        """Delete what somebody dropped, with every version a bucket keeps: for erasure alone.

        Raises:
            ValueError: The key is none of those that people drop.
            TransientError: The store failed for now.
        """
        if not key.startswith((f"{keys.INCOMING}/", f"{keys.LABELS_INCOMING}/")):
            raise ValueError(f"{key!r} is no original")
        self._originals.remove(key)

    def replace_respondents(self, key: str, content: bytes, before: bytes) -> None:
        """Write a study's table of respondents anew, without an erased person's lines.

        For erasure alone. Earlier versions that a bucket keeps are deleted.

        Raises:
            ValueError: The key is of no table of respondents.
            FileNotFoundError: There is no such file.
            TransientError: It reads otherwise than `before` by now, or the store failed.
        """
        folder, _, name = key.rpartition("/")
        if folder.split("/")[0] != keys.INCOMING or name != RESPONDENTS:
            raise ValueError(f"{key!r} is no table of respondents")
        self._originals.replace(key, content, before)

    def raw(self) -> RawStore:
        """Return everything that lies in the lake, also what no stage ever sees."""
        return self._originals.raw()

    # --- the platform's own keys ---

    def get_bytes(self, key: str) -> bytes:
        """Return a whole object.

        Raises:
            FileNotFoundError: There is no such object.
            TransientError: The store failed for now.
        """
        with _store_errors(key):
            return obstore.get(self.store, key).bytes().to_bytes()

    def put_bytes(self, key: str, data: bytes) -> None:
        """Write or replace an object atomically.

        Raises:
            TransientError: The store failed for now.
        """
        with _store_errors(key):
            obstore.put(self.store, key, data)

    def put_file(self, key: str, path: Path) -> None:
        """Stream a local file into an object, atomically (multipart when it is large).

        Raises:
            TransientError: The store failed for now.
        """
        with _store_errors(key):
            obstore.put(
                self.store,
                key,
                path,
                chunk_size=_PART_BYTES,
                max_concurrency=_MAX_PARTS_IN_FLIGHT,
            )

    def put_folder(self, prefix: str, folder: Path) -> None:
        """Write every file under a local folder to the same relative keys under `prefix`.

        Raises:
            TransientError: The store failed for now; some files may be written.
        """
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                self.put_file(f"{prefix}/{path.relative_to(folder).as_posix()}", path)

    def put_if_absent(self, key: str, data: bytes) -> bool:
        """Conditional put: write only when there is no such object. False when there is.

        Raises:
            TransientError: The store failed for now.
        """
        with _store_errors(key):
            try:
                obstore.put(self.store, key, data, mode="create", use_multipart=False)
            except (AlreadyExistsError, PreconditionError):
                return False
        return True

    # --- documents: what their form says ---

    def read(self, form: Form[T], key: str) -> T:
        """Read a document.

        Raises:
            FileNotFoundError: There is none.
            DocumentError: It is none of its form; names the field.
            TransientError: The store failed for now.
        """
        return form.read(self.get_bytes(key), key)

    def find(self, form: Form[T], key: str) -> T | None:
        """Read a document; None where there is none.

        Raises:
            DocumentError: It is none of its form; names the field.
            TransientError: The store failed for now.
        """
        try:
            return self.read(form, key)
        except FileNotFoundError:
            return None

    def write(self, form: Form[T], key: str, document: T) -> T:
        """Write a document whole, and return it.

        Raises:
            TransientError: The store failed for now.
        """
        self.put_bytes(key, form.write(document))
        return document

    def write_once(self, form: Form[T], key: str, document: T) -> T:
        """Write a document unless there is one; return the one that stands.

        Raises:
            DocumentError: The one that stands is none of its form.
            TransientError: The store failed for now.
        """
        if self.put_if_absent(key, form.write(document)):
            return document
        return self.read(form, key)

    def exists(self, key: str) -> bool:
        """Whether there is such an object.

        Raises:
            TransientError: The store failed for now.
        """
        try:
            with _store_errors(key):
                obstore.head(self.store, key)
        except FileNotFoundError:
            return False
        return True

    def list(self, prefix: str) -> Iterator[str]:
        """Keys under a prefix of the platform (not `incoming/`: see `list_incoming`), sorted.

        Raises:
            TransientError: The store failed for now.
        """
        with _store_errors(prefix):
            found = [meta["path"] for page in obstore.list(self.store, prefix) for meta in page]
        return iter(sorted(found))

    def list_modified(self, prefix: str) -> Iterator[tuple[str, datetime]]:
        """Keys under a prefix of the platform with the time each was written, sorted by key.

        Raises:
            TransientError: The store failed for now.
        """
        with _store_errors(prefix):
            found = [
                (meta["path"], meta["last_modified"])
                for page in obstore.list(self.store, prefix)
                for meta in page
            ]
        return iter(sorted(found))

    def delete(self, key: str) -> None:
        """Delete one object of the platform; one that is not there is no fault.

        Raises:
            ValueError: The key is of an original, which is never deleted.
            TransientError: The store failed for now.
        """
        if _touches_originals(key):
            raise ValueError(f"refusing to delete {key!r}")
        with suppress(FileNotFoundError), _store_errors(key):
            self._delete_all([key])

    def erase_versions(self, key: str) -> None:
        """Delete one object of the platform with every version a bucket keeps.

        Raises:
            ValueError: The key is of an original.
            TransientError: The store failed for now.
        """
        if _touches_originals(key):
            raise ValueError(f"refusing to delete {key!r}")
        self._originals.remove(key)

    def delete_prefix(self, prefix: str) -> int:
        """Delete every object under a prefix of the platform; return how many there were.

        Raises:
            ValueError: The prefix is empty or holds originals, which are never deleted.
            TransientError: The store failed for now; some objects may be deleted.
        """
        if _touches_originals(prefix):
            raise ValueError(f"refusing to delete under {prefix!r}")
        doomed = list(self.list(prefix))
        if doomed:
            with _store_errors(prefix):
                self._delete_all(doomed)
        return len(doomed)

    def _delete_all(self, doomed: Sequence[str]) -> None:
        """Delete objects by DeleteObjects, or one by one where a store does not know that."""
        try:
            obstore.delete(self.store, [*doomed])
        except GenericError as error:
            # obstore has no other request for it, and says what it was told in words alone.
            if "501 Not Implemented" not in str(error):
                raise
            for key in doomed:
                self._originals.remove(key)


def s3_client(settings: StorageSettings) -> Any:
    """Return the boto3 client for the lake's store, or another bucket beside it.

    Raises:
        ConfigurationError: No AWS credentials are found.
    """
    from botocore.config import Config

    endpoint = settings.s3_endpoint_url
    return _session(settings).client(
        "s3",
        endpoint_url=endpoint,
        config=Config(
            retries={"mode": "standard", "total_max_attempts": 5},
            max_pool_connections=32,
            s3={"addressing_style": "path" if endpoint else "auto"},
            # S3-compatible stores answer without the checksums newer SDKs look for.
            response_checksum_validation="when_required",
        ),
    )


def _session(settings: StorageSettings) -> Any:
    import boto3

    session = boto3.Session(region_name=settings.s3_region)
    if session.get_credentials() is None:
        raise ConfigurationError(
            _SETTING, "an s3:// lake needs AWS credentials (environment, profile or role)"
        )
    return session


def _touches_originals(prefix: str) -> bool:
    """Whether a prefix is inside a folder that people drop into, or holds one."""
    inner = f"{prefix.strip('/')}/"
    folders = (f"{keys.INCOMING}/", f"{keys.LABELS_INCOMING}/")
    return inner == "/" or any(
        inner.startswith(folder) or folder.startswith(inner) for folder in folders
    )


@contextmanager
def _store_errors(key: str) -> Iterator[None]:
    """Translate obstore's errors into the platform's; what needs a person passes as it is."""
    try:
        yield
    except (NotFoundError, FileNotFoundError) as error:
        raise FileNotFoundError(f"{key!r} is not in the lake") from error
    except GenericError as error:
        raise TransientError(f"{key!r}: {error}") from error
