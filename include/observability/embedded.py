"""Figures without a server: JSON Lines in the lake, and StatsD for whoever listens."""

from __future__ import annotations

import logging
import socket
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import date
from typing import TYPE_CHECKING

from include.contracts.errors import ConfigurationError
from include.contracts.identity import stable_hash
from include.lake import keys
from include.observability.sink import METRIC, Metric

if TYPE_CHECKING:
    from include.lake.store import Lake

log = logging.getLogger(__name__)

_DATAGRAM_BYTES = 1400
"""A datagram stays within one Ethernet frame, as StatsD's documentation advises."""
_TAG_SEPARATORS = str.maketrans({",": "_", "|": "_", "#": "_", "\n": "_"})


class LakeSink:
    """One object of JSON Lines for each call, under the day of the figures.

    An object store cannot append. The name is a hash of the content: the same figures
    emitted again are the same object. `tidy` puts the objects of a past day together.
    """

    def __init__(self, lake: Lake) -> None:
        self._lake = lake

    def emit(self, metrics: Sequence[Metric]) -> None:
        """See `MetricSink.emit`."""
        by_day: dict[date, list[str]] = {}
        for metric in metrics:
            by_day.setdefault(metric.at.date(), []).append(METRIC.line(metric))
        for day, lines in by_day.items():
            name = stable_hash({"lines": lines})
            self._lake.put_bytes(keys.metrics_part(day, name), _join(lines))


def read_metrics(lake: Lake, day: date) -> Iterator[Metric]:
    """The figures of a day (UTC) in the embedded sink, in no particular order."""
    for line in _lines(lake, day):
        yield METRIC.read(line, f"a figure of {day}")


def tidy(lake: Lake, day: date) -> int:
    """Put the objects of a past day together into one; return how many there were.

    May be killed and repeated at any point: the whole is written before its parts go,
    and a line that is in both counts once.
    """
    whole = keys.metrics_whole(day)
    parts = [key for key in lake.list(keys.metrics_day(day)) if key != whole]
    if parts:
        lake.put_bytes(whole, _join(_lines(lake, day)))
        for part in parts:
            lake.delete(part)
    return len(parts)


def _lines(lake: Lake, day: date) -> list[str]:
    found = [lake.get_bytes(key).decode() for key in lake.list(keys.metrics_day(day))]
    return sorted({line for text in found for line in text.splitlines() if line})


def _join(lines: Sequence[str]) -> bytes:
    return "".join(f"{line}\n" for line in lines).encode()


class StatsdSink:
    """StatsD over UDP, with dimensions as tags in the DogStatsD form.

    `statsd_exporter`, Telegraf, the CloudWatch agent and Datadog read that form. What adds
    up is a counter, everything else a gauge. UDP: nobody waits, nothing is confirmed, and
    a listener that is away costs nothing.
    """

    def __init__(self, host: str, port: int, prefix: str) -> None:
        self._address = (host, port)
        self._prefix = prefix

    def emit(self, metrics: Sequence[Metric]) -> None:
        """See `MetricSink.emit`.

        Raises:
            ConfigurationError: The host has no address.
        """
        lines = [self._statsd_line(metric) for metric in metrics]
        if not lines:
            return
        try:
            family, kind, protocol, _, address = socket.getaddrinfo(
                *self._address, type=socket.SOCK_DGRAM
            )[0]
        except socket.gaierror as error:
            raise ConfigurationError(
                "FEX_WATCH__STATSD_HOST", f"{self._address[0]!r}: {error}"
            ) from error
        with closing(socket.socket(family, kind, protocol)) as udp:
            for datagram in _datagrams(lines):
                try:
                    udp.sendto(datagram, address)
                except OSError as error:
                    log.warning("StatsD at %s:%d is away: %s", *self._address, error)
                    return

    def _statsd_line(self, metric: Metric) -> str:
        kind = "c" if metric.adds_up else "g"
        tags = ",".join(
            f"{key}:{value.translate(_TAG_SEPARATORS)}" for key, value in metric.dimensions.items()
        )
        return f"{self._prefix}.{metric.name}:{metric.value:.10g}|{kind}" + (
            f"|#{tags}" if tags else ""
        )


def _datagrams(lines: Sequence[str]) -> Iterator[bytes]:
    waiting = b""
    for line in lines:
        encoded = line.encode()
        if waiting and len(waiting) + 1 + len(encoded) > _DATAGRAM_BYTES:
            yield waiting
            waiting = b""
        waiting = waiting + b"\n" + encoded if waiting else encoded
    if waiting:
        yield waiting
