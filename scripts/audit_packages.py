"""Ask for known vulnerabilities of everything in the lock.

    make pip-audit [ARGS='-s osv']

`pip-audit` takes a source that answers "no such package" for one that has nothing to report,
and says so with status 0. A release that has had advisories for years is asked about first:
a source that does not know it knows nothing, and nobody is told that all is well.

Exit status: 0 nothing is known; 1 something is; 3 advisories could not be reached.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from locks import ROOT, read_lock

KNOWN = ("jinja2", "2.10")
"""CVE-2019-10906, published in 2019: every source of advisories has it."""

CLEAN, VULNERABLE, UNREACHABLE = 0, 1, 3

Package = tuple[str, str]
Answer = list[dict[str, Any]]


class UnreachableError(Exception):
    """The advisories cannot be reached; the message says why, in a sentence."""


def ask(packages: Iterable[Package], options: Sequence[str]) -> Answer:
    """Return what `pip-audit` knows of each package.

    Args:
        packages: Names and releases.
        options: Handed on to `pip-audit`.

    Raises:
        UnreachableError: It gave no answer, or none for some of them.
    """
    with tempfile.TemporaryDirectory() as scratch:
        asked = Path(scratch) / "asked.txt"
        asked.write_text("".join(f"{name}=={version}\n" for name, version in packages))
        command = [sys.executable, "-m", "pip_audit", "--disable-pip", "--no-deps"]
        command += ["--progress-spinner", "off", "--format", "json", "-r", str(asked), *options]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    try:
        answer: Answer = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError):
        last = (done.stderr.strip() or "no answer").splitlines()[-1]
        raise UnreachableError(last[:300]) from None
    skipped = [item["name"] for item in answer if "skip_reason" in item]
    if skipped:
        raise UnreachableError(f"the source does not know {', '.join(skipped[:5])}")
    return answer


def locked() -> list[Package]:
    """Return names and releases of every lock, each once, torch without its build."""
    found = {
        (package.name, package.version.partition("+")[0])
        for lock in sorted(ROOT.glob("requirements*.txt"))
        for package in read_lock(lock)
    }
    return sorted(found)


def main(options: Sequence[str]) -> int:
    """Ask, print what is known, and return the exit status."""
    packages = locked()
    try:
        if not ask([KNOWN], options)[0]["vulns"]:
            raise UnreachableError(f"the source has nothing on {' '.join(KNOWN)}")
        answer = ask(packages, options)
    except UnreachableError as error:
        print(f"pip-audit: advisories cannot be reached from here: {error}", file=sys.stderr)
        return UNREACHABLE
    found = [(item, vulnerability) for item in answer for vulnerability in item["vulns"]]
    for item, vulnerability in found:
        fixed = ", ".join(vulnerability["fix_versions"]) or "no release"
        print(f"{item['name']} {item['version']}: {vulnerability['id']}, fixed in {fixed}")
    print(f"pip-audit: {len(found)} known vulnerabilities in {len(packages)} packages")
    return VULNERABLE if found else CLEAN


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
