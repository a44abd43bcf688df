"""Generated secrets of the embedded platform, kept in files that only their owner reads."""

from __future__ import annotations

import base64
import json
import os
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from include.platform.layout import Layout

VIEWER = "viewer"
"""The role of Airflow's simple auth manager that may answer nothing."""
USERS = {
    "admin": "admin",
    "operator": "op",
    "marketer": VIEWER,
    "auditor": "user",
    "approver": "user",
}
"""Airflow users and their roles: data operations, people who read results, who sign audits, who
approve models.

Answering a question takes a role that may write; whose answer counts is a setting of each
question.
"""

ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class Secrets:
    """What the components share. Never printed: the values are left out of `repr`."""

    jwt_secret: str = field(repr=False)
    fernet_key: str = field(repr=False)
    api_secret_key: str = field(repr=False)
    pseudonym_key: str = field(repr=False)


def ensure_secrets(layout: Layout) -> Secrets:
    """Return the secrets of this home, generating those that are missing."""
    _ensure_passwords(layout.passwords_file)
    return Secrets(
        jwt_secret=_ensure(layout.secrets / "jwt-secret", lambda: secrets.token_urlsafe(64)),
        fernet_key=_ensure(layout.secrets / "fernet-key", _fernet_key),
        api_secret_key=_ensure(layout.secrets / "api-secret-key", lambda: secrets.token_hex(32)),
        pseudonym_key=_ensure(layout.secrets / "pseudonym-key", lambda: secrets.token_hex(32)),
    )


def read_password(layout: Layout, user: str = ADMIN) -> str:
    """Return a user's password.

    Raises:
        OSError: The platform was never started in this home.
    """
    passwords: dict[str, str] = json.loads(layout.passwords_file.read_text())
    return passwords[user]


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read, in one step."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as stream:
        stream.write(text)
    draft.replace(path)


def _ensure(path: Path, generate: Callable[[], str]) -> str:
    try:
        value = path.read_text().strip()
    except FileNotFoundError:
        value = ""
    if not value:
        value = generate()
        write_private(path, value + "\n")
    path.chmod(0o600)
    return value


def _ensure_passwords(path: Path) -> None:
    """Keep existing passwords; Airflow would print those it has to generate."""
    try:
        passwords: dict[str, str] = json.loads(path.read_text())
    except (FileNotFoundError, ValueError):
        passwords = {}
    missing = [user for user in USERS if user not in passwords]
    if missing:
        passwords |= {user: secrets.token_urlsafe(16) for user in missing}
        write_private(path, json.dumps(passwords) + "\n")
    path.chmod(0o600)


def _fernet_key() -> str:
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
