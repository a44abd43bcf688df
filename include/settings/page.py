"""`python -m include.settings.page`: write `docs/settings.md` from the settings themselves."""

from __future__ import annotations

import ast
import inspect
import sys
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel

from include.settings import Settings, names, words

PAGE = Path(__file__).parents[2] / "docs" / "settings.md"

_HEAD = """# Settings

Every setting is an environment variable `FEX_GROUP__NAME`, with two underscores between the
group and the name. They are read once, when a command or a component starts; a variable that is
empty counts as not set. A name that is no setting, or a value that is not allowed, stops the
command with a sentence and exit status 2. Numbers have a decimal point. Lists are written
`a,b` or as JSON (`["a", "b"]`), which is the way for entries with a comma.

The embedded platform (`make up`) puts every place under its home (`var/`, or `FEX_HOME`)
instead of the defaults below. Where `docker-compose.yaml` sets one, its value stands under "in the
stack"; a secret comes by file there: the containers' entry point reads `FEX_GROUP__NAME_FILE`.

This page is made by `make settings-page` of the settings and of `docker-compose.yaml`.
"""

_ROOT = str(Path(__file__).parents[2])
_LONGEST_SHOWN = 40
"""Characters of a value from the compose file; a public key is longer."""
_COMPOSE = Path(_ROOT) / "docker-compose.yaml"


def page() -> str:
    """Return the page as Markdown."""
    stack = _in_the_stack()
    groups = [_group(group, stack) for group in Settings.model_fields]
    return "\n".join([_HEAD, *groups, _elsewhere()])


def descriptions(group: type[BaseModel]) -> dict[str, str]:
    """Return what each setting of a group does: the text under it in the source, on one line."""
    body = ast.parse(textwrap.dedent(inspect.getsource(group))).body[0]
    assert isinstance(body, ast.ClassDef)
    found = {}
    for statement, following in zip(body.body, body.body[1:], strict=False):
        match statement, following:
            case (
                ast.AnnAssign(target=ast.Name(id=name)),
                ast.Expr(value=ast.Constant(value=str(text))),
            ):
                found[name] = " ".join(text.split())
    return found


def _in_the_stack() -> dict[str, str]:
    """Return what `docker-compose.yaml` sets, by variable."""
    services = yaml.safe_load(_COMPOSE.read_text(encoding="utf-8"))["services"].values()
    return {
        name.removesuffix("_FILE"): _set_to(name, str(value))
        for service in services
        for name, value in service.get("environment", {}).items()
        if name.startswith("FEX_")
    }


def _set_to(name: str, value: str) -> str:
    if name.endswith("_FILE"):
        return "a secret"
    return f"`{value}`" if len(value) <= _LONGEST_SHOWN else "given there"


def _group(group: str, stack: Mapping[str, str]) -> str:
    defaults: BaseModel = getattr(Settings(), group)
    kind = type(defaults)
    told = descriptions(kind)
    rows = [["variable", "default", "in the stack", "allowed", "what it does"], ["---"] * 5]
    for name, field in kind.model_fields.items():
        variable = words.variable(group, name)
        default = _default(getattr(defaults, name))
        set_to = stack.get(variable, "")
        rows.append([f"`{variable}`", default, set_to, words.allowed(field), told[name]])
    if not any(row[2] for row in rows[2:]):
        rows = [row[:2] + row[3:] for row in rows]
    table = ["| " + " | ".join(map(_cell, row)) + " |" for row in rows]
    return "\n".join([f"## {group}", "", inspect.cleandoc(kind.__doc__ or ""), "", *table, ""])


def _default(value: Any) -> str:
    if value is None or value in ("", ()):
        return "none"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, float):
        return f"`{value:.10g}`"
    if isinstance(value, tuple):
        return f"`{','.join(value)}`"
    return f"`{str(value).removeprefix(f'{_ROOT}/')}`"


def _elsewhere() -> str:
    rows = [f"| `{name}` | {_cell(text)} |" for name, text in names.ELSEWHERE.items()]
    return "\n".join(
        ["## Outside the groups", "", "| variable | what it is |", "|---|---|", *rows, ""]
    )


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def main() -> int:
    """Write the page; returns the exit status."""
    PAGE.write_text(page(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
