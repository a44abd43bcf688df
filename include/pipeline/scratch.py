"""Working folders of tasks, and the end of those whose task was killed.

A recording is fetched into one. A task that is killed leaves its folder behind, with a copy of
a person in it: nobody would ever remove that. So a task holds a lock (flock) on its folder for
as long as it lives, and the next one removes folders that nobody holds. The kernel gives locks
up with their process, and sees them across containers that share a volume on one machine.
"""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from include.composition import Services

PREFIX = "task-"
UNLOCKED_FOR_S = 86400.0
"""Folders of other names come from builds that held no lock: they go when they are this old."""
_TRIES = 100


@contextmanager
def working_folder(services: Services) -> Iterator[Path]:
    """Yield an empty folder below `FEX_STORAGE__SCRATCH_DIR`; it is gone afterwards.

    Raises:
        OSError: The folder cannot be made, for want of space or rights.
    """
    parent = services.settings.storage.scratch_dir
    parent.mkdir(parents=True, exist_ok=True)
    _remove_abandoned(parent)
    folder, lock = _new_folder(parent)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def _new_folder(parent: Path) -> tuple[Path, int]:
    """Make a folder and lock it; one that another task removed in between is made anew."""
    for _ in range(_TRIES):
        folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
        with suppress(FileNotFoundError):
            lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
            if _locked(lock) and folder.exists():
                return folder, lock
            os.close(lock)
    raise OSError(errno.EBUSY, "folders are removed as fast as they are made", str(parent))


def _remove_abandoned(parent: Path) -> None:
    for entry in parent.iterdir():
        with suppress(OSError):
            old = time.time() - entry.stat().st_mtime > UNLOCKED_FOR_S
            if entry.is_symlink() or not (entry.name.startswith(PREFIX) or old):
                continue
            lock = os.open(entry, os.O_RDONLY | os.O_DIRECTORY)
            try:
                if _locked(lock):
                    shutil.rmtree(entry)
            finally:
                os.close(lock)


def _locked(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
