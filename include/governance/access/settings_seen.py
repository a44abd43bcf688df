"""The settings as the audit log keeps them: what differs from the defaults, without secrets."""

from __future__ import annotations

import json
from collections.abc import Mapping

from include.settings import Settings, variables, words

_SET = "(set)"


def seen(settings: Settings) -> dict[str, str]:
    """Return the settings that are not as built, by variable; a secret as "(set)"."""
    defaults = Settings()
    found: dict[str, str] = {}
    for variable, (group, name) in sorted(variables().items()):
        value = getattr(getattr(settings, group), name)
        if value == getattr(getattr(defaults, group), name):
            continue
        field = words.fields_of(Settings, group)[name]
        found[variable] = _SET if words.is_secret(field) else _text(value)
    return found


def changes(before: Mapping[str, str], now: Mapping[str, str]) -> dict[str, list[str | None]]:
    """Return what differs, by variable: before and now; None stands for "as built"."""
    return {
        variable: [before.get(variable), now.get(variable)]
        for variable in sorted(before.keys() | now.keys())
        if before.get(variable) != now.get(variable)
    }


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, default=str, ensure_ascii=False)
