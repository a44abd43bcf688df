"""`python -m include.settings.page`: write `docs/settings.md` from the settings themselves."""

from __future__ import annotations

import ast
import inspect
import sys
import textwrap
from pathlib import Path
from typing import Any

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
instead of the defaults below. In `docker-compose.yaml` a secret comes by file: the containers'
entry point reads `FEX_GROUP__NAME_FILE`.

This page is made by `make settings-page`.
"""

_ROOT = str(Path(__file__).parents[2])


def page() -> str:
    """Return the page as Markdown."""
    return "\n".join([_HEAD, *map(_group, Settings.model_fields), _elsewhere()])


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


def _group(group: str) -> str:
    defaults: BaseModel = getattr(Settings(), group)
    kind = type(defaults)
    told = descriptions(kind)
    rows = [
        "| " + " | ".join(map(_cell, row)) + " |"
        for row in (
            (
                f"`{words.variable(group, name)}`",
                _default(getattr(defaults, name)),
                words.allowed(field),
                told[name],
            )
            for name, field in kind.model_fields.items()
        )
    ]
    return "\n".join(
        [
            f"## {group}",
            "",
            inspect.cleandoc(kind.__doc__ or ""),
            "",
            "| variable | default | allowed | what it does |",
            "|---|---|---|---|",
            *rows,
            "",
        ]
    )


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
