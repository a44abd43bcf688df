"""The image that the Dockerfile builds on, made of Debian's packages.

It stands for python:3.11-slim-bookworm and differs from it in this: Python is Debian's 3.11.2 at
/usr/bin with links at /usr/local/bin (theirs is built from source, the release of the tag, at
/usr/local); pip is Debian's; Debian's packages are those of today, not those of the tag's day.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

REPOSITORY, TAG_START, SUITE = "python", "3.11.", "bookworm"
PACKAGES = "ca-certificates,netbase,tzdata,python3,python3-pip"
PROGRAMS = {"python": "python3", "python3": "python3", "python3.11": "python3.11", "pip": "pip3"}
ENVIRONMENT = {
    "PATH": "/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin",
    "LANG": "C.UTF-8",
}
"""What the image sets, but the versions and keys of its own making."""


class BaseError(Exception):
    """The base cannot be made; the message says what to do."""


def stands_for(image: str) -> bool:
    """Tell whether an image is one that this base stands for."""
    name, _, tag = image.partition("@")[0].partition(":")
    return name == REPOSITORY and tag.startswith(TAG_START) and tag.endswith(f"-slim-{SUITE}")


def make_base(target: Path) -> None:
    """Make the base, unless it is there whole.

    Raises:
        BaseError: The program that makes it is not installed, or did not succeed.
    """
    done = target / "usr" / "local" / "bin" / "python"
    if done.is_symlink():
        return
    if not shutil.which("mmdebstrap"):
        raise BaseError("mmdebstrap is not installed: apt-get install mmdebstrap")
    shutil.rmtree(target, ignore_errors=True)
    command = ["mmdebstrap", "--quiet", "--variant=minbase", f"--include={PACKAGES}"]
    command += ["--dpkgopt=force-unsafe-io"]  # as in the image's own base
    made = subprocess.run([*command, SUITE, target], check=False, capture_output=True, text=True)
    if made.returncode:
        raise BaseError(f"mmdebstrap ended with {made.returncode}: {made.stderr[-600:]}")
    finish(target)


def finish(target: Path) -> None:
    """Make Debian's Python look as the image's does."""
    for name in ("resolv.conf", "hosts", "hostname"):  # an engine mounts its own there
        (target / "etc" / name).write_text("")
    # Debian keeps pip from its own Python; the image's Python is nobody else's.
    (target / "usr/lib/python3.11/EXTERNALLY-MANAGED").unlink(missing_ok=True)
    for name, program in PROGRAMS.items():
        link = target / "usr" / "local" / "bin" / name
        if name != "python":
            link.symlink_to(f"/usr/bin/{program}")
    (target / "usr/local/bin/python").symlink_to("/usr/bin/python3")  # last: it is whole
