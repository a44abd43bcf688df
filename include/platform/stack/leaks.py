"""Secrets of a stack where they must not stand: logs, data, tables, command lines, children."""

from __future__ import annotations

import base64
import contextlib
import gzip
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self, cast
from urllib.parse import quote

from include.platform.stack.home import StackHome

_SECRET = ("_password", "_key", "_secret")
"""Names of files whose whole content is one secret; others hold one of these inside."""
_CHUNK_BYTES = 1 << 22
_POLL_S = 0.1
_SHORTEST_PART = 6

CHILDREN: Mapping[bytes, tuple[str, ...]] = {
    # What decodes outside files has nothing; what runs a model has the store's credentials.
    b"include.video.child": (),
    b"include.inference.embedded_runner": ("store_",),
}
"""Children that run what comes from outside, and how the names of secrets begin that they have."""


def secrets_of(home: StackHome) -> dict[str, bytes]:
    """Return the stack's secrets by the names of their files."""
    found = {
        path.name: path.read_bytes().strip()
        for path in sorted(home.secrets.iterdir())
        if path.name.endswith(_SECRET)
    }
    return {name: word for name, word in found.items() if word}


def forms(word: bytes) -> set[bytes]:
    """Return how a secret may be written: as it is, in an address, in Base64 at any offset.

    Base64 writes three bytes as four signs: what a neighbour shares of the first and the last
    sign is left off (RFC 4648).
    """
    found = {word, quote(word, safe="").encode()}
    for shift in range(3):
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            text = encode(b"\0" * shift + word).rstrip(b"=")
            part = text[(0, 2, 3)[shift] : len(text) - (1 if (shift + len(word)) % 3 else 0)]
            if len(part) >= _SHORTEST_PART:
                found.add(part)
    return found


def leaks(home: StackHome, processes: Path = Path("/proc")) -> list[str]:
    """Return which secret stands where, in words without the secret; empty is right.

    Looks through every log and every volume (the lake, the databases' files, MLflow), what is
    packed with gzip as well, and through the command lines of this machine's processes.
    """
    words = {name: forms(word) for name, word in secrets_of(home).items()}
    told = [
        f"{name} stands in {path.relative_to(home.folder)}"
        for folder in (home.logs, home.volumes)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.is_symlink()
        for name in sorted(_found(path, words))
    ]
    for path in processes.glob("[0-9]*/cmdline"):
        told += [f"{name} stands on a command line" for name in sorted(_found(path, words))]
    return told


class ChildWatch:
    """Looks at the environments of children that run what comes from outside, while they run.

    Use as a context manager.

    Args:
        home: Of the stack whose secrets are looked for.
        processes: Where the system shows its processes.
    """

    def __init__(self, home: StackHome, processes: Path = Path("/proc")) -> None:
        self._words = {name: forms(word) for name, word in secrets_of(home).items()}
        self._processes = processes
        self._told: set[str] = set()
        self._seen: set[tuple[str, bytes]] = set()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ended.set()
        self._thread.join()

    def told(self) -> list[str]:
        """Return which child held which secret, and which kind of child was never seen."""
        kinds = {kind for _, kind in self._seen}
        unseen = [
            f"{kind.decode()} was never seen at work" for kind in CHILDREN if kind not in kinds
        ]
        return [*sorted(self._told), *unseen]

    def _watch(self) -> None:
        while not self._ended.wait(_POLL_S):
            for folder in self._processes.glob("[0-9]*"):
                with contextlib.suppress(OSError):  # it has ended meanwhile
                    self._look(folder)

    def _look(self, folder: Path) -> None:
        command = (folder / "cmdline").read_bytes().split(b"\0")
        for kind in CHILDREN.keys() & set(command):
            if (folder.name, kind) in self._seen:
                continue
            environment = (folder / "environ").read_bytes()
            if not environment:  # between fork and exec
                continue
            self._seen.add((folder.name, kind))
            self._told |= {
                f"{name} stands in the environment of {kind.decode()}"
                for name, written in self._words.items()
                if not name.startswith(CHILDREN[kind] or ("\0",))
                and any(one in environment for one in written)
            }


def _found(path: Path, words: Mapping[str, set[bytes]]) -> set[str]:
    longest = max((len(one) for written in words.values() for one in written), default=0)
    return {
        name
        for part in _parts(path, longest)
        for name, written in words.items()
        if any(one in part for one in written)
    }


def _parts(path: Path, overlap: int) -> Iterator[bytes]:
    """Yield a file in parts that overlap, so that no word is cut; packed ones unpacked as well."""
    try:
        with path.open("rb") as stream:
            yield from _read(stream, overlap)
        if path.suffix in (".gz", ".tgz"):
            with gzip.open(path) as unpacked:
                yield from _read(cast("BinaryIO", unpacked), overlap)
    except (OSError, EOFError):  # removed meanwhile, a process that has ended, half a file
        return


def _read(stream: BinaryIO, overlap: int) -> Iterator[bytes]:
    tail = b""
    while read := stream.read(_CHUNK_BYTES):
        yield tail + read
        tail = read[-overlap:] if overlap else b""
