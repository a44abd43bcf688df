"""Which code a run was made with."""

from __future__ import annotations

import platform
import subprocess
from pathlib import Path

import torch

_ROOT = Path(__file__).parents[2]
_UNKNOWN = "unknown"


def code_version(root: Path = _ROOT) -> dict[str, str]:
    """Return `code_commit`, `code_dirty` (true, false), and the versions of Python and torch.

    Outside a git checkout the first two are `unknown`.
    """
    commit = _git(root, "rev-parse", "HEAD")
    changed = _git(root, "status", "--porcelain", "--untracked-files=no")
    return {
        "code_commit": commit or _UNKNOWN,
        "code_dirty": _UNKNOWN if changed is None else str(bool(changed)).lower(),
        "python": platform.python_version(),
        "torch": torch.__version__,
    }


def _git(root: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(root), *arguments],  # noqa: S607
            capture_output=True,
            check=True,
            text=True,
            timeout=30,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
