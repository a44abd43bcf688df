"""What a fault of an AWS call means for us: wait, change a setting, or look closer.

Codes are those of the SageMaker API's common errors and of botocore.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,  # noqa: A004 - botocore's own root of lost connections
    HTTPClientError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
    ReadTimeoutError,
)

from include.contracts.errors import ConfigurationError, TransientError

_TRANSIENT = frozenset(
    {
        "Throttling",
        "ThrottlingException",
        "ThrottledException",
        "Throttled",
        "TooManyRequestsException",
        "RequestLimitExceeded",
        "RequestTimeout",
        "RequestTimeoutException",
        "InternalFailure",
        "InternalServerError",
        "ServiceUnavailable",
        # The account's quota of running instances or jobs: free again when others end.
        "ResourceLimitExceeded",
    }
)
_REFUSED = frozenset(
    {
        "AccessDenied",
        "AccessDeniedException",
        "ExpiredToken",
        "ExpiredTokenException",
        "IncompleteSignature",
        "InvalidClientTokenId",
        "MissingAuthenticationToken",
        "NotAuthorized",
        "OptInRequired",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    }
)
_INVALID = frozenset({"ValidationException", "ValidationError", "InvalidParameterValue"})


@dataclass(frozen=True, slots=True)
class SettingNames:
    """The settings behind a call, named when a person has to change something.

    Attributes:
        default: Where nothing says more.
        access: Behind missing or refused credentials; empty: the default.
        by_word: What a message speaks of, in lower case, and the setting behind it; the
            first match decides.
    """

    default: str
    access: str = ""
    by_word: Mapping[str, str] = field(default_factory=dict)

    def behind(self, message: str) -> str:
        """Return the setting that a message speaks of."""
        lowered = message.lower()
        found = (setting for word, setting in self.by_word.items() if word in lowered)
        return next(found, self.default)


@contextmanager
def aws_errors(names: SettingNames) -> Iterator[None]:
    """Translate botocore's errors into the platform's.

    Args:
        names: Settings behind the calls.

    A refusal that says something about the job itself (`is_name_taken`,
    `is_not_found`, `is_rejected`) is chained to the error it becomes, so that
    the caller can still tell.

    Raises:
        TransientError: Throttling, a quota in use, a lost connection, a fault of AWS.
        ConfigurationError: Anything that a person has to change; a setting is named.
    """
    try:
        yield
    except ClientError as error:
        code = _code(error)
        http_status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        if code in _TRANSIENT or http_status >= 500:
            raise TransientError(str(error)) from error
        if code in _REFUSED:
            raise ConfigurationError(names.access or names.default, str(error)) from error
        raise ConfigurationError(names.behind(str(error)), str(error)) from error
    except (NoCredentialsError, PartialCredentialsError, NoRegionError) as error:
        raise ConfigurationError(names.access or names.default, str(error)) from error
    except (ConnectionError, HTTPClientError, ReadTimeoutError) as error:
        raise TransientError(str(error)) from error
    except BotoCoreError as error:
        raise ConfigurationError(names.behind(str(error)), str(error)) from error


def is_name_taken(error: BaseException) -> bool:
    """Whether a translated error says that something of that name exists."""
    cause = error.__cause__
    return isinstance(cause, ClientError) and (
        _code(cause) == "ResourceInUse"
        # CreateModel has no code of its own for it.
        or (_code(cause) in _INVALID and "already exist" in str(cause).lower())
    )


def is_not_found(error: BaseException) -> bool:
    """Whether a translated error says that there is nothing of that name."""
    cause = error.__cause__
    return isinstance(cause, ClientError) and (
        _code(cause) == "ResourceNotFound"
        # DescribeModel, DescribeTransformJob and DescribeTrainingJob answer ValidationException.
        or (
            _code(cause) in _INVALID
            and any(words in str(cause).lower() for words in ("could not find", "not found"))
        )
    )


def is_rejected(error: BaseException) -> bool:
    """Whether a translated error says that the request is invalid as things stand."""
    return isinstance(error.__cause__, ClientError) and _code(error.__cause__) in _INVALID


def _code(error: Any) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))
