"""The one-way line between the confined child and its parent.

A message is a line of JSON and, when it names a `payload` size, that many bytes
after it. The parent reads it as untrusted: sizes are bounded, types are checked
where the values are used.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, BinaryIO

MAX_HEADER_BYTES = 1 << 20
MAX_PAYLOAD_BYTES = 64 << 20

Message = tuple[dict[str, Any], bytes]


class MalformedMessageError(Exception):
    """The child did not speak the protocol."""


def write_message(pipe: BinaryIO, header: dict[str, Any], payload: bytes = b"") -> None:
    """Send one message and flush."""
    if payload:
        header = {**header, "payload": len(payload)}
    pipe.write(json.dumps(header, separators=(",", ":")).encode() + b"\n" + payload)
    pipe.flush()


class MessageReader:
    """Cuts messages out of bytes as they arrive."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[Message]:
        """Yield every message that is complete with `data`.

        Raises:
            MalformedMessageError: The bytes are no message, or one beyond the bounds.
        """
        self._buffer += data
        while True:
            end = self._buffer.find(b"\n", 0, MAX_HEADER_BYTES)
            if end < 0:
                if len(self._buffer) >= MAX_HEADER_BYTES:
                    raise MalformedMessageError("a header beyond its bound")
                return
            header = _parse_header(bytes(self._buffer[:end]))
            size = header.get("payload", 0)
            if not isinstance(size, int) or not 0 <= size <= MAX_PAYLOAD_BYTES:
                raise MalformedMessageError("a payload beyond its bound")
            if len(self._buffer) < end + 1 + size:
                return
            payload = bytes(self._buffer[end + 1 : end + 1 + size])
            del self._buffer[: end + 1 + size]
            yield header, payload


def _parse_header(line: bytes) -> dict[str, Any]:
    try:
        header = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise MalformedMessageError("a header that is no JSON") from error
    if not isinstance(header, dict):
        raise MalformedMessageError("a header that is no object")
    return header
