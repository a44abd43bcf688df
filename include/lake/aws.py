"""What the doors of the lake share where they call S3 through boto3."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from include.contracts.errors import TransientError

PAGE_KEYS = 1000
_TRANSIENT_CODES = {"SlowDown", "InternalError", "ServiceUnavailable", "RequestTimeout", "503"}


@contextmanager
def botocore_errors(key: str) -> Iterator[None]:
    """Translate boto3's errors into the platform's; what needs a person passes as it is."""
    from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

    try:
        yield
    except ClientError as error:
        code = str(error.response.get("Error", {}).get("Code"))
        http_status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        if code in ("NoSuchKey", "404"):
            raise FileNotFoundError(f"{key!r} is not in the lake") from error
        if http_status == 412:
            raise TransientError(f"{key!r} is another version by now") from error
        if http_status >= 500 or code in _TRANSIENT_CODES:
            raise TransientError(f"{key!r}: {error}") from error
        raise
    except NoCredentialsError:
        raise
    except BotoCoreError as error:
        raise TransientError(f"{key!r}: {error}") from error


@dataclass(frozen=True, slots=True)
class Version:
    """One version of an object, or the mark of its deletion.

    Attributes:
        key: The whole key in the bucket.
        size_bytes: 0 of a mark.
        version: Its id; None where the store keeps no versions and cannot list them.
        current: Whether it is what readers get.
        deletion: Whether it is a mark.
    """

    key: str
    size_bytes: int
    version: str | None
    current: bool = True
    deletion: bool = False

    @property
    def arguments(self) -> dict[str, str]:
        """What names it in a request, beside its key."""
        return {} if self.version is None else {"VersionId": self.version}


def object_versions(client: Any, bucket: str, prefix: str) -> Iterator[Version]:
    """Page through every version under a prefix; a bucket that keeps none has one of each object.

    Some S3-compatible stores keep no versions and do not know the request: of them the objects
    are listed.
    """
    from botocore.exceptions import ClientError

    where = {"Bucket": bucket, "Prefix": prefix, "PaginationConfig": {"PageSize": PAGE_KEYS}}
    try:
        for page in client.get_paginator("list_object_versions").paginate(**where):
            for item in page.get("Versions", ()):
                yield Version(item["Key"], item["Size"], item["VersionId"], item["IsLatest"])
            for item in page.get("DeleteMarkers", ()):
                yield Version(item["Key"], 0, item["VersionId"], current=False, deletion=True)
    except ClientError as error:
        if str(error.response.get("Error", {}).get("Code")) != "NotImplemented":
            raise
        for page in client.get_paginator("list_objects_v2").paginate(**where):
            for item in page.get("Contents", ()):
                yield Version(item["Key"], item["Size"], None)
