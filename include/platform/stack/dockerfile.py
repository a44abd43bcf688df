"""What the last stage of the Dockerfile says: enough to lay its image out from the checkout."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from include.platform.stack.errors import ComposeError


@dataclass(frozen=True, slots=True)
class OwnedFolder:
    """A folder that the image gives to its user; `mode` as chmod takes it."""

    path: str
    mode: str


@dataclass(frozen=True, slots=True)
class Recipe:
    """The image as its Dockerfile describes it."""

    copies: tuple[tuple[str, str], ...]
    """Source in the checkout, target in the image."""
    environment: Mapping[str, str]
    workdir: str
    entrypoint: tuple[str, ...]
    uid: int
    gid: int
    folders: tuple[OwnedFolder, ...]


def read_dockerfile(path: Path) -> Recipe:
    """Read the last stage of a Dockerfile.

    Raises:
        ComposeError: What it copies is kept out by its ignore file, or it does not say what an
            image of ours has to: user, entry point, place.
    """
    stage = _last_stage(path.read_text())
    workdir = _only(stage, "WORKDIR")
    copies = []
    for words in (shlex.split(rest) for name, rest in stage if name == "COPY"):
        if words[0].startswith("--"):
            continue  # from the stage before: the environment, which the checkout has
        source, target = words
        copies.append((source, str(Path(workdir) / target)))
    ignored = path.with_name(path.name + ".dockerignore").read_text().split()
    kept_out = [source for source, _ in copies if f"!{source}" not in ignored]
    if "*" in ignored and kept_out:
        raise ComposeError(f"{path.name} copies what its ignore file keeps out: {kept_out}")
    environment: dict[str, str] = {}
    for words in (shlex.split(rest) for name, rest in stage if name == "ENV"):
        environment |= dict(word.split("=", 1) for word in words)
    uid, _, gid = _only(stage, "USER").partition(":")
    entrypoint = tuple(re.findall(r'"([^"]*)"', _only(stage, "ENTRYPOINT")))
    return Recipe(
        tuple(copies), environment, workdir, entrypoint, int(uid), int(gid), _folders(stage)
    )


def _last_stage(text: str) -> list[tuple[str, str]]:
    """Return the instructions after the last FROM, with what follows each of them."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    joined = "\n".join(lines).replace("\\\n", " ")
    pairs = [line.strip().partition(" ") for line in joined.splitlines() if line.strip()]
    found = [(name, rest.strip()) for name, _, rest in pairs]
    start = max(index for index, (name, _) in enumerate(found) if name == "FROM")
    return found[start + 1 :]


def _folders(stage: list[tuple[str, str]]) -> tuple[OwnedFolder, ...]:
    """Return what `install -d` makes for the user, and the user's home."""
    found = []
    for name, rest in stage:
        if name != "RUN":
            continue
        for made in re.findall(r"install -d -o \w+ -g \w+ -m (\d+) ([^&|;]+)", rest):
            found += [OwnedFolder(path, made[0]) for path in made[1].split()]
        for user in re.findall(r"useradd .*--create-home .*?(\w+)(?:\s*$|\s*&&)", rest):
            found.append(OwnedFolder(f"/home/{user}", "0700"))
    return tuple(found)


def _only(stage: list[tuple[str, str]], name: str) -> str:
    found = [rest for instruction, rest in stage if instruction == name]
    if not found:
        raise ComposeError(f"the Dockerfile has no {name}")
    return found[-1]
