"""Stand for a model package: `make sign-model ARGS='version 3 --key ~/signer.pem --name Anna'`.

    new-key FILE                         make a signer's key; prints what FEX_MODEL__SIGNERS takes
    version N --key FILE --name NAME     sign a registered version (number or alias)
    package FILE --key FILE --name NAME  sign a file; the signature lies beside it

The private key is read from its file, with its passphrase asked for at the terminal. It belongs
to a person, on a machine of theirs: no component of the platform ever needs it.
"""

from __future__ import annotations

import argparse
import base64
import getpass
import json
import os
import stat
import sys
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from include.composition import build_registry
from include.contracts.attestation import ATTESTATION_FILE, SETTING, sign, verify
from include.contracts.errors import ConfigurationError, PlatformError
from include.contracts.package import package_sha256
from include.settings import load_settings
from ml.packaging.unpack import read_signature
from ml.registry.beside import read_file_beside
from ml.registry.protocol import Document

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

_PROJECT = Path(__file__).resolve().parents[2]
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def new_key(file: Path, *, passphrase: bytes | None) -> str:
    """Write a private key that only its owner may read; return the public one as base64.

    Args:
        file: Must not exist, nor lie in the checkout.
        passphrase: Encrypts the file; None leaves it as it is.

    Raises:
        ConfigurationError: The file exists, lies in the checkout, or cannot be written.
    """
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    if file.resolve().is_relative_to(_PROJECT):
        raise ConfigurationError(str(file), "a private key does not belong into the checkout")
    key = Ed25519PrivateKey.generate()
    content = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(passphrase)
        if passphrase
        else serialization.NoEncryption(),
    )
    try:
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
            stream.write(content)
    except OSError as error:
        raise ConfigurationError(str(file), f"cannot be written: {error.strerror}") from error
    return base64.b64encode(key.public_key().public_bytes_raw()).decode()


def read_key(file: Path) -> Ed25519PrivateKey:
    """Read a signer's private key; the passphrase is asked for where there is one.

    Raises:
        ConfigurationError: Others may read the file, or it holds no Ed25519 key.
    """
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        content, mode = file.read_bytes(), file.stat().st_mode
    except OSError as error:
        raise ConfigurationError("--key", f"{file} cannot be read: {error.strerror}") from error
    if mode & _OTHERS:
        raise ConfigurationError("--key", f"others may read {file}: `chmod 600` it")
    password = None
    if b"ENCRYPTED" in content:
        password = getpass.getpass(f"passphrase of {file}: ").encode()
    try:
        key = load_pem_private_key(content, password)
    except (ValueError, TypeError) as error:
        raise ConfigurationError("--key", f"{file} cannot be opened: {error}") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise ConfigurationError("--key", f"{file} holds no Ed25519 key")
    return key


def sign_file(package: Path, key: Ed25519PrivateKey, name: str) -> Path:
    """Write a package's signature beside it; return where.

    Raises:
        ConfigurationError: The package is damaged.
    """
    signature = read_signature(package)
    facts = {
        "package_version": signature.package_version,
        "signed_by": name,
        "signed_at": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    envelope = sign(package_sha256(package), facts, key)
    target = package.with_name(ATTESTATION_FILE)
    target.write_text(json.dumps(envelope, indent=1) + "\n", encoding="utf-8")
    return target


def sign_version(number: str, key: Ed25519PrivateKey, name: str) -> str:
    """Sign a registered version's stored bytes; return its number.

    Raises:
        PlatformError: There is no such version, or its stored bytes are not the registered ones.
        UnsignedPackageError: The key is none of `FEX_MODEL__SIGNERS`.
    """
    settings = load_settings()
    registry = build_registry(settings)
    model = settings.model.name
    version = registry.get_by_alias(model, number) or registry.get(model, number)
    with tempfile.TemporaryDirectory() as scratch:
        beside = sign_file(registry.fetch(version, Path(scratch)), key, name)
        envelope = read_file_beside(beside)
    if settings.model.signers:
        verify(envelope, version.sha256, settings.model.signers)
    registry.attach(version, Document.ATTESTATION, envelope)
    return version.version


def main(arguments: Sequence[str]) -> int:
    """Do what the command line says; return the exit status."""
    options = _parser().parse_args(arguments)
    try:
        if options.command == "new-key":
            public = new_key(options.file, passphrase=_new_passphrase())
            line = f'{SETTING}=["NAME={public}"]'
            sys.stdout.write(f"{options.file} is written; keep it. The platform is told:\n{line}\n")
        elif options.command == "package":
            target = sign_file(options.package, read_key(options.key), options.name)
            sys.stdout.write(f"signed: {target}\n")
        else:
            number = sign_version(options.version, read_key(options.key), options.name)
            sys.stdout.write(f"signed: version {number}\n")
    except PlatformError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_status
    return 0


def _new_passphrase() -> bytes | None:
    """Ask for a passphrase twice where somebody sits at a terminal; empty: none."""
    if not sys.stdin.isatty():
        return None
    first = getpass.getpass("passphrase of the new key (empty: none): ")
    if first != getpass.getpass("once more: "):
        raise ConfigurationError("passphrase", "the two differ")
    return first.encode() or None


def _parser() -> argparse.ArgumentParser:
    summary, _, text = str(__doc__).partition("\n")
    parser = argparse.ArgumentParser(
        prog="sign-model",
        description=summary,
        epilog=text,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("new-key").add_argument("file", type=Path)
    for name, kind in (("version", str), ("package", Path)):
        command = commands.add_parser(name)
        command.add_argument(name, type=kind)
        command.add_argument("--key", type=Path, required=True, help="file of the private key")
        command.add_argument("--name", required=True, help="who signs")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
