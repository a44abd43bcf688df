"""The processes of the stack's workers, as this machine sees them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from include.inference.embedded_job import TransformFolder
from include.platform.stack.control import Stack
from include.platform.stack.instances import SCALED

RUNNER = "include.inference.embedded_runner"
"""The process of a transform job."""
_PPID = 1
"""Place of the parent's id in /proc/PID/stat, after the name in brackets and the state."""


@dataclass(frozen=True, slots=True)
class Process:
    """One process of an instance."""

    pid: int
    parent: int
    is_zombie: bool
    words: str
    """Its command line."""


def worker_names(stack: Stack) -> list[str]:
    """Return the names of the workers."""
    return [name for name, item in stack.instances.items() if item.service.name == SCALED]


def workers_with(stack: Stack, word: str) -> list[str]:
    """Return the workers one of whose processes has a word in its command line."""
    return [
        name
        for name in worker_names(stack)
        if any(word in item.words for item in processes(stack, name))
    ]


def processes(stack: Stack, name: str) -> list[Process]:
    """Return the processes of an instance."""
    return [item for pid in stack.groups.members(name) for item in _process(pid)]


def orphans(stack: Stack) -> list[str]:
    """Return processes of workers that nobody waits for, in words; empty is right.

    A process whose parent has ended belongs to the instance's number 1. The service itself
    does, and so does the runner of a transform job whose task was given up: the next try takes
    that job over, so it is nobody's only once the job's folder says that it is over.
    """
    jobs = stack.home.volumes / "work" / "jobs"
    over = {folder.name for folder in TransformFolder.all(jobs) if not folder.is_running()}
    told = []
    for name in worker_names(stack):
        found = stack.state().find(name)
        if found is None or found.pid is None:
            continue
        inside = [item for item in processes(stack, name) if item.parent == found.pid]
        told += [f"{name}: {item.words} is a zombie" for item in inside if item.is_zombie]
        # The first child of number 1 is the service.
        service = min((item.pid for item in inside), default=0)
        for item in inside:
            job = next((folder for folder in item.words.split() if "/jobs/" in folder), "")
            if item.pid == service or item.is_zombie:
                continue
            if RUNNER in item.words and Path(job).name not in over:
                continue
            told.append(f"{name}: nobody waits for {item.words}")
    return told


def _process(pid: int) -> Iterator[Process]:
    with contextlib.suppress(OSError, ValueError, IndexError):
        folder = Path(f"/proc/{pid}")
        words = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        state, *rest = (folder / "stat").read_text().rpartition(")")[2].split()
        yield Process(pid, int(rest[_PPID - 1]), state == "Z", words.strip())
