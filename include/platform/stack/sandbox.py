"""One instance as a script: namespaces, root file system, user, then its command.

The script is what an engine does, in the order in which it does it. Everything it mounts lives
in its own mount namespace and is gone with its last process.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from include.platform.stack.cgroups import ControlGroups
from include.platform.stack.compose import Mount
from include.platform.stack.home import StackHome
from include.platform.stack.images import INIT, VENV, environment_folder, interpreter_folder
from include.platform.stack.instances import Instance

_DEVICES = ("null", "zero", "full", "random", "urandom", "tty")
_ETC = (
    *("alternatives", "ld.so.cache", "ld.so.conf", "ld.so.conf.d", "localtime", "mime.types"),
    *("nsswitch.conf", "protocols", "services", "ssl"),
)
"""What programs need of the machine's /etc; its users and their passwords are not among it."""
_NAMES = ("hosts", "passwd", "group")
WITH_PARENT = ("setpriv", "--pdeathsig", "KILL")
"""Ends a process with whoever started it, even where that one is killed."""


@dataclass(frozen=True, slots=True)
class Sandbox:
    """Starts instances of one stack and enters them.

    Attributes:
        project: The folder of the compose file.
    """

    home: StackHome
    project: Path
    groups: ControlGroups

    def prepare(self, hosts: Sequence[str]) -> None:
        """Write the names that every instance knows: hosts (given as lines), users, groups."""
        self.home.entries.mkdir(exist_ok=True)
        users = {"postgres": 999, "fex": 50000}
        lines = [f"{name}:x:{uid}:{uid}::/tmp:/usr/sbin/nologin" for name, uid in users.items()]
        files = {
            "hosts": hosts,
            "passwd": ["root:x:0:0::/root:/bin/sh", *lines],
            "group": ["root:x:0:", *(f"{name}:x:{uid}:" for name, uid in users.items())],
        }
        for name, content in files.items():
            path = self.home.entries / name
            path.write_text("\n".join(content) + "\n")
            path.chmod(0o644)

    def start(
        self,
        instance: Instance,
        *,
        command: Sequence[str] | None = None,
        network: str | None = None,
        shared: Path | None = None,
        stdin: int | IO[bytes] = subprocess.DEVNULL,
        stdout: int | IO[bytes],
        stderr: int | IO[bytes] = subprocess.STDOUT,
    ) -> subprocess.Popen[bytes]:
        """Start an instance; it ends with the process that started it.

        Args:
            instance: What runs.
            command: In place of the service's own.
            network: The file of the network it runs in; None: the caller's.
            shared: A folder of this machine that is mounted read-only at `/shared`.
            stdin: As of `subprocess.Popen`.
            stdout: As of `subprocess.Popen`.
            stderr: As of `subprocess.Popen`.

        Returns:
            The process outside; the instance's number 1 is its only child.
        """
        script = self.home.entries / f"{instance.name}.sh"
        script.write_text("\n".join(self._script(instance, command, shared)) + "\n")
        join = _joining(self.groups.create(instance.name, instance.service.limits))
        enter = ["nsenter", f"--net={network}"] if network else []
        apart = ["unshare", "--mount", "--uts", "--ipc", "--pid", "--fork", "--kill-child=KILL"]
        apart += [] if instance.service.networked else ["--net"]
        words = shlex.join([*enter, *apart, "bash", str(script)])
        # Whoever started it may be killed: then it goes too, and all that is inside.
        return subprocess.Popen(
            [*WITH_PARENT, "bash", "-c", f"{join}exec {words}"],
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            start_new_session=True,
        )

    def inside(self, instance: Instance, pid: int, command: Sequence[str]) -> list[str]:
        """Return the command that runs another one in a running instance, as its user.

        As with an engine, the image's entry point does not run in front of it.

        Args:
            instance: What runs.
            pid: Its number 1, as this machine knows it.
            command: What to run; its environment is that of the instance.
        """
        enter = ["nsenter", "--target", str(pid), "--mount", "--uts", "--ipc", "--net", "--pid"]
        enter += ["--root", "--wd"]
        # Its limits stay as they are: a service may be held to less than the file says.
        join = _joining(self.groups.join(instance.name))
        words = shlex.join([*enter, *self._as_user(instance), *command])
        return ["bash", "-c", f"{join}exec {words}"]

    def _as_user(self, instance: Instance) -> list[str]:
        """Return the words that drop everything that an engine drops, with the environment."""
        service, image = instance.service, instance.image
        environment = {
            "HOME": "/home/fex" if image.is_ours else "/tmp",  # noqa: S108 - the instance's own
            "HOSTNAME": instance.name,
            "LANG": "C.UTF-8",
            **image.environment,
            **service.environment,
        }
        pairs = [f"{name}={value}" for name, value in environment.items()]
        return [
            *("/usr/bin/env", "-i", *pairs),
            # Once more: a change of user clears what ends it with its parent.
            *(*WITH_PARENT, "--reuid", str(service.uid), "--regid", str(service.gid)),
            *("--clear-groups", "--no-new-privs", "--inh-caps=-all", "--bounding-set=-all"),
        ]

    def _script(
        self, instance: Instance, command: Sequence[str] | None, shared: Path | None
    ) -> list[str]:
        service, image = instance.service, instance.image
        root = self.home.roots / instance.name
        root.mkdir(exist_ok=True)
        lines = [
            "set -eu",
            "mount --make-rprivate /",
            f"hostname {shlex.quote(instance.name)}",
            f"cd {shlex.quote(str(root))}",
            "mount -t tmpfs -o mode=755 root .",
            'cd "$PWD"',
            *_SKELETON,
            *self._system(service.shm_bytes),
            *self._image(instance),
            *(line for mount in service.mounts for line in self._mount(instance, mount)),
        ]
        for tmpfs in service.tmpfs:
            place = shlex.quote("." + tmpfs.target)
            options = shlex.quote(tmpfs.options)
            lines += [f"mkdir -p {place}", f"mount -t tmpfs -o {options} tmpfs {place}"]
        for secret in service.secrets:
            lines += _bound(self.home.secrets / secret, f"/run/secrets/{secret}", read_only=True)
        if shared:
            lines += _bound(shared, "/shared", read_only=True)
        lines += ['mount -o remount,ro "$PWD"'] if service.read_only else []
        words = [*self._as_user(instance), *self._command(instance, command)]
        # The wrapper is number 1 until here; what follows takes its place.
        lines += [f"exec chroot . /usr/bin/env -C {shlex.quote(image.workdir)} {shlex.join(words)}"]
        return lines

    def _command(self, instance: Instance, command: Sequence[str] | None) -> list[str]:
        service, image = instance.service, instance.image
        init = INIT if service.init else ()
        if command is not None:
            return [*init, *image.entrypoint, *command]
        if image.command is not None:
            return [*init, *image.command]
        entrypoint = image.entrypoint if service.entrypoint is None else service.entrypoint
        return [*init, *entrypoint, *(service.command or ())]

    def _system(self, shm_bytes: int) -> list[str]:
        """Return the lines that give it the machine's programs, its own /proc and few devices."""
        lines = [
            "for d in usr bin sbin lib lib32 lib64 libx32; do",
            # Where /usr is merged, these are links into it.
            "  if [ -L /$d ]; then cp -P /$d $d; continue; fi",
            "  [ -d /$d ] || continue",
            "  mkdir $d; mount --rbind /$d $d; mount -o remount,bind,ro $d",
            "done",
            f"for e in {' '.join(_ETC)}; do [ ! -e /etc/$e ] || cp -rP /etc/$e etc/; done",
            "mount -t proc -o nosuid,nodev,noexec proc proc",
            "mount -t sysfs -o ro,nosuid,nodev,noexec sysfs sys || true",
            "mount -t tmpfs -o mode=755,nosuid devices dev",
            f"for d in {' '.join(_DEVICES)}; do touch dev/$d; mount --bind /dev/$d dev/$d; done",
            "ln -s /proc/self/fd dev/fd; ln -s fd/0 dev/stdin; ln -s fd/1 dev/stdout",
            "ln -s fd/2 dev/stderr; mkdir dev/shm",
            f"mount -t tmpfs -o mode=1777,nosuid,nodev,noexec,size={shm_bytes} shm dev/shm",
        ]
        for name in _NAMES:
            lines += [f"cp {shlex.quote(str(self.home.entries / name))} etc/{name}"]
        return lines

    def _image(self, instance: Instance) -> list[str]:
        """Return the lines that lay the image out."""
        image = instance.image
        uid, gid = image.owner
        lines = []
        if image.needs_python:
            lines += _bound(environment_folder(), VENV, read_only=True)
            lines += _bound(self.home.image / "bin", f"{VENV}/bin", read_only=True)
            if interpreter := interpreter_folder():
                lines += _bound(interpreter, str(interpreter), read_only=True)
        else:
            # What somebody installed by hand on this machine is in no image.
            lines += ["mount -t tmpfs -o mode=755 local usr/local"]
        if image.is_ours:
            lines += _bound(self.home.image / "project", image.workdir, read_only=True)
        for folder in image.folders:
            place = shlex.quote("." + folder.path)
            lines += [f"mkdir -p {place}; chown {uid}:{gid} {place}; chmod {folder.mode} {place}"]
        for target, source in image.files.items():
            lines += _bound(source, target, read_only=True)
        return lines

    def _mount(self, instance: Instance, mount: Mount) -> list[str]:
        if not mount.is_volume:
            return _bound(self.project / mount.source, mount.target, read_only=mount.read_only)
        return _bound(self._volume(instance, mount), mount.target, read_only=mount.read_only)

    def _volume(self, instance: Instance, mount: Mount) -> Path:
        """Return a volume's folder; a fresh one takes owner and mode from the image."""
        folder = self.home.volumes / mount.source
        if not folder.exists():
            folder.mkdir(parents=True)
            for owned in instance.image.folders:
                if owned.path == mount.target:
                    shutil.chown(folder, *instance.image.owner)
                    os.chmod(folder, int(owned.mode, 8))  # noqa: PTH101 - of the same folder
        return folder


_SKELETON = (
    "mkdir -p proc sys dev etc run/secrets opt root tmp var/lib var/log var/tmp",
    "chmod 1777 tmp var/tmp",
    "ln -s ../run var/run",
)


def _bound(source: Path, target: str, *, read_only: bool) -> list[str]:
    """Return the lines that bind a file or folder of this machine to a place inside."""
    place = shlex.quote("." + target)
    if source.is_dir():
        made = f"mkdir -p {place}"
    else:
        made = f"mkdir -p {shlex.quote('.' + str(Path(target).parent))}; touch {place}"
    lines = [
        f"[ -e {place} ] || {{ {made}; }}",
        f"mount --bind {shlex.quote(str(source))} {place}",
    ]
    return [*lines, f"mount -o remount,bind,ro {place}"] if read_only else lines


def _joining(files: Sequence[Path]) -> str:
    """Return the shell's words that put it, and all it starts, into the groups of a service."""
    return "".join(f"echo $$ > {shlex.quote(str(path))}; " for path in files)
