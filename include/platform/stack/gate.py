"""`python -m include.platform.stack.gate FD HOST PORT`: a published port of the stack.

The listening socket was opened in this machine's network and is inherited; this process lives in
the network of the stack and passes on what comes in.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sys

_CHUNK = 1 << 16


async def _pass(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    """Copy one direction until it ends; then its other end is closed too."""
    with contextlib.suppress(OSError):
        while data := await source.read(_CHUNK):
            target.write(data)
            await target.drain()
    with contextlib.suppress(OSError):
        target.close()


async def serve(listening: socket.socket, host: str, port: int) -> None:
    """Pass every connection on to `host:port`, for ever."""

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            inner_reader, inner_writer = await asyncio.open_connection(host, port)
        except OSError:  # the service does not run: as an engine, close
            writer.close()
            return
        await asyncio.gather(_pass(reader, inner_writer), _pass(inner_reader, writer))

    server = await asyncio.start_server(accept, sock=listening)
    await server.serve_forever()


def main(arguments: list[str]) -> None:
    """Serve until ended."""
    descriptor, host, port = arguments
    listening = socket.socket(fileno=int(descriptor))
    asyncio.run(serve(listening, host, int(port)))


if __name__ == "__main__":
    main(sys.argv[1:])
