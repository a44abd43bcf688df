"""Build the image of docker/Dockerfile step by step without an engine, and use it.

    make image [ARGS='--work folder --keep']

Needs root on Linux with overlay mounts, `mmdebstrap` and 10 GB of disk. The steps run as the
file says; the base is Debian's (scripts/image/base.py says in what it differs), and packages come
from where pip of this machine takes them.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
from pathlib import Path

from scripts import setup_environment as setup
from scripts.image.base import BaseError
from scripts.image.build import Build, BuildError, Machine
from scripts.image.checks import check

ROOT = Path(__file__).parents[2]
FREE_BYTES = 10 << 30
APART = "IMAGE_BUILD_APART"
"""Set in the process that has a namespace of mounts of its own."""
INHERITED = ("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")


def machine(work: Path) -> Machine:
    """Return what builds take of this machine: the network, and where packages are."""
    environment = {name: os.environ[name] for name in INHERITED if name in os.environ}
    binds = {f"/etc/{name}": Path("/etc") / name for name in ("resolv.conf", "hosts")}
    if index := setup.pip_setting("index-url"):
        environment |= {"PIP_INDEX_URL": index, "UV_DEFAULT_INDEX": index}
    certificates = setup.pip_setting("cert")
    if certificates and Path(certificates).is_file():
        binds["/run/certificates.pem"] = Path(certificates).resolve()
        environment |= dict.fromkeys(("PIP_CERT", "SSL_CERT_FILE"), "/run/certificates.pem")
    setup.TOOLS.mkdir(exist_ok=True)
    beside, _ = setup.torch_options("cpu")
    replaced = {}
    if len(beside) == 2 and "file://" in (text := Path(beside[1]).read_text()):
        # The same wheel by the same hash, from a folder of this machine.
        wheel = text.partition("torch @ file://")[2].split()[0]
        binds[str(Path(setup.unquote(wheel)).parent)] = Path(setup.unquote(wheel)).parent
        replaced[setup.TORCH_LOCKS["cpu"]] = Path(beside[1])
    return Machine(work, environment, binds, replaced)


def replay(work: Path) -> int:
    """Build in a folder, print layers and what the checks found; return the exit status."""
    shutil.rmtree(work / "layers", ignore_errors=True)
    taken = machine(work)
    for name, there in taken.replaced.items():
        print(f"{name}: {there.name} with the address of a file of this machine stands in")
    stage = Build(
        ROOT, ROOT / "docker" / "Dockerfile", taken, lambda line: print(line, flush=True)
    ).run()
    print("\nlayer                                                              MiB")
    for title, size in stage.sizes:
        print(f"{title:64} {size / 2**20:7.1f}")
    print(f"{'in all':64} {sum(size for _, size in stage.sizes) / 2**20:7.1f}\n")
    return check(ROOT, work, stage, lambda line: print(line, flush=True))


def main() -> int:
    """Read the arguments, go into a namespace of mounts, build, check, tidy up."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, help="folder for layers; the base in it is used again")
    parser.add_argument("--keep", action="store_true", help="leave the layers there")
    arguments = parser.parse_args()
    if os.geteuid() != 0 or sys.platform != "linux":
        print("image: steps of a build run as root on Linux", file=sys.stderr)
        return 2
    if APART not in os.environ:
        # Whatever happens, the mounts end with the last process in here.
        apart = ["unshare", "--mount", "--propagation", "private", "--pid", "--fork"]
        command = [*apart, "--kill-child", "--mount-proc", sys.executable, "-m", "scripts.image"]
        os.execvpe("unshare", [*command, *sys.argv[1:]], {**os.environ, APART: "1"})
    work = arguments.work or Path(tempfile.mkdtemp(prefix="fex-image-"))
    work.mkdir(parents=True, exist_ok=True)
    if shutil.disk_usage(work).free < FREE_BYTES:
        print(f"image: {work} has less than {FREE_BYTES >> 30} GiB free", file=sys.stderr)
        return 2
    try:
        return replay(work.resolve())
    except (BaseError, BuildError, setup.SetupError) as error:
        print(f"image: {error}", file=sys.stderr)
        return 1
    finally:
        if not arguments.keep:
            shutil.rmtree(work / "layers", ignore_errors=True)
        if arguments.work is None and not arguments.keep:
            shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
