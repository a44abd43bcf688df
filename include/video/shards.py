"""Tar files of pictures, bounded in size, with the same bytes for the same pictures."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

_BLOCK_BYTES = 512
_RECORD_BYTES = tarfile.RECORDSIZE


class TarSequence:
    """Writes pictures to `{stem}-00000.tar`, `{stem}-00001.tar`, ... in a folder.

    Members are written in the order they come, plain USTAR, owned by nobody,
    dated zero. A file never exceeds `max_bytes`, unless one picture alone does.

    Args:
        folder: Created if missing.
        stem: Start of every file name.
        max_bytes: Size of a tar file at most.
    """

    def __init__(self, folder: Path, stem: str, max_bytes: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._stem = stem
        self._max_bytes = max_bytes
        self._index = -1
        self._used_bytes = 0
        self._tar: tarfile.TarFile | None = None

    def add(self, name: str, data: bytes) -> str:
        """Append a member; return the basename of the tar file that holds it."""
        member_bytes = _BLOCK_BYTES + -(-len(data) // _BLOCK_BYTES) * _BLOCK_BYTES
        if self._tar is None or _padded(self._used_bytes + member_bytes) > self._max_bytes:
            self._start_next()
        info = tarfile.TarInfo(name)
        info.size = len(data)
        info.mode = 0o644
        assert self._tar is not None  # _start_next opened it
        self._tar.addfile(info, io.BytesIO(data))
        self._used_bytes += member_bytes
        return f"{self._stem}-{self._index:05d}.tar"

    def close(self) -> int:
        """Finish the last file; return how many were written."""
        if self._tar is not None:
            self._tar.close()
            self._tar = None
        return self._index + 1

    def _start_next(self) -> None:
        self.close()
        self._index += 1
        self._used_bytes = 0
        path = self._folder / f"{self._stem}-{self._index:05d}.tar"
        self._tar = tarfile.open(path, "w", format=tarfile.USTAR_FORMAT)  # noqa: SIM115


def _padded(used_bytes: int) -> int:
    """Size on disk: two empty blocks end a tar, filled up to a record."""
    return -(-(used_bytes + 2 * _BLOCK_BYTES) // _RECORD_BYTES) * _RECORD_BYTES
