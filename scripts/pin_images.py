"""Write the digest of each image behind its tag, in docker-compose.yaml and docker/Dockerfile.

    make pin-images [ARGS='--check | --registry docker.io=https://mirror.example']

Asks each image's registry, anonymously, what its tag stands for now (the list of all platforms,
where there is one), and checks the answer's own hash. Files are written once every registry has
answered. `--check` writes nothing and ends with 1 where a file says something else.
Protocol: https://distribution.github.io/distribution/spec/api/ and .../spec/auth/token/.
"""

from __future__ import annotations

import argparse
import hashlib
import re
import sys
from dataclasses import dataclass
from pathlib import Path

import requests

ROOT = Path(__file__).resolve().parent.parent
FILES = ("docker-compose.yaml", "docker/Dockerfile")
BUILT_HERE = "fex/platform"
HUB = "docker.io"
HUB_API = "https://registry-1.docker.io"
KINDS = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
TIMEOUT_S = 30.0
LARGEST_BYTES = 4 << 20
"""What registries themselves accept of a manifest."""

_NAMED = re.compile(
    r"^(?P<before>\s*(?:image:|FROM)\s+)(?P<image>[^\s@]+:[^\s@]+)(?P<digest>@sha256:[0-9a-f]{64})?",
    re.MULTILINE,
)
_PARAMETER = re.compile(r'(\w+)="([^"]*)"')


class RegistryError(Exception):
    """A registry did not say what a tag stands for; the message names both."""


@dataclass(frozen=True, slots=True)
class Reference:
    """An image taken apart: `postgres:15` is docker.io, library/postgres and 15."""

    registry: str
    repository: str
    tag: str


def reference(image: str) -> Reference:
    """Take an image's name apart, by Docker's rules for what is left out."""
    name, _, tag = image.rpartition(":")
    first, slash, rest = name.partition("/")
    if slash and ("." in first or ":" in first or first == "localhost"):
        return Reference(first, rest, tag)
    return Reference(HUB, name if slash else f"library/{name}", tag)


def digest_of(image: str, registries: dict[str, str]) -> str:
    """Return what an image's tag stands for now, as `sha256:...`.

    Args:
        image: Name and tag.
        registries: Addresses of registries that are not at https://NAME.

    Raises:
        RegistryError: No answer, one that is refused, or one whose hash is not what it says.
    """
    asked = reference(image)
    address = registries.get(asked.registry, f"https://{asked.registry}")
    url = f"{address}/v2/{asked.repository}/manifests/{asked.tag}"
    headers = {"Accept": ", ".join(KINDS)}
    try:
        answer = requests.get(url, headers=headers, timeout=TIMEOUT_S)
        if answer.status_code == requests.codes.unauthorized:
            challenge = answer.headers.get("WWW-Authenticate", "")
            headers["Authorization"] = f"Bearer {_token(challenge, asked)}"
            answer = requests.get(url, headers=headers, timeout=TIMEOUT_S)
        answer.raise_for_status()
    except requests.RequestException as error:
        raise RegistryError(f"{image}: {error}") from error
    found = "sha256:" + hashlib.sha256(answer.content).hexdigest()
    said = answer.headers.get("Docker-Content-Digest", found)
    kind = answer.headers.get("Content-Type", "").partition(";")[0]
    if said != found or kind not in KINDS or len(answer.content) > LARGEST_BYTES:
        raise RegistryError(f"{image}: {address} answered {kind} as {said}, its hash is {found}")
    return found


def _token(challenge: str, asked: Reference) -> str:
    """Fetch what a registry asks for in place of a password.

    Raises:
        RegistryError: It asks for something else than a token.
    """
    given = dict(_PARAMETER.findall(challenge))
    if not challenge.startswith("Bearer ") or "realm" not in given:
        raise RegistryError(f"{asked.registry} asks for {challenge.partition(' ')[0] or 'nothing'}")
    wanted = {"scope": given.get("scope", f"repository:{asked.repository}:pull")}
    wanted |= {"service": given["service"]} if "service" in given else {}
    answer = requests.get(given["realm"], params=wanted, timeout=TIMEOUT_S)
    answer.raise_for_status()
    fields = answer.json()
    token = fields.get("token") or fields.get("access_token")
    if not token:
        raise RegistryError(f"{asked.registry}: {given['realm']} gave no token")
    return str(token)


def images(text: str) -> list[str]:
    """Return the images that a compose file or Dockerfile names with a tag, but our own."""
    found = [match["image"] for match in _NAMED.finditer(text)]
    return sorted({image for image in found if image.rpartition(":")[0] != BUILT_HERE})


def pinned(text: str, digests: dict[str, str]) -> str:
    """Return a file's text with the digests behind the tags, whatever stood there before."""

    def written(match: re.Match[str]) -> str:
        if match["image"] not in digests:
            return match[0]
        return f"{match['before']}{match['image']}@{digests[match['image']]}"

    return _NAMED.sub(written, text)


def main(words: list[str] | None = None, root: Path = ROOT) -> int:
    """Pin, or check; return the exit status: 1 not as written, 3 a registry out of reach."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; 1: not as written")
    parser.add_argument(
        "--registry", action="append", default=[], metavar="NAME=ADDRESS", help="a mirror"
    )
    arguments = parser.parse_args(words)
    registries = {HUB: HUB_API}
    registries |= dict(entry.split("=", 1) for entry in arguments.registry)
    texts = {root / name: (root / name).read_text() for name in FILES}
    digests = {}
    try:
        for image in sorted({image for text in texts.values() for image in images(text)}):
            digests[image] = digest_of(image, registries)
            print(f"{image}@{digests[image]}", flush=True)
    except RegistryError as error:
        print(f"pin-images: {error}; nothing is written", file=sys.stderr)
        return 3
    differing = [path for path, text in texts.items() if pinned(text, digests) != text]
    for path in differing:
        print(f"{path.relative_to(root)}: {'differs' if arguments.check else 'written'}")
        if not arguments.check:
            path.write_text(pinned(texts[path], digests))
    return 1 if differing and arguments.check else 0


if __name__ == "__main__":
    sys.exit(main())
