"""Is the port free, and if not, who holds it."""

from __future__ import annotations

import contextlib
import socket

import psutil

from include.contracts.errors import PlatformError
from include.platform.environment import PREFIX


class PortTakenError(PlatformError):
    """Another process listens on a port that the platform needs."""


def require_free(host: str, port: int) -> None:
    """Check that a server can listen on the port.

    Raises:
        PortTakenError: Names the port, its holder if that is known, and the setting.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        # As the server does: connections of a predecessor that linger are no obstacle.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise PortTakenError(
                f"Port {port} on {host} cannot be used ({error.strerror}); "
                f"it is held by {holder(port) or 'a process of another user'}. "
                f"Stop it, or choose another port: {PREFIX}API_PORT={port + 1} make up"
            ) from error


def holder(port: int) -> str | None:
    """Describe the process that listens on a port, where the system tells."""
    with contextlib.suppress(psutil.Error, OSError):
        for connection in psutil.net_connections(kind="tcp"):
            if (
                connection.status == psutil.CONN_LISTEN
                and connection.laddr
                and connection.laddr.port == port
                and connection.pid
            ):
                command = " ".join(psutil.Process(connection.pid).cmdline()).strip()
                return f"process {connection.pid} ({command[:80]})"
    return None
