"""What the doors of the lake share where they call S3 through boto3."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

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
