"""Where the embedded platform keeps things: one folder, `var/` of the checkout or `FEX_HOME`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

PROJECT_ROOT = Path(__file__).resolve().parents[2]
HOME_VARIABLE = "FEX_HOME"


@dataclass(frozen=True, slots=True)
class Layout:
    """The folders and files under one home."""

    home: Path

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> Layout:
        """Return the layout under `FEX_HOME`, or under `var/` of the checkout."""
        home = environ.get(HOME_VARIABLE)
        return cls(Path(home).expanduser().resolve() if home else PROJECT_ROOT / "var")

    @property
    def airflow_home(self) -> Path:
        """Airflow's own state: its database and task logs."""
        return self.home / "airflow"

    @property
    def lake(self) -> Path:
        """The object store: what was dropped and what was published."""
        return self.home / "lake"

    @property
    def ledger(self) -> Path:
        """The work queue."""
        return self.home / "ledger.sqlite"

    @property
    def mlflow_database(self) -> Path:
        """Model tracking and registry."""
        return self.home / "mlflow.sqlite"

    @property
    def mlflow_artifacts(self) -> Path:
        """Registered model packages."""
        return self.home / "mlflow-artifacts"

    @property
    def jobs(self) -> Path:
        """Embedded inference jobs."""
        return self.home / "jobs"

    @property
    def scratch(self) -> Path:
        """Working space of tasks."""
        return self.home / "scratch"

    @property
    def logs(self) -> Path:
        """One log for each component."""
        return self.home / "logs"

    @property
    def run(self) -> Path:
        """Process records, locks and stamps."""
        return self.home / "run"

    @property
    def secrets(self) -> Path:
        """Generated secrets, readable by the owner alone."""
        return self.home / "secrets"

    @property
    def passwords_file(self) -> Path:
        """Passwords of the Airflow users, as JSON."""
        return self.secrets / "airflow-passwords.json"

    def create(self) -> None:
        """Make every folder. Recordings of people are inside: the home is the owner's alone."""
        if not self.home.exists():
            self.home.mkdir(parents=True, mode=0o700)
        self.secrets.mkdir(exist_ok=True, mode=0o700)
        for folder in (
            self.airflow_home,
            self.lake / "incoming",
            self.jobs,
            self.scratch,
            self.logs,
            self.run,
        ):
            folder.mkdir(parents=True, exist_ok=True)
