"""Documents: what is kept as JSON has a frozen type, one writer and one reader.

A form says how documents of a type are kept. Each carries the number of its schema; one without
a number is of schema 1, as everything was before there were numbers. Older ones are brought up
to date step by step before they are read; what does not fit is refused with the document's name
and the field.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import msgspec

from include.contracts.errors import PlatformError

T = TypeVar("T")
Content = dict[str, Any]
"""A document before it is checked."""
Upgrade = Callable[[Content], Content]
"""Makes content of one schema content of the next; it may change what it is given."""

SCHEMA = "schema"


class DocumentError(PlatformError, ValueError):
    """A document is none of its form.

    Args:
        name: Its key or path.
        problem: What is wrong, naming the field.
    """

    def __init__(self, name: str, problem: str) -> None:
        super().__init__(f"{name}: {problem}")
        self.name = name
        self.problem = problem

    def __reduce__(self) -> tuple[type[DocumentError], tuple[str, str]]:
        return (type(self), (self.name, self.problem))


@dataclass(frozen=True, slots=True)
class Form(Generic[T]):
    """How documents of one type are kept.

    Attributes:
        type: A frozen dataclass. Fields with a default may be missing in older documents.
        schema: Number that is written; raised when content of the one before cannot be read.
        upgrades: What makes content of schema n content of schema n + 1, by n.
    """

    type: type[T]
    schema: int = 1
    upgrades: Mapping[int, Upgrade] = field(default_factory=dict)

    def write(self, document: T) -> bytes:
        """Return a document as JSON for people and programs; the same document, the same bytes."""
        content = {SCHEMA: self.schema, **msgspec.to_builtins(document)}
        return json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False).encode()

    def read(self, content: bytes | str, name: str) -> T:
        """Return a document.

        Args:
            content: JSON.
            name: Its key or path, for what is said when it is refused.

        Raises:
            DocumentError: It is no JSON, of a later schema, or a field is missing or wrong.
        """
        try:
            plain = json.loads(content)
        except (ValueError, RecursionError) as error:
            raise DocumentError(name, f"it is no JSON ({error})") from error
        if not isinstance(plain, dict):
            raise DocumentError(name, "it is no JSON object")
        written = plain.pop(SCHEMA, 1)
        if not isinstance(written, int) or not 1 <= written <= self.schema:
            raise DocumentError(
                name,
                f"{SCHEMA} is {written!r}, and this version of the platform reads 1 to "
                f"{self.schema}: a later version wrote it",
            )
        try:
            for step in range(written, self.schema):
                plain = self.upgrades[step](plain)
            return msgspec.convert(plain, self.type)
        except msgspec.ValidationError as error:
            raise DocumentError(name, str(error).replace("`$.", "`")) from error
        except (KeyError, TypeError, AttributeError) as error:
            raise DocumentError(name, f"it cannot be brought up to date ({error!r})") from error
