"""What an engine sends of the checkout to a build: everything but what the ignore file names."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath


class Ignored:
    """The rules of an ignore file: the last one that fits a path, or a folder above it, decides.

    Args:
        text: The file: a pattern a line, `!` in front of one brings paths back.
    """

    def __init__(self, text: str) -> None:
        lines = [line.strip() for line in text.splitlines()]
        self._rules = [
            (_pattern(line.removeprefix("!").strip("/")), not line.startswith("!"))
            for line in lines
            if line and not line.startswith("#")
        ]

    def __contains__(self, path: str) -> bool:
        """Whether a path, relative to the checkout, is left out."""
        above = [str(folder) for folder in PurePosixPath(path).parents if str(folder) != "."]
        out = False
        for rule, leaves_out in self._rules:
            if any(rule.fullmatch(name) for name in (path, *above)):
                out = leaves_out
        return out


def _pattern(text: str) -> re.Pattern[str]:
    """Return a pattern of an ignore file as an expression: `**` any folders, `*` within one."""
    kinds = {"**/": r"(?:.*/)?", "**": r".*", "*": r"[^/]*", "?": r"[^/]"}
    parts = re.split(r"(\*\*/|\*\*|\*|\?)", text)
    return re.compile("".join(kinds.get(part, re.escape(part)) for part in parts))


def files_below(root: Path, source: str, ignored: Ignored) -> list[Path]:
    """Return the files of a source of COPY, relative to `root`, that reach the build."""
    start = root / source
    found = sorted(start.rglob("*")) if start.is_dir() else [start]
    names = [path.relative_to(root) for path in found if path.is_symlink() or not path.is_dir()]
    return [name for name in names if name.as_posix() not in ignored]
