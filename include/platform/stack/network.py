"""The stack's network: one that services share, and one for each worker, plugged into a switch.

Nothing leads outside. A worker that can be unplugged is a worker whose network hangs: packets
get lost in both directions, and neither side is told.
"""

from __future__ import annotations

import ctypes
import os
import subprocess
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from include.platform.stack.errors import StackError

_CLONE_NEWNET = 0x40000000
_SWITCH = "fex0"
_PREFIX, _FIRST = "10.209.0", 10
"""Nobody outside sees these addresses: the network has no way out."""
_MAC = "02:66:65:78:00"
_LOOPBACK = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Place:
    """Where an instance with a network of its own is plugged in."""

    number: int

    @property
    def port(self) -> str:
        """Its port of the switch."""
        return f"fex{self.number}"

    @property
    def address(self) -> str:
        """Its IPv4 address."""
        return f"{_PREFIX}.{_FIRST + self.number}"

    @property
    def mac(self) -> str:
        """Its Ethernet address."""
        return f"{_MAC}:{_FIRST + self.number:02x}"


_SHARED = Place(1 - _FIRST)
"""The services that share one network: the switch itself has their address."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Who is where.

    Attributes:
        names: Every name that is known in the network.
        apart: The instances with a network of their own, by the number of their port.
    """

    names: tuple[str, ...]
    apart: tuple[str, ...]

    def place(self, name: str) -> Place | None:
        """Return where an instance is plugged in; None where it shares the stack's network."""
        return Place(self.apart.index(name) + 1) if name in self.apart else None

    def hosts(self) -> list[str]:
        """Return the lines of `/etc/hosts`, the same for everybody."""
        shared = _SHARED.address if self.apart else _LOOPBACK
        lines = [f"{_LOOPBACK} localhost"]
        for name in self.names:
            place = self.place(name)
            lines.append(f"{place.address if place else shared} {name}")
        return lines


class Network:
    """The network of one stack, owned by the process that made it, and gone with it.

    Args:
        plan: Who is where.
    """

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._opened: dict[str, int] = {}

    def enter(self) -> None:
        """Move this process, and all it starts from now on, into a network that leads nowhere.

        Raises:
            StackError: The machine does not let us.
        """
        _unshare()
        _ip("link set lo up")
        if not self._plan.apart:
            return
        _ip(f"link add {_SWITCH} address {_SHARED.mac} type bridge")
        _ip(f"address add {_SHARED.address}/24 dev {_SWITCH}")
        _ip(f"link set {_SWITCH} up")
        for name in self._plan.apart:
            self._opened[name] = self._open(name)

    def of(self, name: str) -> str | None:
        """Return the file by which an instance's own network is entered; None: the shared one."""
        opened = self._opened.get(name)
        return None if opened is None else f"/proc/{os.getpid()}/fd/{opened}"

    def inodes(self) -> list[int]:
        """Return what tells the networks of the stack from all others of the machine."""
        opened = [os.stat(f"/proc/self/fd/{file}").st_ino for file in self._opened.values()]  # noqa: PTH116
        return [os.stat("/proc/self/ns/net").st_ino, *opened]  # noqa: PTH116

    def _open(self, name: str) -> int:
        place = self._plan.place(name)
        assert place is not None
        opened = _in_a_new_one(lambda: self._furnish(place))
        _ip(f"link set {place.port} master {_SWITCH} up")
        # Known for good: a neighbour that has to be asked for would be found missing, and a
        # call that should hang would be refused.
        _ip(f"neigh replace {place.address} lladdr {place.mac} nud permanent dev {_SWITCH}")
        return opened

    def _furnish(self, place: Place) -> None:
        """Give the calling thread's network an interface, whose other end is the switch's port."""
        outside = os.getpid()
        _ip("link set lo up")
        _ip(f"link add eth0 address {place.mac} type veth peer name {place.port} netns {outside}")
        _ip(f"address add {place.address}/24 dev eth0")
        _ip("link set eth0 up")
        everybody = {_SHARED, *(Place(n + 1) for n in range(len(self._plan.apart)))} - {place}
        for other in everybody:
            _ip(f"neigh replace {other.address} lladdr {other.mac} nud permanent dev eth0")


def unplug(place: Place, within: int) -> None:
    """Let packets from and to an instance get lost, unnoticed by either side.

    Args:
        place: Of the instance.
        within: A process in the stack's shared network.

    Raises:
        StackError: There is no such port.
    """
    _ip(f"link set {place.port} nomaster", ["nsenter", f"--net=/proc/{within}/ns/net"])


def plug_in(place: Place, within: int) -> None:
    """Undo `unplug`; packets sent meanwhile are lost, connections that were waited for go on.

    Raises:
        StackError: There is no such port.
    """
    _ip(f"link set {place.port} master {_SWITCH}", ["nsenter", f"--net=/proc/{within}/ns/net"])


def _in_a_new_one(furnish: Callable[[], None]) -> int:
    """Make a network in a thread of its own, since a thread leaves no network; return it open."""

    def make() -> int:
        _unshare()
        furnish()
        return os.open("/proc/thread-self/ns/net", os.O_RDONLY)

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(make).result()


def _unshare() -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_CLONE_NEWNET) != 0:
        raise StackError(f"no network of its own: {os.strerror(ctypes.get_errno())}")


def _ip(words: str, within: Iterable[str] = ()) -> None:
    command = [*within, "ip", *words.split()]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise StackError(f"`ip {words}`: {done.stderr.strip()}")
