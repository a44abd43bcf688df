"""Build `.venv` from the lock. Standard library only; run by `scripts/setup.sh`.

Does nothing when the stamp of the last complete set-up matches the lock files.
Safe to interrupt: the stamp goes first and comes back last.
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import os
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import unquote

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
TOOLS = ROOT / ".tools"
UV_VERSION = "0.13.8"
UV_LOCK = "requirements-uv.txt"
LOCKS = ("requirements.txt", "requirements-dev.txt")
TORCH_LOCKS = {"cpu": "requirements-torch-cpu.txt", "cuda": "requirements-torch-cuda.txt"}
OVERRIDES = "overrides.txt"
CPU_BUILD_FOR = ("linux", "x86_64", (3, 11))
"""The machine whose CPU build of torch the lock knows by its hash."""
CPU_BUILDS = "https://download.pytorch.org/whl/cpu/"
STAMP = VENV / ".setup-stamp"

# The opencv builds share the folder cv2: whichever is unpacked last wins, so
# only the headless one may be there. torchvision fails at import when its
# operators do not match the installed torch; find out here, not in a task.
VERIFY = """
import importlib.metadata as metadata
rivals = ["opencv-python", "opencv-contrib-python", "opencv-contrib-python-headless"]
for name in rivals:
    try:
        metadata.version(name)
    except metadata.PackageNotFoundError:
        continue
    raise SystemExit(f"{name} is installed beside opencv-python-headless")
import cv2, torch
from ml.models.torchvision_compat import import_torchvision
print(f"setup: opencv {cv2.__version__} (headless), torch {torch.__version__}, "
      f"torchvision {import_torchvision().__version__}")
"""


class SetupError(Exception):
    """Set-up cannot go on; the message says what to do."""


def say(message: str) -> None:
    """Print one line of progress."""
    print(f"setup: {message}", flush=True)


def run(command: Sequence[str | Path], *, env: dict[str, str] | None = None) -> None:
    """Run a command in the checkout; SetupError when it fails."""
    try:
        subprocess.run([str(part) for part in command], cwd=ROOT, env=env, check=True)
    except subprocess.CalledProcessError as error:
        shown = " ".join(str(part) for part in command[:4])
        raise SetupError(f"`{shown} ...` ended with status {error.returncode}") from error


def pip_setting(name: str) -> str | None:
    """Return pip's configured value (environment first), as pip itself would."""
    if value := os.environ.get("PIP_" + name.upper().replace("-", "_")):
        return value
    for section in ("install", "global"):
        found = subprocess.run(
            [sys.executable, "-m", "pip", "config", "get", f"{section}.{name}"],
            capture_output=True,
            text=True,
            check=False,
        )
        if found.returncode == 0 and found.stdout.strip():
            return found.stdout.strip()
    return None


def clean_environment() -> dict[str, str]:
    """Return the environment for pip and uv without an extra index.

    An extra index that cannot be reached makes every package wait on retries.
    """
    env = dict(os.environ)
    env.pop("PIP_EXTRA_INDEX_URL", None)
    env.pop("VIRTUAL_ENV", None)
    env["PIP_DISABLE_PIP_VERSION_CHECK"] = "1"
    certificates = pip_setting("cert")
    if certificates and Path(certificates).is_file():
        env["PIP_CERT"] = certificates
        env.setdefault("SSL_CERT_FILE", certificates)
    return env


def find_uv(env: dict[str, str]) -> Path:
    """Return uv: the one on PATH, or one installed for this checkout."""
    if on_path := shutil.which("uv"):
        return Path(on_path)
    uv = TOOLS / "uv" / "bin" / "uv"
    if _answers(uv):
        return uv
    say(f"installing uv {UV_VERSION} for this checkout")
    shutil.rmtree(uv.parent.parent, ignore_errors=True)
    made = subprocess.run(
        [sys.executable, "-m", "venv", uv.parent.parent],
        capture_output=True,
        text=True,
        check=False,
    )
    if made.returncode != 0:
        raise SetupError(
            f"{sys.executable} cannot make a virtual environment "
            "(Debian, Ubuntu: apt-get install python3-venv)\n" + made.stdout + made.stderr
        )
    pip = [uv.parent / "python", "-m", "pip", "install", "--quiet"]
    pip += ["--require-hashes", "-r", UV_LOCK]
    index = pip_setting("index-url")
    plain = dict(env, PIP_CONFIG_FILE=os.devnull)
    try:
        run([*pip, *(["--index-url", index] if index else [])], env=plain)
    except SetupError:
        say("trying again with pip's own configuration")
        run(pip, env=dict(os.environ))
    return uv


def _answers(program: Path, expected: str = "") -> bool:
    """Tell whether the program runs and its version line starts as expected."""
    try:
        asked = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
    except OSError:
        return False
    return asked.returncode == 0 and asked.stdout.startswith(expected)


def source_options(backend: str) -> list[str]:
    """Return where uv looks for packages: pip's index and find-links."""
    options: list[str] = []
    if index := pip_setting("index-url"):
        options += ["--default-index", index]
    # A CPU wheel in a local folder would win over the index: not for CUDA.
    for link in find_links() if backend == "cpu" else ():
        options += ["--find-links", link]
    return options


def find_links() -> list[str]:
    """Return pip's configured folders and pages of wheels."""
    return (pip_setting("find-links") or "").split()


def torch_options(backend: str) -> tuple[list[str | Path], list[str | Path]]:
    """Return what brings torch: options beside the lock, and those of a second call (or none).

    Of torch's CPU builds PyTorch's index has one for each system and Python. The lock knows
    that of `CPU_BUILD_FOR` by its hash, and it is fetched by its address: the index as a whole
    has builds of torchvision as well, which are not those of the lock.
    """
    if backend == "cuda":
        return ["-r", TORCH_LOCKS["cuda"]], []
    locked = (ROOT / TORCH_LOCKS["cpu"]).read_text()
    if (sys.platform, platform.machine(), sys.version_info[:2]) != CPU_BUILD_FOR:
        say("the lock has no hash of torch's CPU build for this machine: it is taken without")
        return [], ["--torch-backend", "cpu", f"torch=={torch_release(locked)}"]
    address = locked.partition("torch @ ")[2].split()[0]
    name = unquote(address.rpartition("/")[2])
    for link in find_links():
        wheel = Path(link) / name
        if wheel.is_file():
            say(f"CPU build of torch found: {name}")
            locked = locked.replace(address, wheel.resolve().as_uri())
    requirement = TOOLS / TORCH_LOCKS["cpu"]
    requirement.write_text(locked)
    return ["-r", requirement], []


def torch_release(locked: str) -> str:
    """Return the release of torch that a lock names by its wheel, without its build."""
    return unquote(locked.partition("/torch-")[2]).partition("+")[0]


def fingerprint(backend: str) -> str:
    """Return what a finished set-up depends on."""
    digest = hashlib.sha256()
    for name in (UV_LOCK, *LOCKS, TORCH_LOCKS[backend], OVERRIDES):
        digest.update((ROOT / name).read_bytes())
    digest.update(Path(__file__).read_bytes())
    digest.update(f"{backend} {sys.version_info[:2]}".encode())
    return digest.hexdigest()


def is_current(wanted: str) -> bool:
    """Tell whether the last complete set-up had the same inputs."""
    try:
        return STAMP.read_text().strip() == wanted and os.access(VENV / "bin" / "python", os.X_OK)
    except OSError:
        return False


def build(backend: str, wanted: str) -> None:
    """Install exactly the lock and verify it; the stamp goes first and comes back last."""
    started = time.monotonic()
    STAMP.unlink(missing_ok=True)
    env = clean_environment()
    uv = find_uv(env)
    python = VENV / "bin" / "python"
    if not _answers(python, f"Python {sys.version_info[0]}.{sys.version_info[1]}."):
        run([uv, "venv", "--quiet", "--clear", "--python", sys.executable, VENV], env=env)
    say(f"installing the lock (torch for {backend})")
    install = [uv, "pip", "install", "--quiet", "--python", python, *source_options(backend)]
    beside, afterwards = torch_options(backend)
    locks = [part for name in LOCKS for part in ("-r", name)]
    checked = ["--exact", "--require-hashes", "--override", OVERRIDES]
    # Without torch its dependants cannot be resolved: what the lock lists is all there is.
    run([*install, *checked, *locks, *beside, *(["--no-deps"] if afterwards else [])], env=env)
    if afterwards:
        run([*install, "--no-deps", *afterwards], env=env)
    say("verifying")
    run([python, "-c", VERIFY], env=dict(env, PYTHONPATH=str(ROOT)))
    STAMP.write_text(wanted + "\n")
    say(f"ready in {time.monotonic() - started:.0f} s")


def lock(*, upgrade: bool) -> None:
    """Resolve the short lists into the full lock, each file that may be installed by its hash.

    torch has files of its own, one for each build: its releases differ in name ("+cpu"), in
    their hashes and, for CUDA, in the libraries that come with them.
    """
    env = clean_environment()
    uv = find_uv(env)
    resolve = [uv, "pip", "compile", "--quiet", "--python-version", "3.11", "--generate-hashes"]
    resolve += ["--override", OVERRIDES, "--custom-compile-command", "make lock"]
    resolve += ["--no-emit-find-links"]
    upgrading = ["--upgrade"] if upgrade else []
    sources = source_options("cpu")
    if not any(Path(link).is_dir() for link in find_links()):
        sources += ["--torch-backend", "cpu"]
    for name in LOCKS:
        target, draft = ROOT / name, ROOT / f"{name}.new"
        draft.write_text(target.read_text() if target.exists() else "")
        source = name.replace(".txt", ".in")
        run([*resolve, source, "-o", draft.name, *upgrading, *sources], env=env)
        rest, torch = split_torch(draft.read_text().replace(".txt.new", ".txt"))
        draft.write_text(rest)
        draft.replace(target)
        if torch:
            (ROOT / TORCH_LOCKS["cpu"]).write_text(torch)
    release = torch_release((ROOT / TORCH_LOCKS["cpu"]).read_text())
    for name, requirement, options in (
        (TORCH_LOCKS["cuda"], f"torch=={release}", ["--constraint", LOCKS[0]]),
        (UV_LOCK, f"uv=={UV_VERSION}", ["--no-deps"]),
    ):
        wanted = ROOT / f"{name}.new"
        wanted.write_text(requirement + "\n")
        try:
            where = ["--no-annotate", *source_options("cuda")]
            run([*resolve, wanted.name, "-o", name, *options, *where], env=env)
        finally:
            wanted.unlink()
    say(f"{', '.join((*LOCKS, *TORCH_LOCKS.values(), UV_LOCK))} written")


def split_torch(locked: str) -> tuple[str, str]:
    """Return a lock without torch, and torch's CPU build by its address and hashes.

    The second is empty where the lock has no torch.
    """
    head, mark, entry = locked.partition("\ntorch==")
    if not mark:
        return locked, ""
    lines = entry.splitlines(keepends=True)
    end = next((n for n, line in enumerate(lines) if n and not line.startswith(" ")), len(lines))
    hashes = [line.strip(" \\\n") for line in lines[:end] if "--hash=" in line]
    system, machine, (major, minor) = CPU_BUILD_FOR
    python = f"cp{major}{minor}"
    release = lines[0].split()[0].partition("+")[0]
    wheel = f"torch-{release}%2Bcpu-{python}-{python}-many{system}_2_28_{machine}.whl"
    torch = " \\\n    ".join([f"torch @ {CPU_BUILDS}{wheel}", *hashes])
    return f"{head}\n{''.join(lines[end:])}", f"# torch for CPU, made by `make lock`.\n{torch}\n"


def main() -> int:
    """Set up, or lock, and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lock", action="store_true", help="write the lock instead of installing")
    parser.add_argument("--upgrade", action="store_true", help="with --lock: newest releases")
    arguments = parser.parse_args()
    backend = os.environ.get("TORCH_BACKEND", "cpu")
    try:
        if backend not in ("cpu", "cuda"):
            raise SetupError(f"TORCH_BACKEND is cpu or cuda, not {backend!r}")
        if arguments.lock:
            lock(upgrade=arguments.upgrade)
            return 0
        wanted = fingerprint(backend)
        if is_current(wanted):
            return 0
        TOOLS.mkdir(exist_ok=True)
        with (TOOLS / "setup.lock").open("w") as guard:
            fcntl.flock(guard, fcntl.LOCK_EX)
            if not is_current(wanted):
                build(backend, wanted)
    except SetupError as error:
        print(f"setup: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("setup: interrupted; run it again to finish", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
