"""Who was erased, kept outside of what is backed up: a restore must not bring anybody back.

`FEX_ERASURE__NOTED_IN` names a file of JSON Lines. A line names nobody: it holds the tokens of
the recordings (`include.pipeline.trail.token_of`), a keyed hash that a restored ledger's names
can be compared with. It is written before the first deletion, so that no erasure is missed.
"""

from __future__ import annotations

import os
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from include.contracts.documents import DocumentError, Form
from include.contracts.errors import ConfigurationError
from include.pipeline.trail import token_of
from include.settings import Settings

_SETTING = "FEX_ERASURE__NOTED_IN"


@dataclass(frozen=True, slots=True)
class Erased:
    """One line: tokens of what an erasure was about to erase, and when, aware."""

    at: datetime
    run_id: str
    tokens: tuple[str, ...]


ERASED = Form(Erased)


def note(
    settings: Settings, run_id: str, places: Collection[tuple[str, str]], at: datetime
) -> None:
    """Add a line for recordings that are about to be erased; without the setting, none.

    Args:
        settings: The file, and the key of the tokens.
        run_id: Identity of the erasure.
        places: Study and name of each recording.
        at: When, aware.

    Raises:
        ConfigurationError: The file cannot be written: nothing may be erased then.
    """
    path = settings.erasure.noted_in
    if path is None:
        return
    tokens = sorted(token_of(settings, study, name) for study, name in places)
    line = ERASED.line(Erased(at, run_id, tuple(tokens))) + "\n"
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "ab") as file:
            file.write(line.encode())
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise ConfigurationError(_SETTING, f"{path} cannot be written: {error.strerror}") from error


def erased_tokens(path: Path) -> frozenset[str]:
    """Return the tokens of every recording that was ever erased; none where there is no file.

    Raises:
        ConfigurationError: The file cannot be read, or a line of it is none of ours.
    """
    try:
        lines = ERASED.read_lines(path.read_bytes(), path.name)
        return frozenset(token for line in lines for token in line.tokens)
    except FileNotFoundError:
        return frozenset()
    except (OSError, DocumentError) as error:
        raise ConfigurationError(_SETTING, f"{path} cannot be read: {error}") from error
