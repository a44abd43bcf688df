"""The published port: what comes in is passed on, and a service that is away closes it."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest


@contextmanager
def gate(port: int) -> Iterator[int]:
    """Run a gate to a port; gives the port that it listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.set_inheritable(True)
        words = ["-m", "include.platform.stack.gate", str(listening.fileno()), "127.0.0.1"]
        process = subprocess.Popen(
            [sys.executable, *words, str(port)], pass_fds=(listening.fileno(),)
        )
        try:
            yield listening.getsockname()[1]
        finally:
            process.kill()
            process.wait()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


def test_both_directions_are_passed_on_whole() -> None:
    sent = bytes(range(256)) * 4096

    def echo(server: socket.socket) -> None:
        with server.accept()[0] as inner:
            while data := inner.recv(1 << 16):
                inner.sendall(data)

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=echo, args=(server,), daemon=True).start()
        with (
            gate(server.getsockname()[1]) as port,
            socket.create_connection(("127.0.0.1", port), timeout=20) as outer,
        ):
            threading.Thread(target=outer.sendall, args=(sent,), daemon=True).start()
            received = b""
            while len(received) < len(sent):
                received += outer.recv(1 << 16)
    assert received == sent


def test_a_service_that_is_away_closes_the_connection() -> None:
    with (
        gate(free_port()) as port,
        socket.create_connection(("127.0.0.1", port), timeout=20) as outer,
    ):
        assert outer.recv(1) == b""


@pytest.mark.parametrize("left_by", ["outside", "service"])
def test_an_end_that_leaves_ends_the_other(left_by: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(20)
        with (
            gate(server.getsockname()[1]) as port,
            socket.create_connection(("127.0.0.1", port), timeout=20) as outer,
        ):
            inner = server.accept()[0]
            inner.settimeout(20)
            stays, leaves = (inner, outer) if left_by == "outside" else (outer, inner)
            leaves.shutdown(socket.SHUT_RDWR)
            assert stays.recv(1) == b""
            inner.close()
