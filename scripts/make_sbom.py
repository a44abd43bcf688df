"""Write `dist/sbom.cdx.json`: what the platform consists of, in CycloneDX 1.6.

    make sbom [ARGS='--out path']

Names, licences and who needs whom come from the installed packages (`cyclonedx-py`), what
belongs to the platform and the hashes of its files from the lock; the committed model package
is a component too. The same lock gives the same bytes. Tools for tests are left out.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from jsonschema import Draft7Validator
from locks import ROOT, Locked, read_lock

from ml.packaging.unpack import package_sha256, read_signature

PLATFORM_LOCKS = ("requirements.txt", "requirements-torch-cpu.txt")
MODEL = ROOT / "ml" / "weights" / "model.tar.gz"
INDEX = "https://pypi.org/simple/"

Document = dict[str, Any]


class SbomError(Exception):
    """No inventory can be made; the message says what to do."""


def normal(name: str) -> str:
    """Return a package's name as locks write it (PEP 503)."""
    return name.replace("_", "-").replace(".", "-").lower()


def installed() -> Document:
    """Return what `cyclonedx-py` says of this environment.

    Raises:
        SbomError: It ended with an error.
    """
    command = [sys.executable, "-m", "cyclonedx_py", "environment", "--output-reproducible"]
    command += ["--spec-version", "1.6", "--output-format", "JSON", "--no-validate", sys.executable]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SbomError(f"cyclonedx-py: {done.stderr.strip()[-500:]}")
    document: Document = json.loads(done.stdout)
    return document


def of_the_platform(
    environment: Document,
    locked: Iterable[Locked],
    *,
    direct: Iterable[str],
    project: Mapping[str, str],
) -> Document:
    """Keep of an environment what the lock names, with the hashes of its files.

    Args:
        environment: A CycloneDX document.
        locked: What belongs to the platform.
        direct: Names of what it asks for itself.
        project: Its `name` and `version`.

    Raises:
        SbomError: Something of the lock is not installed, or in another release.
    """
    found = {normal(component["name"]): component for component in environment["components"]}
    components: list[Document] = []
    for package in sorted(locked, key=lambda package: package.name):
        component = found.get(normal(package.name))
        if component is None or component["version"] != package.version:
            held = "not installed" if component is None else f"installed as {component['version']}"
            raise SbomError(f"{package.name} {package.version} is {held}: run `make setup`")
        source = {
            "type": "distribution",
            "url": package.url or f"{INDEX}{package.name}/",
            "comment": "one of these files",
            "hashes": [{"alg": "SHA-256", "content": digest} for digest in package.sha256],
        }
        references = [source, *component.get("externalReferences", ())]
        components.append({**component, "externalReferences": references})
    refs = {component["bom-ref"]: component for component in components}
    of_name = {normal(component["name"]): component["bom-ref"] for component in components}
    root = {"ref": "platform", "dependsOn": sorted(of_name[normal(name)] for name in direct)}
    below = [
        {"ref": item["ref"], "dependsOn": kept}
        if (kept := sorted(ref for ref in item.get("dependsOn", ()) if ref in refs))
        else {"ref": item["ref"]}
        for item in environment["dependencies"]
        if item["ref"] in refs
    ]
    subject = {"type": "application", "bom-ref": "platform", **project}
    subject["licenses"] = [{"license": {"id": "Apache-2.0"}}]
    return {
        **environment,
        "metadata": {**environment["metadata"], "component": subject},
        "components": components,
        "dependencies": [root, *below],
    }


def model_component(package: Path) -> Document:
    """Return the component of the committed model package.

    Raises:
        ConfigurationError: The package is damaged.
    """
    signature = read_signature(package)
    return {
        "type": "machine-learning-model",
        "bom-ref": "model-package",
        "name": "expression-mobilenetv2",
        "version": signature.package_version,
        "description": signature.describes,
        "licenses": [{"license": {"name": "see description", "text": _text(signature.licence)}}],
        "hashes": [{"alg": "SHA-256", "content": package_sha256(package)}],
    }


def _text(content: str) -> Document:
    return {"contentType": "text/plain", "content": content}


def check(document: Document) -> None:
    """Hold a document to CycloneDX's own schema.

    Raises:
        SbomError: It does not follow it.
    """
    problem = JsonStrictValidator(SchemaVersion.V1_6).validate_str(json.dumps(document))
    if problem is not None:
        raise SbomError(f"the document does not follow CycloneDX 1.6: {problem}")


def direct_names(requirements: Path) -> list[str]:
    """Return the names of a short list."""
    lines = (line.partition("#")[0].strip() for line in requirements.read_text().splitlines())
    return [_name(line) for line in lines if line and not line.startswith("-")]


def _name(line: str) -> str:
    for mark in "[<=>~!; ":
        line = line.partition(mark)[0]
    return line


def main() -> int:
    """Write the document and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=ROOT / "dist" / "sbom.cdx.json")
    out: Path = parser.parse_args().out
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    try:
        document = of_the_platform(
            installed(),
            [package for name in PLATFORM_LOCKS for package in read_lock(ROOT / name)],
            direct=direct_names(ROOT / "requirements.in"),
            project={"name": project["name"], "version": project["version"]},
        )
        document["components"].append(model_component(MODEL))
        document["dependencies"][0]["dependsOn"].append("model-package")
        document["dependencies"].append({"ref": "model-package"})
        # A thousand addresses through the grammar of IRIs take a minute: their form is left out.
        Draft7Validator.FORMAT_CHECKER.checkers.pop("iri-reference", None)
        check(document)
    except SbomError as error:
        print(f"sbom: {error}", file=sys.stderr)
        return 1
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(document, indent=1, sort_keys=True) + "\n")
    print(f"sbom: {len(document['components'])} components in {out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
