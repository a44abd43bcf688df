"""Telling people, once.

A notice has a key, and a key is sent once, ever: tasks are repeated, people are not told
again. Who decides is a conditional put in the lake, so two senders at the same time
cannot both win, whatever the channel.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

from include.contracts.documents import Form
from include.lake import keys

if TYPE_CHECKING:
    from include.lake.store import Lake

log = logging.getLogger(__name__)

IN_FLIGHT = timedelta(minutes=5)
"""A claim older than this without a delivery is of a sender that was killed."""


class Severity(StrEnum):
    """How soon a person should look."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"


_LOG_LEVELS = {
    Severity.INFO: logging.INFO,
    Severity.WARNING: logging.WARNING,
    Severity.CRITICAL: logging.ERROR,
}


@dataclass(frozen=True, slots=True)
class Notice:
    """One message to people.

    Attributes:
        key: Identity, any text: what happened, not when it was noticed, for example
            `drift/input/2026-11-02`.
        severity: How soon to look.
        title: One line, 100 characters at most (the subject of an e-mail).
        body: What happened, what it means, what to do. Plain text.
        link: Where to look: a URI, a lake key, or empty.

    Raises:
        ValueError: Key or title is empty, or the title is no single short line.
    """

    key: str
    severity: Severity
    title: str
    body: str
    link: str = ""

    def __post_init__(self) -> None:
        if not self.key.strip():
            raise ValueError("a notice needs a key")
        if not 0 < len(self.title.strip()) <= 100 or not self.title.isprintable():
            raise ValueError(
                f"the title of a notice is one line of 1 to 100 characters: {self.title!r}"
            )
        object.__setattr__(self, "severity", Severity(self.severity))


@dataclass(frozen=True, slots=True)
class Claimed:
    """A notice that a sender has in hand, or has sent: its text, and since when."""

    key: str
    severity: Severity
    title: str
    body: str
    link: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Delivered:
    """When a notice was sent."""

    at: datetime


CLAIMED = Form(Claimed)
DELIVERED = Form(Delivered)


class Notifier(Protocol):
    """Tells people."""

    def send(self, notice: Notice) -> bool:
        """Send a notice unless its key was sent before; False when it was.

        Raises:
            TransientError: It could not be sent for now; sending it again is right.
            ConfigurationError: A setting is wrong; the message names it.
        """


class Channel(Protocol):
    """Brings a notice to people; knows nothing of what was sent before."""

    def deliver(self, notice: Notice) -> None:
        """Deliver, however often it is asked.

        Raises:
            TransientError: Not for now.
            ConfigurationError: A setting is wrong; the message names it.
        """


class LogChannel:
    """The task log. The notice itself is kept in the lake."""

    def deliver(self, notice: Notice) -> None:
        """Write one line to the log of the task."""
        log.log(
            _LOG_LEVELS[notice.severity],
            "notice: %s | %s | %s",
            notice.title,
            notice.body,
            notice.link or "no link",
        )


class OnceNotifier:
    """Sends each key once over each channel, and keeps what was sent in the lake.

    | in the lake | means |
    |---|---|
    | nothing | never sent |
    | `notice.json` | a sender has it in hand, or was killed with it |
    | `by-{channel}.json` beside it | sent over this channel |
    | `delivered.json` beside it | sent over all |

    A channel that fails holds up no other; it withdraws the claim, and the next sender
    delivers over those that are left. A sender that was killed leaves its claim: after
    `IN_FLIGHT` the next one goes on. A kill exactly between delivery and its mark is the
    one way to a second message: better twice than never.

    Args:
        lake: Where it is kept.
        channels: By the names under which deliveries are noted.
        clock: Gives aware times.
    """

    def __init__(
        self, lake: Lake, channels: Mapping[str, Channel], clock: Callable[[], datetime]
    ) -> None:
        self._lake = lake
        self._channels = dict(channels)
        self._clock = clock

    def send(self, notice: Notice) -> bool:
        """See `Notifier.send`."""
        folder = keys.notice(notice.key)
        if not self._claim(folder, notice):
            return False
        first: Exception | None = None
        for name, channel in self._channels.items():
            mark = f"{folder}/by-{name}.json"
            try:
                if not self._lake.exists(mark):
                    channel.deliver(notice)
                    self._mark(mark)
            except Exception as error:  # noqa: BLE001 - raised below, after the others had theirs
                first = first or error
        if first is not None:
            self._lake.delete(f"{folder}/notice.json")
            raise first
        self._mark(f"{folder}/delivered.json")
        return True

    def _claim(self, folder: str, notice: Notice) -> bool:
        claim = f"{folder}/notice.json"
        claimed = Claimed(**asdict(notice), at=self._now())
        if self._lake.put_if_absent(claim, CLAIMED.write(claimed)):
            return True
        if self._lake.exists(f"{folder}/delivered.json"):
            return False
        held = self._lake.find(CLAIMED, claim)
        if held is None:  # withdrawn meanwhile: whoever had it raised, and will send again
            return False
        return self._clock() - held.at > IN_FLIGHT

    def _mark(self, key: str) -> None:
        self._lake.put_if_absent(key, DELIVERED.write(Delivered(self._now())))

    def _now(self) -> datetime:
        return self._clock().astimezone(UTC)
