"""Documents: what is kept as JSON has a frozen type, one writer and one reader.

A form says how documents of a type are kept. Each carries the number of its schema; one without
a number is of schema 1, as everything was before there were numbers. Older ones are brought up
to date step by step before they are read; what does not fit is refused with the document's name
and the field.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, is_dataclass
from datetime import datetime
from functools import cache
from types import NoneType, UnionType
from typing import Any, Generic, TypeVar, Union, get_args, get_origin, get_type_hints

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


def plain_values(value: object) -> Any:
    """Return documents, or what holds them, as what JSON knows: for Airflow's XCom."""
    return msgspec.to_builtins(value)


def typed_values(values: object, kind: type[T], name: str) -> T:
    """Return what `plain_values` made plain as what it was.

    Args:
        values: What JSON knows.
        kind: Its type.
        name: Where it comes from, for what is said when it is refused.

    Raises:
        DocumentError: A field is missing or wrong.
    """
    try:
        return msgspec.convert(values, kind)
    except msgspec.ValidationError as error:
        raise DocumentError(name, str(error).replace("`$.", "`")) from error


@dataclass(frozen=True, slots=True)
class Form(Generic[T]):
    """How documents of one type are kept.

    Attributes:
        type: A frozen dataclass. Fields with a default may be missing in older documents.
        schema: Number that is written; raised when content of the one before cannot be read.
        upgrades: What makes content of schema n content of schema n + 1, by n.
        undefined: Whether numbers may be undefined: NaN is kept as null, and null is read as NaN
            where a number stands. Otherwise a null there is refused.
        decimals: That numbers are rounded to where they are kept; None keeps all.
        number: Field that carries the number of the schema, where it was called otherwise before
            there were forms and sealed bytes hold it.
    """

    type: type[T]
    schema: int = 1
    upgrades: Mapping[int, Upgrade] = field(default_factory=dict)
    undefined: bool = False
    decimals: int | None = None
    number: str = SCHEMA

    def plain(self, document: T) -> Content:
        """Return a document as what JSON knows, with the number of its schema."""
        content = msgspec.to_builtins(
            document, builtin_types=(datetime,), enc_hook=_builtin, order="deterministic"
        )
        return {self.number: self.schema, **self._kept(content)}

    def write(self, document: T) -> bytes:
        """Return a document as JSON for people and programs; the same document, the same bytes.

        Raises:
            ValueError: A number is not finite, and the form knows none that is undefined.
        """
        content = self.plain(document)
        text = json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False)
        try:
            return text.encode()
        except UnicodeEncodeError:  # half a character, in a name somebody chose: escaped it is kept
            return json.dumps(content, indent=1, sort_keys=True, allow_nan=False).encode()

    def line(self, document: T) -> str:
        """Return a document as one line, for files of JSON Lines.

        Raises:
            ValueError: As for `write`.
        """
        return json.dumps(self.plain(document), sort_keys=True, allow_nan=False)

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
        written = plain.pop(self.number, 1)
        if not isinstance(written, int) or not 1 <= written <= self.schema:
            raise DocumentError(
                name,
                f"{self.number} is {written!r}, and this version of the platform reads 1 to "
                f"{self.schema}: a later version wrote it",
            )
        try:
            for step in range(written, self.schema):
                plain = self.upgrades[step](plain)
            if self.undefined:
                plain = _with_nan(plain, self.type)
        except (KeyError, TypeError, AttributeError) as error:
            raise DocumentError(name, f"it cannot be brought up to date ({error!r})") from error
        return typed_values(plain, self.type, name)

    def read_lines(self, content: bytes, name: str) -> list[T]:
        """Return the documents of a file of JSON Lines; empty lines are passed over.

        Raises:
            DocumentError: As for `read`; the name has the line's number.
        """
        return [
            self.read(line, f"{name}, line {number}")
            for number, line in enumerate(content.splitlines(), 1)
            if line.strip()
        ]

    def _kept(self, value: Any) -> Any:
        if isinstance(value, float):
            if self.undefined and not math.isfinite(value):
                return None
            return value if self.decimals is None else round(value, self.decimals)
        if isinstance(value, datetime):
            return value.isoformat()
        if isinstance(value, dict):
            return {name: self._kept(item) for name, item in value.items()}
        if isinstance(value, list | tuple):
            return [self._kept(item) for item in value]
        return value


def _builtin(value: Any) -> object:
    """Return a number of NumPy, or a mapping that is no dict, as what JSON knows."""
    return float(value) if isinstance(value, float) else dict(value)


def _with_nan(value: Any, hint: Any) -> Any:
    """Return content with NaN for each null where its type asks for a number."""
    if value is None:
        return math.nan if hint is float else None
    if get_origin(hint) in (Union, UnionType):
        hint = next(one for one in get_args(hint) if one is not NoneType)
    of = get_args(hint)
    if isinstance(value, dict) and isinstance(hint, type) and is_dataclass(hint):
        hints = _hints(hint)
        return {name: _with_nan(item, hints.get(name)) for name, item in value.items()}
    if isinstance(value, dict) and of:
        return {name: _with_nan(item, of[-1]) for name, item in value.items()}
    if isinstance(value, list) and of:
        each = of if len(of) == len(value) and Ellipsis not in of else of[:1] * len(value)
        return [_with_nan(item, one) for item, one in zip(value, each, strict=True)]
    return value


@cache
def _hints(kept: type) -> Mapping[str, Any]:
    return get_type_hints(kept)
