"""The instructions of a Dockerfile, one by one, with their lines."""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import dataclass

from include.platform.stack.errors import ComposeError

_NAMED = re.compile(r"([A-Za-z]+)\s+(\S.*)", re.DOTALL)
_FLAG = re.compile(r"--([a-z]+)=(\S+)\s+")


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction: `COPY --from=build /a /b` is COPY, (("from", "build"),), "/a /b".

    Attributes:
        line: Where it begins in the file, from 1.
    """

    name: str
    flags: tuple[tuple[str, str], ...]
    text: str
    line: int

    @property
    def listed(self) -> tuple[str, ...] | None:
        """The words of the form that is a JSON list, None: it is the form of a shell."""
        if not self.text.startswith("["):
            return None
        try:
            words = json.loads(self.text)
        except ValueError:
            return None
        return tuple(words) if all(isinstance(word, str) for word in words) else None

    @property
    def words(self) -> tuple[str, ...]:
        """The words of either form.

        Raises:
            ComposeError: A quotation does not end.
        """
        try:
            return self.listed or tuple(shlex.split(self.text))
        except ValueError as error:
            raise ComposeError(f"line {self.line} of the Dockerfile: {error}") from error


def read_instructions(text: str) -> list[Instruction]:
    """Read a Dockerfile.

    Comments are left out between continued lines too, as an engine does.

    Raises:
        ComposeError: Names the line that is no instruction, or is of a kind not read here:
            directives of the parser, here-documents.
    """
    found: list[Instruction] = []
    held: list[str] = []
    start = 0
    for number, line in enumerate(text.splitlines(), 1):
        if re.match(r"#\s*(syntax|escape|check)\s*=", line) and not found and not held:
            raise ComposeError(f"line {number} of the Dockerfile: a directive is not read here")
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        start = start if held else number
        held.append(line.rstrip().removesuffix("\\"))
        if not line.rstrip().endswith("\\"):
            found.append(_instruction(" ".join(held).strip(), start))
            held = []
    if held:
        raise ComposeError(f"line {start} of the Dockerfile is not ended")
    return found


def _instruction(text: str, line: int) -> Instruction:
    named = _NAMED.fullmatch(text)
    if not named or "<<" in text:
        raise ComposeError(f"line {line} of the Dockerfile is not understood: {text[:60]}")
    rest, flags = named[2], []
    while flag := _FLAG.match(rest):
        flags.append((flag[1], flag[2]))
        rest = rest[flag.end() :]
    return Instruction(named[1].upper(), tuple(flags), rest.strip(), line)
