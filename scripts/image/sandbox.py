"""Layers on top of each other, and programs that run in them.

All mounts are made within a namespace of mounts that ends with the last process in it: however
a replay ends, none is left.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

DEVICES = ("null", "zero", "full", "random", "urandom", "tty")


@dataclass(frozen=True, slots=True)
class Program:
    """What runs, and as what.

    Attributes:
        binds: Place inside -> file or folder of this machine.
        writable: Of `binds`, those that may be written to.
        tmpfs: Place inside -> options of mount(8).
        user: Numbers of user and group; it has no capability unless it is 0:0.
        read_only: The root is.
        networked: It sees the machine's network.
    """

    command: Sequence[str]
    environment: Mapping[str, str]
    workdir: str = "/"
    user: tuple[int, int] = (0, 0)
    binds: Mapping[str, Path] = field(default_factory=dict)
    writable: frozenset[str] = frozenset()
    tmpfs: Mapping[str, str] = field(default_factory=dict)
    read_only: bool = False
    networked: bool = True


@contextmanager
def mounted(layers: Sequence[Path], upper: Path) -> Iterator[Path]:
    """Give the tree of layers, the first one lowest; what is written to it goes to `upper`."""
    upper.mkdir()
    with tempfile.TemporaryDirectory(dir=upper.parent) as beside:
        work, merged = Path(beside) / "w", Path(beside) / "m"
        work.mkdir()
        merged.mkdir()
        lower = ":".join(str(layer) for layer in reversed(layers))
        options = f"lowerdir={lower},upperdir={upper},workdir={work}"
        _run("mount", "-t", "overlay", "overlay", "-o", options, merged)
        try:
            yield merged
        finally:
            _run("umount", merged)


def run(root: Path, program: Program) -> subprocess.CompletedProcess[str]:
    """Run a program to its end; standard output and error come together."""
    places = (*program.binds, *program.tmpfs)
    made = [path for place in places for path in _make_place(root, place, program)]
    apart = ["--mount", "--pid", "--ipc", "--uts", "--fork", "--kill-child"]
    apart += [] if program.networked else ["--net"]
    try:
        return subprocess.run(
            [
                "unshare",
                *apart,
                "--propagation",
                "private",
                "/bin/sh",
                "-euc",
                _script(root, program),
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
    finally:
        # As with an engine, places of mounts are no part of the layer.
        for path in reversed(made):
            if not path.is_dir():
                path.unlink()
            elif not any(path.iterdir()):
                path.rmdir()


def _make_place(root: Path, place: str, program: Program) -> list[Path]:
    """Make where something is mounted; return what was not there, folders above it first."""
    inside = root / place.lstrip("/")
    made = [path for path in (*reversed(inside.parents), inside) if not path.exists()]
    for path in made:
        if path != inside or place in program.tmpfs or program.binds[place].is_dir():
            path.mkdir()
        else:
            path.touch()
    return made


def _script(root: Path, program: Program) -> str:
    """Return the shell's lines that mount what the program sees and become it."""
    at = shlex.quote(str(root))
    lines = [
        f"mount -t proc proc {at}/proc",
        f"mount -t tmpfs -o mode=0755 dev {at}/dev",
        f"mkdir -m 1777 {at}/dev/shm",
        f"ln -s /proc/self/fd {at}/dev/fd",
    ]
    lines += [f"touch {at}/dev/{n} && mount --bind /dev/{n} {at}/dev/{n}" for n in DEVICES]
    for place, source in program.binds.items():
        there = shlex.quote(str(root / place.lstrip("/")))
        lines.append(f"mount --bind {shlex.quote(str(source))} {there}")
        if place not in program.writable:
            lines.append(f"mount -o remount,bind,ro {there}")
    if program.read_only:
        lines.append(f"mount -o remount,bind,ro {at}")
    for place, options in program.tmpfs.items():
        there = shlex.quote(str(root / place.lstrip("/")))
        lines.append(f"mount -t tmpfs -o {shlex.quote(options)} tmpfs {there}")
    if not program.networked:
        lines.append("ip link set lo up")
    words = ["chroot", str(root)]
    uid, gid = program.user
    if (uid, gid) != (0, 0):
        words += ["setpriv", f"--reuid={uid}", f"--regid={gid}", "--clear-groups"]
        words += ["--no-new-privs", "--inh-caps=-all", "--bounding-set=-all"]
    words += ["env", "-i", f"--chdir={program.workdir}"]
    words += [f"{name}={value}" for name, value in program.environment.items()]
    return "\n".join([*lines, "exec " + shlex.join([*words, *program.command])])


def size_bytes(layer: Path) -> int:
    """Return what the files of a layer hold, links counted once."""
    seen: set[int] = set()
    total = 0
    for folder, _, names in os.walk(layer):
        for name in names:
            found = (Path(folder) / name).lstat()
            if found.st_ino not in seen:
                seen.add(found.st_ino)
                total += found.st_size
    return total


def _run(*command: str | Path) -> None:
    subprocess.run([str(word) for word in command], check=True)
