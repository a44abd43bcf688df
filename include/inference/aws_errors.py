"""What a fault of an AWS call means for us: wait, change a setting, or look closer.

Codes are those of the SageMaker API's common errors and of botocore.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
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
_CONNECTION = "FEX_TRANSFORM__AWS_CONN_ID"
_SETTING_BY_WORD = {
    "role": "FEX_TRANSFORM__ROLE_ARN",
    "image": "FEX_TRANSFORM__IMAGE_URI",
    "instancetype": "FEX_TRANSFORM__INSTANCE_TYPE",
    "instance type": "FEX_TRANSFORM__INSTANCE_TYPE",
    "instancecount": "FEX_TRANSFORM__INSTANCE_COUNT",
    "maxpayloadinmb": "FEX_TRANSFORM__MAX_PAYLOAD_MB",
    "maxconcurrenttransforms": "FEX_TRANSFORM__MAX_CONCURRENT_TRANSFORMS",
    "modeldataurl": "FEX_MODEL__MLFLOW_ARTIFACT_URI",
    "s3": "FEX_STORAGE__LAKE_URL",
}
"""First match decides: what a validation message speaks of, and the setting behind it."""


@contextmanager
def aws_errors(setting: str | None = None) -> Iterator[None]:
    """Translate botocore's errors into the platform's.

    Args:
        setting: The setting to name when a person has to change something; None finds
            the one of the inference job that the message speaks of.

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
            raise ConfigurationError(setting or _CONNECTION, str(error)) from error
        raise ConfigurationError(setting or _setting(str(error)), str(error)) from error
    except (NoCredentialsError, PartialCredentialsError, NoRegionError) as error:
        raise ConfigurationError(setting or _CONNECTION, str(error)) from error
    except (ConnectionError, HTTPClientError, ReadTimeoutError) as error:
        raise TransientError(str(error)) from error
    except BotoCoreError as error:
        raise ConfigurationError(setting or _setting(str(error)), str(error)) from error


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


def _setting(message: str) -> str:
    lowered = message.lower()
    return next(
        (setting for word, setting in _SETTING_BY_WORD.items() if word in lowered),
        "FEX_TRANSFORM__BACKEND",
    )
