"""The channels over which notices reach people: one row each.

A channel more is its row here, with what it delivers by, and its name and settings in
`include/settings/watching.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from include.contracts.errors import ConfigurationError
from include.observability.notice import Channel, LogChannel

if TYPE_CHECKING:
    from include.settings import WatchSettings

AwsClients = Callable[[str], Any]
"""Gives boto3's client of a service of AWS by its name."""


def _log(_settings: WatchSettings, _clients: AwsClients) -> Channel:
    return LogChannel()


def _sns(settings: WatchSettings, clients: AwsClients) -> Channel:
    from include.observability.aws import SnsChannel

    if settings.sns_topic_arn is None:
        raise ConfigurationError(
            "FEX_WATCH__SNS_TOPIC_ARN", "the channel `sns` of FEX_WATCH__NOTICES needs its topic"
        )
    return SnsChannel(clients("sns"), settings.sns_topic_arn)


CHANNELS: Mapping[str, Callable[[WatchSettings, AwsClients], Channel]] = {"log": _log, "sns": _sns}
"""By the name that `FEX_WATCH__NOTICES` has for it."""


def build_channels(settings: WatchSettings, clients: AwsClients) -> dict[str, Channel]:
    """Return the channels that the settings name.

    Raises:
        ConfigurationError: A channel lacks a setting of its own; the message names it.
    """
    return {name: CHANNELS[name](settings, clients) for name in settings.notices}
