"""What the last stage of the Dockerfile says: enough to lay its image out from the checkout."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from include.platform.stack.errors import ComposeError
from include.platform.stack.instructions import Instruction, read_instructions


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
    workdir = _only(stage, "WORKDIR").text
    copies = []
    for step in stage:
        if step.name != "COPY" or step.flags:
            continue  # from the stage before: the environment, which the checkout has
        source, target = step.words
        copies.append((source, str(Path(workdir) / target)))
    ignored = path.with_name(path.name + ".dockerignore").read_text().split()
    kept_out = [source for source, _ in copies if f"!{source}" not in ignored]
    if "*" in ignored and kept_out:
        raise ComposeError(f"{path.name} copies what its ignore file keeps out: {kept_out}")
    environment: dict[str, str] = {}
    for step in stage:
        if step.name == "ENV":
            environment |= dict(word.split("=", 1) for word in step.words)
    uid, _, gid = _only(stage, "USER").text.partition(":")
    entrypoint = _only(stage, "ENTRYPOINT").words
    return Recipe(
        tuple(copies), environment, workdir, entrypoint, int(uid), int(gid), _folders(stage)
    )


def _last_stage(text: str) -> list[Instruction]:
    """Return the instructions after the last FROM."""
    found = read_instructions(text)
    start = max(index for index, step in enumerate(found) if step.name == "FROM")
    return found[start + 1 :]


def _folders(stage: list[Instruction]) -> tuple[OwnedFolder, ...]:
    """Return what `install -d` makes for the user, and the user's home."""
    found = []
    for step in stage:
        if step.name != "RUN":
            continue
        for made in re.findall(r"install -d -o \w+ -g \w+ -m (\d+) ([^&|;]+)", step.text):
            found += [OwnedFolder(path, made[0]) for path in made[1].split()]
        for user in re.findall(r"useradd .*--create-home .*?(\w+)(?:\s*$|\s*&&)", step.text):
            found.append(OwnedFolder(f"/home/{user}", "0700"))
    return tuple(found)


def _only(stage: list[Instruction], name: str) -> Instruction:
    found = [step for step in stage if step.name == name]
    if not found:
        raise ComposeError(f"the Dockerfile has no {name}")
    return found[-1]
