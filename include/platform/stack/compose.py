"""Reads a compose file into frozen values: what the stack is, said once.

Only what the project's own file uses is understood. A key that is not known stops the reading:
a runner that passes over one would run something else than an engine does.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import Any

import yaml

from include.platform.stack.errors import ComposeError

HARDENING = {"security_opt": ["no-new-privileges:true"], "cap_drop": ["ALL"]}
"""What every service has to ask for: here no service gets more."""
NOT_KEPT = frozenset({"build", "logging", "networks"})
"""Known and without effect here: images are laid out from the checkout, logs are files, all
the services' networks are one that leads nowhere."""
_READ = frozenset(
    {
        *("image", "command", "entrypoint", "environment", "secrets", "user", "init", "restart"),
        *("read_only", "tmpfs", "volumes", "depends_on", "healthcheck", "deploy", "ports"),
        *("stop_grace_period", "shm_size", "network_mode"),
    }
)
_HEALTH_KEYS = frozenset(
    {"test", "interval", "timeout", "retries", "start_period", "start_interval"}
)
_VARIABLE = re.compile(r"\$(?:(\$)|\{(\w+)(?::-([^}]*))?\})")
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_BYTES = {"b": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30}


class Condition(StrEnum):
    """What a service waits for in another one."""

    STARTED = "service_started"
    HEALTHY = "service_healthy"
    COMPLETED = "service_completed_successfully"


class Restart(StrEnum):
    """What happens when a service has ended."""

    NEVER = "no"
    UNLESS_STOPPED = "unless-stopped"


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """How a service is asked whether it works.

    `start_interval_s` applies until the first success or the end of `start_period_s`; failures
    in that time do not count. Defaults are those of Docker's engine.
    """

    test: tuple[str, ...]
    interval_s: float = 30.0
    timeout_s: float = 30.0
    retries: int = 3
    start_period_s: float = 0.0
    start_interval_s: float = 5.0


@dataclass(frozen=True, slots=True)
class Mount:
    """A file or folder of the project, or a named volume, inside a service."""

    source: str
    target: str
    read_only: bool

    @property
    def is_volume(self) -> bool:
        """Whether the source is a named volume."""
        return not self.source.startswith((".", "/"))


@dataclass(frozen=True, slots=True)
class Tmpfs:
    """A folder in memory; `options` are those of mount(8)."""

    target: str
    options: str


@dataclass(frozen=True, slots=True)
class Limits:
    """What a service may use at most; None: no limit."""

    memory_bytes: int | None = None
    cpus: float | None = None
    pids: int | None = None


@dataclass(frozen=True, slots=True)
class Port:
    """A port of a service that is reachable from this machine."""

    host: str
    host_port: int
    service_port: int


@dataclass(frozen=True, slots=True)
class Service:
    """One service, with everything that the file says about how it runs."""

    name: str
    image: str
    command: tuple[str, ...] | None
    entrypoint: tuple[str, ...] | None
    environment: Mapping[str, str]
    secrets: tuple[str, ...]
    uid: int
    gid: int
    init: bool
    restart: Restart
    read_only: bool
    tmpfs: tuple[Tmpfs, ...]
    mounts: tuple[Mount, ...]
    depends_on: Mapping[str, Condition]
    health: HealthCheck | None
    limits: Limits
    ports: tuple[Port, ...]
    stop_grace_s: float
    shm_bytes: int
    networked: bool

    @property
    def is_one_shot(self) -> bool:
        """Whether it does its work once and ends."""
        return self.restart is Restart.NEVER


@dataclass(frozen=True, slots=True)
class Compose:
    """A whole file."""

    folder: Path
    services: Mapping[str, Service]
    secrets: Mapping[str, Path]
    volumes: tuple[str, ...]


def read_compose(path: Path, variables: Mapping[str, str]) -> Compose:
    """Read a compose file.

    Args:
        path: The file; relative paths in it are relative to its folder.
        variables: What `${NAME}` and `${NAME:-default}` stand for.

    Raises:
        ComposeError: Names the service and the key that is not understood, or why the file
            cannot be read at all.
    """
    try:
        tree = _interpolated(yaml.safe_load(path.read_bytes()), variables)
        return _compose(path, tree)
    except OSError as error:
        raise ComposeError(f"{path} cannot be read: {error}") from error
    except (yaml.YAMLError, RecursionError) as error:
        raise ComposeError(f"{path} is no YAML: {' '.join(str(error).split())[:200]}") from error
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        # A list where a mapping belongs, a number where a text does, a key that is not there.
        raise ComposeError(f"{path} is not built as a compose file is: {error!r}") from error


def _compose(path: Path, tree: Any) -> Compose:
    services = {name: _service(name, definition) for name, definition in tree["services"].items()}
    volumes = tuple(tree.get("volumes") or {})
    declared = tree.get("secrets") or {}
    secrets = {name: (path.parent / entry["file"]).resolve() for name, entry in declared.items()}
    for service in services.values():
        _require_known(service.name, "secrets", service.secrets, secrets)
        _require_known(service.name, "depends_on", service.depends_on, services)
        used = [mount.source for mount in service.mounts if mount.is_volume]
        _require_known(service.name, "volumes", used, volumes)
    return Compose(path.parent.resolve(), MappingProxyType(services), secrets, volumes)


def duration_s(text: str) -> float:
    """Return the seconds of a duration such as `90s` or `1m30s`.

    Raises:
        ComposeError: It is not written like one.
    """
    parts = _DURATION.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise ComposeError(f"{text!r} is no duration such as 30s or 1m30s")
    return sum(float(number) * _SECONDS[unit] for number, unit in parts)


def size_bytes(text: str) -> int:
    """Return the bytes of a size such as `512m` or `1.5g`.

    Raises:
        ComposeError: It is not written like one.
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([bkmg])b?", text.lower())
    if not found:
        raise ComposeError(f"{text!r} is no size such as 512m or 1g")
    return int(float(found[1]) * _BYTES[found[2]])


def _interpolated(node: Any, variables: Mapping[str, str]) -> Any:
    """Return the tree with `$$`, `${NAME}` and `${NAME:-default}` put in."""
    if isinstance(node, dict):
        return {key: _interpolated(value, variables) for key, value in node.items()}
    if isinstance(node, list):
        return [_interpolated(value, variables) for value in node]
    if not isinstance(node, str):
        return node

    def value(found: re.Match[str]) -> str:
        if found[1]:
            return "$"
        if found[3] is None and found[2] not in variables:
            raise ComposeError(f"the compose file needs the variable {found[2]}")
        # As an engine has it: an empty variable takes the default too.
        return variables.get(found[2]) or found[3] or ""

    return _VARIABLE.sub(value, node)


def _service(name: str, definition: dict[str, Any]) -> Service:
    unknown = definition.keys() - _READ - NOT_KEPT - HARDENING.keys()
    if unknown:
        raise ComposeError(f"{name}: {', '.join(sorted(unknown))} is not understood here")
    for key, wanted in HARDENING.items():
        if definition.get(key) != wanted:
            raise ComposeError(f"{name}: {key} is to be {wanted}: no service gets more here")
    network = definition.get("network_mode")
    if network not in (None, "none"):
        raise ComposeError(f"{name}: network_mode {network} is not understood here")
    uid, _, gid = str(definition.get("user", "")).partition(":")
    if not uid.isdigit() or not gid.isdigit():
        raise ComposeError(f"{name}: user is to be two numbers, user:group")
    environment = definition.get("environment") or {}
    depends_on = definition.get("depends_on") or {}
    return Service(
        name=name,
        image=str(definition["image"]),
        command=_words(definition.get("command")),
        entrypoint=_words(definition.get("entrypoint")),
        environment=MappingProxyType({key: str(value) for key, value in environment.items()}),
        secrets=tuple(definition.get("secrets") or ()),
        uid=int(uid),
        gid=int(gid),
        init=bool(definition.get("init", False)),
        restart=_restart(name, definition.get("restart", "no")),
        read_only=bool(definition.get("read_only", False)),
        tmpfs=tuple(_tmpfs(entry) for entry in _list(definition.get("tmpfs"))),
        mounts=tuple(_mount(entry) for entry in definition.get("volumes") or ()),
        depends_on={other: Condition(how["condition"]) for other, how in depends_on.items()},
        health=_health(name, definition.get("healthcheck")),
        limits=_limits(name, definition.get("deploy") or {}),
        ports=tuple(_port(name, entry) for entry in definition.get("ports") or ()),
        stop_grace_s=duration_s(definition.get("stop_grace_period", "10s")),
        shm_bytes=size_bytes(definition.get("shm_size", "64m")),
        networked=network is None,
    )


def _restart(name: str, text: object) -> Restart:
    try:
        return Restart(str(text))
    except ValueError as error:
        raise ComposeError(f"{name}: restart {text} is not understood here") from error


def _health(name: str, definition: dict[str, Any] | None) -> HealthCheck | None:
    if definition is None:
        return None
    unknown = definition.keys() - _HEALTH_KEYS
    if unknown or definition["test"][0] not in ("CMD", "CMD-SHELL"):
        raise ComposeError(f"{name}: healthcheck is to have a CMD or CMD-SHELL test")
    times = {
        f"{key}_s": duration_s(definition[key])
        for key in ("interval", "timeout", "start_period", "start_interval")
        if key in definition
    }
    kind, *words = definition["test"]
    test = ("/bin/sh", "-c", words[0]) if kind == "CMD-SHELL" else tuple(words)
    return HealthCheck(test, retries=int(definition.get("retries", 3)), **times)


def _limits(name: str, deploy: dict[str, Any]) -> Limits:
    limits = deploy.get("resources", {}).get("limits", {})
    if deploy.keys() - {"resources"} or limits.keys() - {"memory", "cpus", "pids"}:
        raise ComposeError(f"{name}: of deploy only limits of memory, cpus, pids are understood")
    return Limits(
        memory_bytes=size_bytes(limits["memory"]) if "memory" in limits else None,
        cpus=float(limits["cpus"]) if "cpus" in limits else None,
        pids=int(limits["pids"]) if "pids" in limits else None,
    )


def _mount(entry: str) -> Mount:
    source, target, *mode = entry.split(":")
    return Mount(source, target, read_only=mode == ["ro"])


def _tmpfs(entry: str) -> Tmpfs:
    target, _, options = entry.partition(":")
    # Docker's own options of every tmpfs.
    return Tmpfs(target, ",".join(filter(None, ("nosuid,nodev,noexec", options or "mode=1777"))))


def _port(name: str, entry: str) -> Port:
    found = re.fullmatch(r"([\d.]+):(\d+):(\d+)", entry)
    if not found:
        raise ComposeError(f"{name}: the port {entry} is to be address:port:port")
    return Port(found[1], int(found[2]), int(found[3]))


def _words(value: object) -> tuple[str, ...] | None:
    if value is None:
        return None
    if not isinstance(value, list):
        raise ComposeError(f"the command {value!r} is to be a list of words")
    return tuple(str(word) for word in value)


def _list(value: object) -> list[str]:
    if value is None:
        return []
    return [str(entry) for entry in value] if isinstance(value, list) else [str(value)]


def _require_known(name: str, key: str, used: object, known: object) -> None:
    missing = set(used) - set(known)  # type: ignore[call-overload]
    if missing:
        raise ComposeError(f"{name}: {key} names {', '.join(sorted(missing))}, which is nowhere")
