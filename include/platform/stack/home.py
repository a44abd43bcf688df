"""Where one running stack keeps things: `var/production` of the checkout, or another folder."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from include.platform.layout import PROJECT_ROOT

DEFAULT = PROJECT_ROOT / "var" / "production"


@dataclass(frozen=True, slots=True)
class StackHome:
    """The folders and files of one stack."""

    folder: Path

    @property
    def group(self) -> str:
        """The name of its control groups: another home has another."""
        return "fex-" + hashlib.sha256(str(self.folder).encode()).hexdigest()[:10]

    @property
    def secrets(self) -> Path:
        """Generated secrets, one file each; the folder is root's alone."""
        return self.folder / "secrets"

    @property
    def volumes(self) -> Path:
        """Named volumes: what outlives the processes."""
        return self.folder / "volumes"

    @property
    def logs(self) -> Path:
        """One log for each service, and the supervisor's."""
        return self.folder / "logs"

    @property
    def image(self) -> Path:
        """What `docker build` would copy."""
        return self.folder / "image"

    @property
    def entries(self) -> Path:
        """The script that enters each service's namespaces."""
        return self.folder / "entries"

    @property
    def roots(self) -> Path:
        """Empty folders: each service mounts its root on its own, in its own namespace."""
        return self.folder / "roots"

    @property
    def stopped(self) -> Path:
        """One empty file for each service that somebody stopped by hand."""
        return self.folder / "stopped"

    @property
    def state(self) -> Path:
        """What the supervisor knows, written whenever it changes."""
        return self.folder / "state.json"

    @property
    def events(self) -> Path:
        """Every start, end and change of health, with its time."""
        return self.folder / "events.log"

    @property
    def lock(self) -> Path:
        """Held by the supervisor as long as it lives."""
        return self.folder / "lock"

    def log(self, name: str) -> Path:
        """Where a service writes."""
        return self.logs / f"{name}.log"

    def create(self) -> None:
        """Make every folder. Recordings of people are inside: the home is its owner's alone."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.folder.chmod(0o700)
        for path in (self.volumes, self.logs, self.entries, self.roots, self.stopped):
            path.mkdir(exist_ok=True)
