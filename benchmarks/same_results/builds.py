"""Two builds side by side: an earlier commit in a worktree of its own, and this checkout."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from include.contracts.errors import ConfigurationError

ROOT = Path(__file__).parents[2]
WITHIN = Path(__file__).parent / "within.py"


@dataclass(frozen=True, slots=True)
class Build:
    """One build.

    Attributes:
        commit: What it is of, in full; "+" behind it where the checkout holds changes beside.
        root: Its checkout.
        python: Its interpreter, with what its own lock names.
    """

    commit: str
    root: Path
    python: Path

    def run(self, arguments: Sequence[str], home: Path) -> None:
        """Run its Python on a platform of its own, whose data and log lie under `home`.

        Raises:
            RuntimeError: It failed; names the command and its log.
        """
        settings = {
            "FEX_STORAGE__LAKE_URL": f"file://{home}/lake",
            "FEX_STORAGE__LEDGER_URL": f"sqlite:///{home}/ledger.sqlite",
            "FEX_STORAGE__SCRATCH_DIR": f"{home}/scratch",
            "FEX_TRANSFORM__JOBS_DIR": f"{home}/jobs",
        }
        # What is set for this checkout is not for the other build: it may refuse the name.
        kept = {name: text for name, text in os.environ.items() if not name.startswith("FEX_")}
        home.mkdir(parents=True)
        with (home / "log.txt").open("w", encoding="utf-8") as log:
            ended = subprocess.run(
                [str(self.python), *arguments],
                cwd=self.root,
                env=kept | settings | {"PYTHONPATH": str(self.root)},
                stdout=log,
                stderr=subprocess.STDOUT,
                check=False,
            ).returncode
        # 1: some recording cannot be used, which is a result to compare like any other.
        if ended not in (0, 1):
            raise RuntimeError(f"{' '.join(arguments)} ended with {ended}: see {home / 'log.txt'}")


def this_build() -> Build:
    """Return the checkout that this command runs from."""
    changed = "+" if _git("status", "--porcelain", "--untracked-files=no") else ""
    return Build(_git("rev-parse", "HEAD") + changed, ROOT, Path(sys.executable))


@contextmanager
def earlier(commit: str, folder: Path) -> Iterator[Build]:
    """Check a commit out into `folder`, set it up from its own lock, and take it away at the end.

    A folder that is there is taken as it stands and stays: whoever compares again saves the
    minutes that a set-up takes.

    Raises:
        ConfigurationError: There is no such commit, or `folder` holds another.
        RuntimeError: Its set-up failed.
    """
    try:
        named = _git("rev-parse", "--verify", "--quiet", f"{commit}^{{commit}}")
    except subprocess.CalledProcessError as error:
        raise ConfigurationError("commit", f"{commit!r} is no commit of this checkout") from error
    stays = folder.exists()
    if not stays:
        _git("worktree", "add", "--detach", str(folder), named)
    try:
        if (found := _git("rev-parse", "HEAD", at=folder)) != named:
            raise ConfigurationError("--build", f"{folder} holds {found[:7]}, not {named[:7]}")
        if subprocess.run(["make", "setup"], cwd=folder, check=False).returncode:
            raise RuntimeError(f"`make setup` failed in {folder}")
        yield Build(named, folder, folder / ".venv" / "bin" / "python")
    finally:
        if not stays:
            _git("worktree", "remove", "--force", str(folder))


def _git(*arguments: str, at: Path = ROOT) -> str:
    done = subprocess.run(["git", *arguments], cwd=at, check=True, capture_output=True, text=True)
    return done.stdout.strip()
