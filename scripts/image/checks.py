"""Uses a built image as the services of docker-compose.yaml do, and looks through its files."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from include.platform.stack.compose import Service, read_compose
from include.platform.stack.images import OURS, VENV
from scripts.image.build import Stage, owner
from scripts.image.sandbox import Program, mounted, run

SYSTEM_PROGRAMS = ("mlflow", "pg_dump", "pg_restore", "tar")
"""Called by name in scripts that are mounted, and in the code."""
FOLDERS = {"dags", "plugins", "include", "ml", "deploy", "docker"}
PLACES = ("AIRFLOW__CORE__DAGS_FOLDER", "AIRFLOW__CORE__PLUGINS_FOLDER")
PRIVATE_KEY = re.compile(rb"-----BEGIN [A-Z ]*PRIVATE KEY-----\s+[A-Za-z0-9+/=]{20}")

OVERRIDDEN = "opencv-python"
"""The one requirement that overrides.txt takes away on purpose."""

IMPORTS = """
import importlib, pkgutil, sys
NO_MODULES = (".__main__", ".standins", ".migrations.")
sys.path.insert(0, "/opt/project/plugins")
wrong = []
for root in ("include", "ml", "plugins"):
    package = importlib.import_module(root)
    for module in pkgutil.walk_packages(package.__path__, root + "."):
        if any(part in module.name for part in NO_MODULES):
            continue
        try:
            importlib.import_module(module.name)
        except BaseException as error:
            wrong.append(f"{module.name}: {type(error).__name__}: {error}")
print("\\n".join(wrong))
sys.exit(bool(wrong))
"""
DAGS = """
import sys
from airflow.dag_processing.dagbag import DagBag
bag = DagBag()
print(len(bag.dags), "DAGs", bag.import_errors or "")
sys.exit(bool(bag.import_errors) or not bag.dags)
"""
BOUNDS = """
import os, sys
def refused(path):
    try:
        open(path, "w").close()
    except OSError:
        return True
    return False
places = ["/x", "/opt/project/x", "/opt/venv/x", "/var/lib/fex/x"]
wrong = [place for place in places if not refused(place)]
wrong += [place for place in ("/tmp/x", "/opt/airflow/x") if refused(place)]
bounds = [line for line in open("/proc/self/status") if line.startswith(("CapBnd", "CapEff"))]
wrong += [line for line in bounds if int(line.split()[1], 16)]
print(os.getuid(), os.getgid(), wrong)
sys.exit(bool(wrong) or os.environ.get("MLFLOW_WORD") != "word" or "MLFLOW_WORD_FILE" in os.environ)
"""


@dataclass(frozen=True, slots=True)
class Used:
    """The image as a service uses it: its tree, and how programs run in it."""

    root: Path
    stage: Stage
    service: Service

    def run(
        self,
        *command: str,
        environment: dict[str, str] | None = None,
        plain: bool = False,
        **more: object,
    ) -> tuple[bool, str]:
        """Run behind the entry point with a read-only root; tell success and what was printed."""
        stage = self.stage
        ended = run(
            self.root,
            Program(
                (*(() if plain else stage.entrypoint), *command),
                {"HOME": "/home/fex", **stage.environment, **(environment or {})},
                workdir=stage.workdir,
                user=owner(self.root, stage.user),
                tmpfs={mount.target: mount.options for mount in self.service.tmpfs},
                read_only=self.service.read_only,
                networked=False,
                **more,  # type: ignore[arg-type]
            ),
        )
        return ended.returncode == 0, ended.stdout.strip()


def check(root: Path, work: Path, stage: Stage, tell: Callable[[str], None]) -> int:
    """Check an image; print a line for each check and return 1 if one failed."""
    failed = 0
    services = read_compose(root / "docker-compose.yaml", {}).services.values()
    ours = [service for service in services if service.image.partition(":")[0] == OURS]
    if {(service.uid, service.gid) for service in ours} != {tuple(map(int, stage.user.split(":")))}:
        tell("FAILED the services' user is the image's")
        failed = 1
    with mounted(stage.layers, work / "layers" / "used") as tree:
        reader = next(service for service in ours if service.name == "dag-processor")
        used = Used(tree, stage, reader)
        findings = chain(_files(root, tree), _programs(used, ours), _uses(work, used))
        for title, (good, said) in findings:
            tell(f"{'ok    ' if good else 'FAILED'} {title}{_short(said)}")
            failed = failed or int(not good)
    return failed


def _short(said: str) -> str:
    lines = said.splitlines()
    return "".join(f"\n         {line}" for line in lines[-12:])


def _files(root: Path, tree: Path) -> Iterator[tuple[str, tuple[bool, str]]]:
    """Look through the project's files in the image."""
    place = tree / "opt" / "project"
    names = [p.relative_to(place).as_posix() for p in place.rglob("*") if not p.is_dir()]
    kept = subprocess.run(
        ["git", "-c", f"safe.directory={root}", "ls-files", "-z"],
        cwd=root,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split("\0")
    compiled = re.compile(r"__pycache__/([^/]+)\.cpython-\d+\.pyc$")
    strange = [n for n in names if compiled.sub(r"\1.py", n) not in set(kept)]
    yield "every file of the project is one of the repository", (not strange, "\n".join(strange))
    others = {name.split("/")[0] for name in names} - FOLDERS
    yield "no folder but the platform's", (not others, "\n".join(others))
    uncompiled = [n for n in names if n.endswith(".py") and not _compiled(place / n).exists()]
    yield "every module is compiled", (not uncompiled, "\n".join(uncompiled))
    secrets = [p.read_bytes().strip() for p in (root / "docker" / "secrets").glob("*")]
    secrets = [secret for secret in secrets if len(secret) >= 12]
    told = []
    for name in names:
        data = (place / name).read_bytes()
        if PRIVATE_KEY.search(data) or any(secret in data for secret in secrets):
            told.append(name)
    yield "no private key and no secret of the checkout", (not told, "\n".join(told))
    git = [str(p.relative_to(tree)) for p in tree.glob("opt/**/.git")]
    git += [str(p.relative_to(tree)) for p in tree.glob("var/lib/apt/lists/*_Packages*")]
    git += [str(p.relative_to(tree)) for p in tree.glob("root/.cache/*")]
    yield "no history, no list of packages, no cache", (not git, "\n".join(git))
    open_to_all = [
        str(p) for p in place.rglob("*") if not p.is_symlink() and p.stat().st_mode & 0o022
    ]
    yield "nobody but root may write to the project", (not open_to_all, "\n".join(open_to_all))


def _compiled(source: Path) -> Path:
    return source.parent / "__pycache__" / f"{source.stem}.cpython-311.pyc"


def _programs(used: Used, services: list[Service]) -> list[tuple[str, tuple[bool, str]]]:
    """Ask for every program that a service names, where it would look for it."""
    wanted = set(SYSTEM_PROGRAMS)
    for service in services:
        mounts = {mount.target for mount in service.mounts}
        named = [
            (service.command or ("",))[0],
            (service.health.test if service.health else ("",))[0],
        ]
        wanted |= {name for name in named if name and name not in mounts}
    script = (
        'for name; do command -v "$name" >/dev/null || { echo "$name"; bad=1; }; done; '
        "exit ${bad:-0}"
    )
    found = used.run("/bin/sh", "-c", script, "sh", *sorted(wanted))
    return [(f"programs are there: {' '.join(sorted(wanted))}", found)]


def _uses(work: Path, used: Used) -> Iterator[tuple[str, tuple[bool, str]]]:
    """Run what services run, as far as one goes without the others."""
    secret = work / "secret"
    secret.write_text("word")
    secret.chmod(0o444)
    yield (
        "user, read-only root, tmpfs, no capability; a secret comes by file",
        used.run(
            "python",
            "-c",
            BOUNDS,
            environment={"MLFLOW_WORD_FILE": "/run/secrets/one"},
            binds={"/run/secrets/one": secret},
        ),
    )
    yield "plugins.access answers", used.run("python", "-m", "plugins.access", "--help")
    _, said = used.run("pip", "--no-cache-dir", "--python", f"{VENV}/bin/python", "check")
    left = [
        line
        for line in said.splitlines()
        if f"requires {OVERRIDDEN}," not in line and line != "No broken requirements found."
    ]
    yield "pip check, but what overrides.txt takes away", (not left, "\n".join(left))
    for arguments in (("job", "DagProcessorJob"), ("worker",)):
        yield (
            f"health.py {' '.join(arguments)} asks, and nobody is there",
            _health(work, used, arguments),
        )

    places = {name: used.service.environment[name] for name in PLACES}
    yield "every DAG is read", used.run("python", "-c", DAGS, environment=places)
    yield "every module of ours imports", used.run("python", "-W", "ignore", "-c", IMPORTS)
    yield "mlflow, pg_dump", used.run("/bin/sh", "-c", "mlflow --version && pg_dump --version")
    yield "airflow version", used.run("airflow", "version")
    database = (
        "{ airflow db migrate && airflow db check-migrations; } >/tmp/said 2>&1 "
        "|| { tail -5 /tmp/said; exit 1; }"
    )
    yield "airflow db migrate, check-migrations (SQLite)", used.run("/bin/sh", "-c", database)


def _health(work: Path, used: Used, arguments: tuple[str, ...]) -> tuple[bool, str]:
    """Tell whether a health check comes as far as the connection that is refused."""
    secret = work / "url"
    scheme = (
        "redis://127.0.0.1:9/0"
        if arguments == ("worker",)
        else "postgresql+psycopg2://a:b@127.0.0.1:9/c"
    )
    secret.write_text(scheme)
    secret.chmod(0o444)
    name = "celery_broker_url" if arguments == ("worker",) else "airflow_url"
    good, said = used.run(
        "python",
        "/opt/project/docker/health.py",
        *arguments,
        binds={f"/run/secrets/{name}": secret},
    )
    return not good and "refused" in said.lower(), said.splitlines()[-1] if said else ""
