"""Runs the steps of a Dockerfile in their order, without an engine."""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from include.platform.stack.errors import ComposeError
from include.platform.stack.instructions import Instruction, read_instructions
from scripts.image import base
from scripts.image.context import Ignored, files_below
from scripts.image.sandbox import Program, mounted, run, size_bytes

SHELL = ("/bin/sh", "-c")
_VARIABLE = re.compile(r"\$(?:(\w+)|\{(\w+)(?::-([^}]*))?\})")


class BuildError(Exception):
    """A step cannot be carried out; the message names its line."""


@dataclass(slots=True)
class Stage:
    """A stage as far as it was built: the layers of its tree, and what its image says."""

    name: str
    layers: list[Path]
    environment: dict[str, str]
    arguments: dict[str, str] = field(default_factory=dict)
    workdir: str = "/"
    user: str = "0:0"
    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    health: str = ""
    sizes: list[tuple[str, int]] = field(default_factory=list)
    """Each step that wrote something, and its bytes."""


@dataclass(frozen=True, slots=True)
class Machine:
    """What a build takes of the machine that an image has no part in.

    Attributes:
        work: Folder for layers.
        environment: What tells package clients where packages are.
        binds: Place inside -> file or folder that these, and the network, need.
        replaced: File of the checkout -> what stands in for it.
    """

    work: Path
    environment: Mapping[str, str]
    binds: Mapping[str, Path]
    replaced: Mapping[str, Path]


class Build:
    """One run through a Dockerfile.

    Args:
        root: The checkout.
        file: The Dockerfile; its ignore file stands beside it.
        machine: What is taken of this machine.
        tell: Called with a line for each step.
    """

    def __init__(
        self, root: Path, file: Path, machine: Machine, tell: Callable[[str], None]
    ) -> None:
        self._root = root
        self._machine = machine
        self._tell = tell
        self._ignored = Ignored(file.with_name(file.name + ".dockerignore").read_text())
        self._steps = read_instructions(file.read_text())
        self._stages: list[Stage] = []
        self._layers = 0
        self._global: dict[str, str] = {}
        self._acts: dict[str, Callable[[Instruction], None]] = {
            "FROM": self._from,
            "ARG": self._arg,
            "ENV": self._env,
            "WORKDIR": self._workdir,
            "COPY": self._copy,
            "RUN": self._run,
            "USER": self._user,
            "ENTRYPOINT": self._entrypoint,
            "CMD": self._cmd,
            "HEALTHCHECK": self._healthcheck,
        }

    def run(self) -> Stage:
        """Carry out every step and return the last stage.

        Raises:
            BuildError: An instruction is not known, or a step did not succeed.
        """
        for step in self._steps:
            if step.name not in self._acts:
                raise BuildError(f"line {step.line}: {step.name} is not known here")
        for step in self._steps:
            self._tell(f"line {step.line}: {step.name} {step.text[:80]}")
            started = time.monotonic()
            try:
                self._acts[step.name](step)
            except (ComposeError, OSError, ValueError) as error:
                raise BuildError(f"line {step.line}: {error}") from error
            if step.name in ("RUN", "COPY", "FROM"):
                self._tell(f"    {time.monotonic() - started:.0f} s")
        return self._stages[-1]

    @property
    def _stage(self) -> Stage:
        if not self._stages:
            raise ValueError("stands before the first FROM")
        return self._stages[-1]

    def _expand(self, text: str) -> str:
        return _put_in(text, {**self._stage.arguments, **self._stage.environment})

    def _from(self, step: Instruction) -> None:
        image, *rest = _put_in(step.text, self._global).split()
        _no_flags(step)
        name = rest[1] if len(rest) == 2 and rest[0].upper() == "AS" else str(len(self._stages))
        for earlier in self._stages:
            if earlier.name == image:
                before = earlier
                stage = Stage(name, list(before.layers), dict(before.environment))
                stage.workdir, stage.user = before.workdir, before.user
                stage.entrypoint, stage.command = before.entrypoint, before.command
                self._stages.append(stage)
                return
        if not base.stands_for(image):
            raise ValueError(f"nothing stands for the image {image}")
        place = self._machine.work / "base"
        base.make_base(place)
        stage = Stage(name, [place], dict(base.ENVIRONMENT))
        stage.sizes.append((f"FROM {image}", size_bytes(place)))
        self._stages.append(stage)

    def _arg(self, step: Instruction) -> None:
        name, has_value, value = step.text.partition("=")
        if self._stages:
            value = self._expand(value) if has_value else self._global.get(name, "")
            self._stage.arguments[name] = value
        else:
            self._global[name] = _put_in(value, self._global)

    def _env(self, step: Instruction) -> None:
        for word in step.words:
            name, is_pair, value = word.partition("=")
            if not is_pair:
                raise ValueError("ENV is to be NAME=value")
            self._stage.environment[name] = self._expand(value)

    def _workdir(self, step: Instruction) -> None:
        stage = self._stage
        stage.workdir = os.path.normpath(Path(stage.workdir) / self._expand(step.text))
        with self._writing(step) as root:
            (root / stage.workdir.lstrip("/")).mkdir(parents=True, exist_ok=True)

    def _user(self, step: Instruction) -> None:
        self._stage.user = self._expand(step.text)

    def _entrypoint(self, step: Instruction) -> None:
        self._stage.entrypoint = step.listed or (*SHELL, step.text)

    def _cmd(self, step: Instruction) -> None:
        self._stage.command = step.listed or (*SHELL, step.text)

    def _healthcheck(self, step: Instruction) -> None:
        self._stage.health = step.text

    def _copy(self, step: Instruction) -> None:
        flags = dict(step.flags)
        unknown = flags.keys() - {"from", "chown", "chmod"}
        if unknown:
            raise ValueError(f"COPY --{min(unknown)} is not known here")
        *sources, target = (self._expand(word) for word in step.words)
        stage = self._stage
        place = target if target.startswith("/") else f"{stage.workdir}/{target}"
        into_folder = target.endswith("/") or len(sources) > 1 or target in (".", "./")
        with self._writing(step) as root:
            there = root / place.lstrip("/")
            copied: list[Path] = []
            if "from" in flags:
                copied = self._copy_from(flags["from"], sources, there, into_folder=into_folder)
            else:
                for source in sources:
                    copied += self._copy_in(source, there, into_folder=into_folder)
            if not copied:
                raise ValueError(f"{' '.join(sources)}: nothing of it reaches the build")
            uid, gid = owner(root, flags.get("chown", "0:0"))
            for path in (
                (there, *there.rglob("*")) if "from" not in flags or "chown" in flags else ()
            ):
                os.chown(path, uid, gid, follow_symlinks=False)
                if "chmod" in flags:
                    path.chmod(int(flags["chmod"], 8))

    def _copy_in(self, source: str, there: Path, *, into_folder: bool) -> list[Path]:
        """Copy a file, or what a folder holds, out of the checkout."""
        copied = []
        for name in files_below(self._root, source, self._ignored):
            here = self._machine.replaced.get(name.as_posix(), self._root / name)
            if (self._root / source).is_dir():
                target = there / name.relative_to(source)
            else:
                target = there / name.name if into_folder else there
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(here, target, follow_symlinks=False)
            copied.append(target)
        return copied

    def _copy_from(
        self, name: str, sources: list[str], there: Path, *, into_folder: bool
    ) -> list[Path]:
        """Copy out of a stage before, root's, with modes as they are there."""
        found = [stage for stage in self._stages[:-1] if stage.name == name]
        if not found:
            raise ValueError(f"no stage before is called {name}")
        copied = []
        with mounted(found[0].layers, self._new_layer()) as other:
            for source in sources:
                here = other / source.lstrip("/")
                target = there / here.name if into_folder and here.is_file() else there
                target.parent.mkdir(parents=True, exist_ok=True)
                if here.is_dir():
                    shutil.copytree(here, target, symlinks=True, dirs_exist_ok=True)
                else:
                    shutil.copy2(here, target)
                copied.append(target)
        return copied

    def _run(self, step: Instruction) -> None:
        stage = self._stage
        binds = dict(self._machine.binds)
        writable = set()
        for flag, value in step.flags:
            options = dict(word.partition("=")[::2] for word in value.split(","))
            if flag != "mount" or options.get("type") != "cache" or "target" not in options:
                raise ValueError(f"RUN --{flag}={value} is not known here")
            cache = self._machine.work / "caches" / options["target"].strip("/").replace("/", "-")
            cache.mkdir(parents=True, exist_ok=True)
            binds[options["target"]] = cache
            writable.add(options["target"])
        with self._writing(step) as root:
            uid, gid = owner(root, stage.user)
            home = {"HOME": "/root"} if uid == 0 else {}
            known = {**home, **stage.arguments, **stage.environment, **self._machine.environment}
            ended = run(
                root,
                Program(
                    step.listed or (*SHELL, step.text),
                    known,
                    workdir=stage.workdir,
                    user=(uid, gid),
                    binds=binds,
                    writable=frozenset(writable),
                ),
            )
        if ended.returncode:
            raise ValueError(f"RUN ended with {ended.returncode}\n{ended.stdout[-3000:]}")

    def _new_layer(self) -> Path:
        layers = self._machine.work / "layers"
        layers.mkdir(exist_ok=True)
        self._layers += 1
        return layers / str(self._layers)

    def _writing(self, step: Instruction) -> _Writing:
        return _Writing(self._stage, self._new_layer(), f"{step.name} {step.text[:60]}")


class _Writing:
    """The stage's tree while a step writes to it: a layer more, and its size."""

    def __init__(self, stage: Stage, layer: Path, title: str) -> None:
        self._stage, self._layer, self._title = stage, layer, title
        self._tree = mounted(list(stage.layers), layer)

    def __enter__(self) -> Path:
        return self._tree.__enter__()

    def __exit__(self, *problem: object) -> None:
        self._tree.__exit__(*problem)  # type: ignore[arg-type]
        self._stage.layers.append(self._layer)
        self._stage.sizes.append((self._title, size_bytes(self._layer)))


def owner(root: Path, text: str) -> tuple[int, int]:
    """Return the numbers of a user and group of an image: `50000:50000`, `fex`, `fex:fex`.

    Raises:
        ValueError: The image has nobody of that name.
    """
    user, _, group = text.partition(":")
    uid, its_group = _number(root / "etc/passwd", user)
    gid = _number(root / "etc/group", group)[0] if group else its_group
    return uid, gid


def _number(table: Path, name: str) -> tuple[int, int]:
    """Return the number of a name, and the one after it (a user's group)."""
    rows = [line.split(":") for line in table.read_text().splitlines()]
    for row in rows:
        if name in (row[0], row[2]):
            return int(row[2]), int(row[3]) if row[3].isdigit() else 0
    if name.isdigit():
        return int(name), 0
    raise ValueError(f"the image has no {name} in {table.name}")


def _put_in(text: str, known: Mapping[str, str]) -> str:
    return _VARIABLE.sub(lambda found: known.get(found[1] or found[2]) or found[3] or "", text)


def _no_flags(step: Instruction) -> None:
    if step.flags:
        raise ValueError(f"{step.name} --{step.flags[0][0]} is not known here")
