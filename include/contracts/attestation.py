"""Who stands for a model package: a signature over its sha256, kept beside it.

A signature is a DSSE envelope (Dead Simple Signing Envelope 1.0, secure-systems-lab/dsse) with
Ed25519 (RFC 8032) around an in-toto statement (in-toto attestation framework, Statement v1)
whose subject is the package. Other tools that know these formats can check it.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from include.contracts.errors import ConfigurationError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

ATTESTATION_FILE = "attestation.json"
"""Lies beside `model.tar.gz`, in the repository and in every registry."""

SETTING = "FEX_MODEL__SIGNERS"
KEY_BYTES = 32

_PAYLOAD_TYPE = "application/vnd.in-toto+json"
_STATEMENT = "https://in-toto.io/Statement/v1"
_PREDICATE = "urn:fex:model-release:v1"


class UnsignedPackageError(ConfigurationError):
    """A package that nobody in `FEX_MODEL__SIGNERS` stands for."""

    def __init__(self, problem: str) -> None:
        super().__init__(SETTING, problem)
        self.problem_only = problem

    def __reduce__(self) -> tuple[type[UnsignedPackageError], tuple[str]]:  # type: ignore[override]
        return (type(self), (self.problem_only,))


def parse_signer(text: str) -> tuple[str, bytes]:
    """Return name and public key of `name=key`, the key as base64 of its 32 bytes.

    Raises:
        ValueError: It is neither; the message says what is expected.
    """
    name, _, encoded = (part.strip() for part in text.partition("="))
    try:
        key = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not name or len(key) != KEY_BYTES:
        raise ValueError(
            f"{text!r} is not `name=key`, the key being 44 characters of base64 as "
            "`make sign-model ARGS='new-key FILE'` prints them"
        )
    return name, key


def key_id(public_key: bytes) -> str:
    """Return the name of a public key in envelopes: 16 hex digits of its sha256."""
    return hashlib.sha256(public_key).hexdigest()[:16]


def sign(sha256: str, facts: Mapping[str, str], key: Ed25519PrivateKey) -> dict[str, Any]:
    """Return a signed statement about a package.

    Args:
        sha256: Hex digest of the package's bytes.
        facts: What the signer says of it: texts by name.
        key: The signer's private key.
    """
    statement = {
        "_type": _STATEMENT,
        "subject": [{"name": "model.tar.gz", "digest": {"sha256": sha256}}],
        "predicateType": _PREDICATE,
        "predicate": dict(facts),
    }
    payload = json.dumps(statement, sort_keys=True, separators=(",", ":")).encode()
    public = key.public_key().public_bytes_raw()
    return {
        "payloadType": _PAYLOAD_TYPE,
        "payload": base64.b64encode(payload).decode(),
        "signatures": [
            {"keyid": key_id(public), "sig": base64.b64encode(key.sign(_signed(payload))).decode()}
        ],
    }


def verify(
    envelope: Mapping[str, Any] | None, sha256: str, signers: Iterable[str]
) -> tuple[str, dict[str, str]]:
    """Return who signed a package, and what they say of it.

    Args:
        envelope: What lies beside the package; None: nothing does.
        sha256: Hex digest of the package's bytes.
        signers: Those who may, each `name=key`.

    Raises:
        UnsignedPackageError: Nobody signed it, none of the signers did, or they signed
            other bytes.
    """
    shown = f"the model package {sha256[:12]}"
    if not envelope:
        raise UnsignedPackageError(
            f"{shown} is not signed: have one of the signers run `make sign-model`"
        )
    try:
        payload = base64.b64decode(envelope["payload"], validate=True)
        found = [
            (str(item["keyid"]), base64.b64decode(item["sig"], validate=True))
            for item in envelope["signatures"]
        ]
        kind = envelope["payloadType"]
    except (KeyError, TypeError, ValueError) as error:
        raise UnsignedPackageError(f"the signature of {shown} cannot be read: {error}") from None
    name = _signer(payload, found, dict(map(parse_signer, signers)))
    if name is None or kind != _PAYLOAD_TYPE:
        raise UnsignedPackageError(
            f"{shown} is signed by none of the signers (keys {', '.join(key for key, _ in found)})"
        )
    statement = json.loads(payload)  # signed: what one of the signers wrote
    digests = [subject["digest"]["sha256"] for subject in statement["subject"]]
    if statement["predicateType"] != _PREDICATE or digests != [sha256]:
        raise UnsignedPackageError(f"{name} signed another package than {sha256[:12]}")
    return name, dict(statement["predicate"])


def _signer(
    payload: bytes, signatures: Iterable[tuple[str, bytes]], signers: Mapping[str, bytes]
) -> str | None:
    """Return the first signer whose key made one of the signatures."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    message = _signed(payload)
    for _, signature in signatures:
        for name, public in signers.items():
            try:
                Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
            except InvalidSignature:
                continue
            return name
    return None


def _signed(payload: bytes) -> bytes:
    """Return the bytes that are signed: DSSE's pre-authentication encoding."""
    kind = _PAYLOAD_TYPE.encode()
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)
