"""Build `.venv` from the lock. Standard library only; run by `scripts/setup.sh`.

Does nothing when the stamp of the last complete set-up matches the lock files.
Safe to interrupt: the stamp goes first and comes back last.
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
TOOLS = ROOT / ".tools"
UV_VERSION = "0.13.8"
LOCKS = ("requirements.txt", "requirements-dev.txt", "overrides.txt")
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
    pip = [uv.parent / "python", "-m", "pip", "install", "--quiet", f"uv=={UV_VERSION}"]
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
    """Return where uv looks for packages: pip's index and find-links, and torch's build."""
    options: list[str] = []
    if index := pip_setting("index-url"):
        options += ["--default-index", index]
    # A CPU wheel in a local folder would win over the index: not for CUDA.
    links = (pip_setting("find-links") or "").split() if backend == "cpu" else []
    for link in links:
        options += ["--find-links", link]
    if backend == "cpu":
        local = [
            wheel.name
            for link in links
            if Path(link).is_dir()
            for wheel in Path(link).glob("torch-*+cpu-*.whl")
        ]
        if local:
            say(f"CPU build of torch found: {local[0]}")
        else:
            options += ["--torch-backend", "cpu"]
    return options


def fingerprint(backend: str) -> str:
    """Return what a finished set-up depends on."""
    digest = hashlib.sha256()
    for name in LOCKS:
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
    locks = [part for name in LOCKS if name != "overrides.txt" for part in ("-r", name)]
    run(
        [
            *(uv, "pip", "install", "--quiet", "--python", python, "--exact"),
            *(*locks, "--override", "overrides.txt", *source_options(backend)),
        ],
        env=env,
    )
    say("verifying")
    run([python, "-c", VERIFY], env=dict(env, PYTHONPATH=str(ROOT)))
    STAMP.write_text(wanted + "\n")
    say(f"ready in {time.monotonic() - started:.0f} s")


def lock(*, upgrade: bool) -> None:
    """Resolve the short lists into the full lock."""
    env = clean_environment()
    uv = find_uv(env)
    options = ["--quiet", "--python-version", "3.11", "--override", "overrides.txt"]
    options += ["--custom-compile-command", "make lock", "--no-emit-find-links"]
    options += ["--upgrade"] if upgrade else []
    sources = source_options("cpu")
    for source in ("requirements", "requirements-dev"):
        target, draft = ROOT / f"{source}.txt", ROOT / f"{source}.txt.new"
        # The lock names a release of torch without its build ("+cpu"). Left in the
        # draft, that pin would pull the CUDA build and its libraries into the lock.
        pins = target.read_text().splitlines(keepends=True) if target.exists() else []
        draft.write_text("".join(line for line in pins if not line.startswith("torch==")))
        run([uv, "pip", "compile", f"{source}.in", "-o", draft.name, *options, *sources], env=env)
        draft.write_text(draft.read_text().replace("+cpu", "").replace(".txt.new", ".txt"))
        draft.replace(target)
    say("requirements.txt and requirements-dev.txt written")


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
