"""Images without an engine: ours laid out from the checkout, foreign ones by what stands in."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from include.platform.layout import PROJECT_ROOT
from include.platform.stack.compose import Compose, Service
from include.platform.stack.dockerfile import OwnedFolder, Recipe, read_dockerfile
from include.platform.stack.errors import ComposeError, MachineError
from include.platform.stack.home import StackHome

OURS = "fex/platform"
VENV = "/opt/venv"
INIT = ("/usr/bin/tini", "--")
"""Number 1 of services that ask for an init, and of stand-ins that do not end by themselves."""
STANDINS = Path(__file__).parent / "standins"
_STORE_PORT = 9000
_SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True, slots=True)
class Image:
    """How a service's image is had on this machine.

    Attributes:
        is_ours: The project and its environment are inside.
        needs_python: The environment alone is inside.
        stands_in: What runs in place of the image, for people.
        entrypoint: In front of the command, unless the service has its own.
        command: In place of entry point and command of the service; None: those run.
        health_test: In place of the service's own test.
        owner: Who owns `folders`.
        folders: Folders of the image that a fresh volume takes its owner from.
        files: Files of this machine at places inside.
        stop_signal: What the image asks to be ended with.
    """

    is_ours: bool
    needs_python: bool
    stands_in: str
    environment: Mapping[str, str]
    workdir: str
    owner: tuple[int, int]
    folders: tuple[OwnedFolder, ...] = ()
    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] | None = None
    health_test: tuple[str, ...] | None = None
    files: Mapping[str, Path] = field(default_factory=dict)
    stop_signal: signal.Signals = signal.SIGTERM


def image_of(service: Service) -> Image:
    """Return how a service's image is had here.

    Raises:
        ComposeError: Nothing is known to stand in for it.
        MachineError: What stands in for it is not installed.
    """
    name = service.image.partition(":")[0]
    owner = (service.uid, service.gid)
    python = f"{VENV}/bin/python"
    plain = {"PATH": f"{VENV}/bin:{_SYSTEM_PATH}"}
    if name == OURS:
        recipe = read_dockerfile(PROJECT_ROOT / "docker" / "Dockerfile")
        return _ours(recipe)
    if name == "postgres":
        programs = postgres_programs()
        return Image(
            is_ours=False,
            needs_python=False,
            stands_in=f"Debian's PostgreSQL {programs.parent.name}",
            environment={"PATH": f"{programs}:{_SYSTEM_PATH}"},
            workdir="/",
            owner=owner,
            folders=(OwnedFolder("/var/lib/postgresql/data", "0700"),),
            # The service's own command is `postgres` and options of the server.
            command=("/bin/sh", "/opt/standin.sh", *(service.command or ())[1:]),
            files={"/opt/standin.sh": STANDINS / "postgres.sh"},
            # As the image: SIGTERM would wait for every client to leave by itself.
            stop_signal=signal.SIGINT,
        )
    if name == "redis":
        return Image(
            is_ours=False,
            needs_python=False,
            stands_in="Debian's Redis",
            environment={"PATH": _SYSTEM_PATH},
            workdir="/data",
            owner=owner,
            folders=(OwnedFolder("/data", "0700"),),
        )
    if name == "minio/minio":
        ask = f"import urllib.request as r; r.urlopen('http://127.0.0.1:{_STORE_PORT}/', timeout=5)"
        return Image(
            is_ours=False,
            needs_python=True,
            stands_in="localbucket",
            environment=plain,
            workdir="/",
            owner=owner,
            folders=(OwnedFolder("/data", "0755"),),
            command=(
                *(*INIT, python, "/opt/store.py"),
                *("--host", "0.0.0.0", "--port", str(_STORE_PORT), "/data"),  # noqa: S104 - leads nowhere
            ),
            files={"/opt/store.py": STANDINS / "store.py"},
            health_test=(python, "-c", ask),
        )
    if name == "minio/mc":
        return Image(
            is_ours=False,
            needs_python=True,
            stands_in="a PUT of the bucket",
            environment=plain,
            workdir="/",
            owner=owner,
            command=(python, "/opt/bucket.py", f"http://store:{_STORE_PORT}/{_bucket()}"),
            files={"/opt/bucket.py": STANDINS / "bucket.py"},
        )
    raise ComposeError(f"{service.name}: nothing stands in for the image {service.image} here")


def _ours(recipe: Recipe) -> Image:
    environment = dict(recipe.environment)
    environment["PATH"] = environment["PATH"].replace("$PATH", _SYSTEM_PATH)
    return Image(
        is_ours=True,
        needs_python=True,
        stands_in="the checkout",
        environment=environment,
        workdir=recipe.workdir,
        owner=(recipe.uid, recipe.gid),
        folders=recipe.folders,
        entrypoint=recipe.entrypoint,
    )


def _bucket() -> str:
    """Return the bucket that `docker/store/init.sh` makes."""
    script = (PROJECT_ROOT / "docker" / "store" / "init.sh").read_text()
    found = re.search(r"mc mb --ignore-existing store/(\S+)", script)
    if not found:
        raise ComposeError("docker/store/init.sh makes no bucket")
    return found[1]


def postgres_programs() -> Path:
    """Return the folder of Debian's newest PostgreSQL.

    Raises:
        MachineError: There is none.
    """
    found = sorted(
        Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: int(path.parts[-3])
    )
    if not found:
        raise MachineError("PostgreSQL is not installed: scripts/production_packages.sh")
    return found[-1].parent


def lay_out(compose: Compose, home: StackHome) -> None:
    """Make what `docker build` would copy, and the environment's scripts as the image has them."""
    recipe = read_dockerfile(PROJECT_ROOT / "docker" / "Dockerfile")
    shutil.rmtree(home.image, ignore_errors=True)
    project = home.image / "project"
    for source, target in recipe.copies:
        here = PROJECT_ROOT / source
        there = project / Path(target).relative_to(recipe.workdir)
        there.parent.mkdir(parents=True, exist_ok=True)
        if here.is_dir():
            shutil.copytree(here, there, ignore=shutil.ignore_patterns("__pycache__", "*.pyc"))
        else:
            shutil.copy(here, there)
    _make_places(compose, recipe, project)
    _copy_scripts(home.image / "bin")
    _compile([project])
    _compile_environment()
    for path in (home.image, *home.image.rglob("*")):
        if not path.is_symlink():
            # As in the image: its user reads everything and writes nothing.
            runs = path.is_dir() or path.stat().st_mode & 0o100
            path.chmod(0o755 if runs else 0o644)


def _compile(folders: Sequence[Path]) -> None:
    """Compile Python sources in folders that no service may write to: once, not in each process."""
    command = [sys.executable, "-m", "compileall", "-q", "-j", "0", "-x", r"/tests?/"]
    # Some packages ship templates of code that do not compile: those are left as they are.
    subprocess.run([*command, *folders], check=False, stdout=subprocess.DEVNULL)


def _compile_environment() -> None:
    """Compile the environment once for each set-up, as the Dockerfile does."""
    venv = environment_folder()
    made, stamp = venv / ".setup-stamp", venv / ".compiled-stamp"
    wanted = made.read_text() if made.exists() else ""
    if stamp.exists() and stamp.read_text() == wanted:
        return
    _compile([venv / "lib"])
    stamp.write_text(wanted)


def _make_places(compose: Compose, recipe: Recipe, project: Path) -> None:
    """Make the places of files that services mount into the project's folder."""
    for service in compose.services.values():
        for mount in service.mounts:
            if mount.target.startswith(recipe.workdir + "/") and not mount.is_volume:
                place = project / Path(mount.target).relative_to(recipe.workdir)
                place.parent.mkdir(parents=True, exist_ok=True)
                place.touch()


def _copy_scripts(target: Path) -> None:
    """Copy the environment's programs; scripts that name its place get that of the image."""
    venv = PROJECT_ROOT / ".venv"
    shutil.copytree(venv / "bin", target, symlinks=True, dirs_exist_ok=True)
    for script in target.iterdir():
        if script.is_symlink() or not script.is_file():
            continue
        text = script.read_bytes()
        if text.startswith(b"#!"):
            for place in {str(venv), str(venv.resolve())}:
                text = text.replace(f"{place}/bin/".encode(), f"{VENV}/bin/".encode())
            script.write_bytes(text)


def environment_folder() -> Path:
    """Return the folder of the project's environment."""
    return (PROJECT_ROOT / ".venv").resolve()


def interpreter_folder() -> Path | None:
    """Return the folder of the environment's interpreter, None where services see it anyway."""
    prefix = Path(sys.base_prefix).resolve()
    return None if prefix.is_relative_to("/usr") else prefix
