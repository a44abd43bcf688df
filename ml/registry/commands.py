"""The registry for people: list, show, register, promote, roll back.

The command line is `python -m include.pipeline.registry`, which knows the settings.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from include.contracts.errors import PlatformError
from ml.registry.beside import read_file_beside
from ml.registry.promotion import challenge, promote, register_package, rollback, verify
from ml.registry.protocol import Document, ModelRegistry, ModelVersion

_SHORT = 12


def run(open_registry: Callable[[], ModelRegistry], name: str, arguments: Sequence[str]) -> int:
    """Do what a command line says; return the exit status.

    Args:
        open_registry: Called once the command line is understood: opening takes seconds.
        name: The model, unless the command line names another.
        arguments: Without the program's name.
    """
    options = _parser(name).parse_args(arguments)
    try:
        for line in _COMMANDS[options.command](open_registry(), options):
            sys.stdout.write(line + "\n")
    except PlatformError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_status
    return 0


def _parser(name: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="registry", description=__doc__)
    parser.add_argument("--model", default=name, help="name of the model (default: %(default)s)")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("list", help="all versions, oldest first")
    show = commands.add_parser("show", help="everything known of one version")
    show.add_argument("version", help="number or alias")
    show.add_argument("--verify", action="store_true", help="fetch the package and check it")
    register = commands.add_parser("register", help="register a package as the challenger")
    register.add_argument("package", type=Path)
    register.add_argument("--card", type=Path, help="model card in SageMaker's JSON schema")
    register.add_argument("--bias", type=Path, help="bias report, JSON")
    promoting = commands.add_parser("promote", help="approve a version and make it the champion")
    promoting.add_argument("version", help="number or alias")
    promoting.add_argument("--approved-by", required=True, metavar="NAME")
    promoting.add_argument("--comment", default="")
    back = commands.add_parser("rollback", help="go back to the champion before")
    back.add_argument("--approved-by", required=True, metavar="NAME")
    return parser


def _list(registry: ModelRegistry, options: argparse.Namespace) -> list[str]:
    versions = registry.list_versions(options.model)
    if not versions:
        return [f"model {options.model!r} has no version"]
    return [_line(version) for version in versions]


def _show(registry: ModelRegistry, options: argparse.Namespace) -> list[str]:
    version = _named(registry, options)
    card = registry.document(version, Document.MODEL_CARD)
    lines = [_line(version), f"  package {version.package_uri}", f"  sha256 {version.sha256}"]
    lines += [f"  {key} {value}" for key, value in sorted(version.metadata.items())]
    lines += [f"  {key} {value:.4f}" for key, value in sorted(version.metrics.items())]
    lines += [f"  comment {version.comment}"] if version.comment else []
    lines.append(f"  model card {'kept with it' if card else 'none'}")
    if options.verify:
        verify(registry, version)
        lines.append("  the stored package is the registered one, every member as sealed")
    return lines


def _register(registry: ModelRegistry, options: argparse.Namespace) -> list[str]:
    sources = {Document.MODEL_CARD: options.card, Document.BIAS: options.bias}
    documents = {kind: read_file_beside(path) for kind, path in sources.items() if path is not None}
    version = register_package(registry, options.model, options.package, documents=documents)
    return [_line(challenge(registry, version))]


def _promote(registry: ModelRegistry, options: argparse.Namespace) -> list[str]:
    version = _named(registry, options)
    promoted = promote(
        registry,
        options.model,
        version.version,
        approved_by=options.approved_by,
        comment=options.comment,
    )
    return [_line(promoted)]


def _rollback(registry: ModelRegistry, options: argparse.Namespace) -> list[str]:
    return [_line(rollback(registry, options.model, approved_by=options.approved_by))]


_COMMANDS: dict[str, Callable[[ModelRegistry, argparse.Namespace], list[str]]] = {
    "list": _list,
    "show": _show,
    "register": _register,
    "promote": _promote,
    "rollback": _rollback,
}


def _named(registry: ModelRegistry, options: argparse.Namespace) -> ModelVersion:
    by_alias = registry.get_by_alias(options.model, options.version)
    return by_alias or registry.get(options.model, options.version)


def _line(version: ModelVersion) -> str:
    aliases = ", ".join(version.aliases) or "-"
    figures = [
        f"{name} {version.metrics[name]:.3f}"
        for name in ("validation_accuracy", "validation_macro_f1")
        if name in version.metrics
    ]
    sha256, status = version.sha256[:_SHORT], version.status.value
    return "  ".join([f"{version.name} {version.version}", status, aliases, sha256, *figures])
