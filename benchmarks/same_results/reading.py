"""A published file as what a reader takes from it: fields by path, or words in their order."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import tarfile
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

Fields = dict[str, object]
"""By path: `rows[3].emotion`, `model.version`."""
Texts = list[str]
"""Blocks of words, in the order of the page: paragraphs, cells, lines."""

TEXTS = frozenset({".html", ".svg", ".md", ".txt", ".out"})
_INLINE = frozenset({"a", "abbr", "b", "code", "em", "i", "mark", "small", "span", "strong", "sub",
                     "sup", "time", "tspan", "u", "wbr"})  # fmt: skip
_UNSEEN = frozenset({"script", "style", "template", "metadata"})


def read(path: Path) -> Fields | Texts:
    """Read one file by its ending; of one that is neither table, JSON, text nor archive its sha256.

    Raises:
        ValueError: It is damaged.
    """
    if path.suffix == ".parquet":
        return _table(path)
    if path.suffix == ".csv":
        return _spreadsheet(path.read_text(encoding="utf-8-sig"))
    if path.suffix == ".json":
        return dict(_flat("", json.loads(path.read_bytes())))
    if path.suffix == ".tar":
        return _archive(path)
    if path.suffix in TEXTS:
        return _texts(path)
    return {"sha256": hashlib.sha256(path.read_bytes()).hexdigest()}


def _table(path: Path) -> Fields:
    table = pq.read_table(path)
    found: Fields = {"columns": ", ".join(table.column_names), "rows": table.num_rows}
    for field in table.schema:
        found[f"type of {field.name}"] = str(field.type)
    for name, text in (table.schema.metadata or {}).items():
        found[f"metadata {name.decode()}"] = text.decode(errors="replace")
    for number, row in enumerate(table.to_pylist()):
        found |= {f"rows[{number}].{name}": value for name, value in row.items()}
    return found


def _spreadsheet(text: str) -> Fields:
    names, *rows = list(csv.reader(io.StringIO(text)))
    found: Fields = {"columns": ", ".join(names), "rows": len(rows)}
    for number, row in enumerate(rows):
        cells = zip(names, row, strict=True)
        found |= {f"rows[{number}].{name}": value for name, value in cells}
    return found


def _archive(path: Path) -> Fields:
    found: Fields = {}
    with tarfile.open(path) as archive:
        for number, member in enumerate(archive.getmembers()):
            content = archive.extractfile(member)
            assert content is not None
            found[f"members[{number}].name"] = member.name
            found[f"members[{number}].sha256"] = hashlib.sha256(content.read()).hexdigest()
    return found


def _flat(path: str, value: Any) -> Iterator[tuple[str, object]]:
    """Yield every leaf; an empty list or object is one."""
    if isinstance(value, dict) and value:
        for name, item in value.items():
            yield from _flat(f"{path}.{name}" if path else name, item)
    elif isinstance(value, list) and value:
        for number, item in enumerate(value):
            yield from _flat(f"{path}[{number}]", item)
    else:
        yield path, json.dumps(value) if isinstance(value, dict | list) else value


def _texts(path: Path) -> Texts:
    text = path.read_text(encoding="utf-8", errors="replace")
    if path.suffix not in {".html", ".svg"}:
        return [" ".join(line.split()) for line in text.splitlines() if line.strip()]
    seen = _Seen()
    seen.feed(text)
    seen.close()
    return seen.blocks()


class _Seen(HTMLParser):
    """The words that people see, a block for each element that is set apart from its neighbours."""

    def __init__(self) -> None:
        """Start with no words."""
        super().__init__(convert_charrefs=True)
        self._pieces: list[str] = []
        self._unseen = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002
        """Begin a block, or what nobody sees."""
        self._unseen += tag in _UNSEEN
        self._part(tag)

    def handle_endtag(self, tag: str) -> None:
        """End it."""
        self._unseen -= tag in _UNSEEN
        self._part(tag)

    def handle_data(self, data: str) -> None:
        """Take words."""
        if not self._unseen:
            self._pieces.append(data.replace("\x00", ""))

    def _part(self, tag: str) -> None:
        if tag not in _INLINE:
            self._pieces.append("\x00")

    def blocks(self) -> Texts:
        """Return the blocks that hold words."""
        found = (" ".join(block.split()) for block in "".join(self._pieces).split("\x00"))
        return [block for block in found if block]
