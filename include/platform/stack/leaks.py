"""Secrets of a stack where they must not stand: logs, data, command lines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from include.platform.stack.home import StackHome

_SECRET = ("_password", "_key", "_secret")
"""Names of files whose whole content is one secret; others hold one of these inside."""
_CHUNK_BYTES = 1 << 22


def leaks(home: StackHome, processes: Path = Path("/proc")) -> list[str]:
    """Return which secret stands where, in words without the secret; empty is right.

    Looks through every log and every volume (the lake, the databases' files, MLflow), and
    through the command lines of this machine's processes.
    """
    words = {
        path.name: path.read_bytes().strip()
        for path in sorted(home.secrets.iterdir())
        if path.name.endswith(_SECRET)
    }
    told = [
        f"{name} stands in {path.relative_to(home.folder)}"
        for folder in (home.logs, home.volumes)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.is_symlink()
        for name in _found(path, words)
    ]
    for path in processes.glob("[0-9]*/cmdline"):
        told += [f"{name} stands on a command line" for name in _found(path, words)]
    return told


def _found(path: Path, words: Mapping[str, bytes]) -> set[str]:
    return {
        name for part in _parts(path, max(map(len, words.values()), default=0))
        for name, word in words.items()
        if word and word in part
    }  # fmt: skip


def _parts(path: Path, overlap: int) -> Iterator[bytes]:
    """Yield a file in parts that overlap, so that no word is cut."""
    tail = b""
    try:
        with path.open("rb") as stream:
            while read := stream.read(_CHUNK_BYTES):
                yield tail + read
                tail = read[-overlap:] if overlap else b""
    except OSError:  # removed meanwhile, or a process that has ended
        return
