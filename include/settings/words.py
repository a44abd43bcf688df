"""What settings accept and what is wrong with a value, in words.

A value that may hold a password is never part of a sentence.
"""

from __future__ import annotations

import types
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt
from pydantic import BaseModel, SecretStr

from include.settings.values import Allowed

if TYPE_CHECKING:
    from pydantic import ValidationError
    from pydantic.fields import FieldInfo
    from pydantic_core import ErrorDetails

_SHOWN_CHARACTERS = 120
_IN_A_LIST = 2
"""Where pydantic names more parts than group and field, an entry of a list is meant."""


def variable(group: str, name: str) -> str:
    """Return the environment variable of a setting."""
    return f"FEX_{group}__{name}".upper()


def allowed(field: FieldInfo) -> str:
    """Return what a setting accepts, as the end of "... is not"."""
    if (marker := _marker(field)) is not None:
        return marker.words
    kinds = _kinds(field)
    if bool in kinds:
        return "`true` or `false`"
    choices = [value for kind in kinds if get_origin(kind) is Literal for value in get_args(kind)]
    if choices:
        return "one of " + ", ".join(f"`{value}`" for value in choices)
    if int in kinds:
        return f"a whole number {_bounds(field)}"
    if float in kinds:
        return f"a number {_bounds(field)}"
    return "a text that is not empty"


def is_secret(field: FieldInfo) -> bool:
    """Whether a value of the setting may hold a password."""
    marker = _marker(field)
    return SecretStr in _kinds(field) or (marker is not None and marker.secret)


def fields_of(settings: type[BaseModel], group: str) -> dict[str, FieldInfo]:
    """Return the fields of a group by name."""
    kind: Any = settings.model_fields[group].annotation
    fields: dict[str, FieldInfo] = kind.model_fields
    return fields


def problems(
    settings: type[BaseModel], given: Mapping[str, Mapping[str, str]], error: ValidationError
) -> list[tuple[str, str]]:
    """Return the variable and what is wrong with it, for each fault that pydantic found.

    Args:
        settings: The class of all settings.
        given: What was validated: texts of the environment, by group and field.
        error: Why that failed.
    """
    found: dict[str, str] = {}
    for details in error.errors(include_url=False):
        group, *rest = map(str, details["loc"])
        fields = fields_of(settings, group)
        if not rest:
            names = f"FEX_{group}__*".upper()
            found.setdefault(names, f"{_reason(details)}.")
            continue
        field, text = fields[rest[0]], given[group][rest[0]]
        # A list is wrong once, however many of its entries are.
        found.setdefault(variable(group, rest[0]), _sentence(field, text, details))
    return list(found.items())


def _sentence(field: FieldInfo, text: str, details: ErrorDetails) -> str:
    value = "the value (not shown here)" if is_secret(field) else _shown(text)
    reason = ""
    if details["type"] == "value_error":
        reason = f" ({_reason(details)})"
    elif len(details["loc"]) > _IN_A_LIST:
        reason = f" (its entry {_shown(str(details['input']))} is none)"
    return f"{value} is not {allowed(field)}{reason}.{_hint(text)}"


def _reason(details: ErrorDetails) -> str:
    return str(details.get("ctx", {}).get("error", details["msg"]))


def _hint(text: str) -> str:
    """Help with what is typed wrongly most."""
    text = text.strip()
    if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"":
        return " The quotes are part of the value: leave them out."
    if text.count(",") == 1 and text.replace(",", "").lstrip("-").isdecimal():
        return " Decimals are written with a point."
    return ""


def _shown(text: str) -> str:
    if len(text) > _SHOWN_CHARACTERS:
        text = text[:_SHOWN_CHARACTERS] + "..."
    return repr(text)


def _bounds(field: FieldInfo) -> str:
    low = high = ""
    for item in _metadata(field):
        match item:
            case Ge(ge=bound):
                low = f"from {_plain(bound)}"
            case Gt(gt=bound):
                low = f"above {_plain(bound)}"
            case Le(le=bound):
                high = f"to {_plain(bound)}"
            case Lt(lt=bound):
                high = f"below {_plain(bound)}"
    joint = " and " if high.startswith("below") or low.startswith("above") else " "
    high = f"up {high}" if high.startswith("to") and low.startswith("above") else high
    return joint.join(filter(None, (low, high)))


def _plain(bound: object) -> str:
    return f"{bound:g}" if isinstance(bound, float) else str(bound)


def _marker(field: FieldInfo) -> Allowed | None:
    """The outermost marker: a type that narrows another says so after it."""
    found = [item for item in _metadata(field) if isinstance(item, Allowed)]
    return found[-1] if found else None


def _metadata(field: FieldInfo) -> Iterator[Any]:
    for part in get_args(field.annotation):
        yield from getattr(part, "__metadata__", ())
    yield from field.metadata


def _kinds(field: FieldInfo) -> list[Any]:
    """The plain types that a setting may have, without None."""
    annotation: Any = field.annotation
    parts = (
        get_args(annotation)
        if get_origin(annotation) in (Union, types.UnionType)
        else (annotation,)
    )
    return [
        getattr(part, "__origin__", part) if hasattr(part, "__metadata__") else part
        for part in parts
        if part is not type(None)
    ]
