"""Draws docs/recordings.md from what was read, and reads its tables back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from include.video.refusals import conversion

PAGE = Path(__file__).resolve().parents[2] / "docs" / "recordings.md"
MATRIX, REFUSED, ODD, BROWSER = (
    "Container and codec",
    "Refused containers",
    "Odd but sound",
    "Recorded in a browser",
)
SECTIONS = (MATRIX, REFUSED, ODD, BROWSER)
_INTRODUCTION = """\
# Recordings

What recorders write and what the platform reads of it. Made by `make recordings-page`, which writes
every recording named here and reads it as the stages do; nothing is filled in by hand.

{versions}

Each recording holds four seconds: two of a face, one of nobody, one of the face. It is read twice a
second, so that a right reading is `{right}`: F a usable face, x a moment that is left out with
its reason, . nobody, g no picture at that time, u a picture that cannot be decoded.

If you can choose: MP4 with H.264. What is refused is told with what to do; nothing is lost.
"""
_LEADS: Mapping[str, str] = {
    MATRIX: "Written by FFmpeg, with sound. *read*: every moment as recorded. –: FFmpeg does not "
    "write the codec into that container. *no reader*: it writes it, but does not read it back "
    "itself; the platform refuses it.",
    REFUSED: "Written by FFmpeg. A video is told with the command that makes it one that is read: "
    f"`{conversion('FILE.mpg')}`.",
    ODD: "Written by FFmpeg from the same four seconds, each with one thing that cameras, editors "
    "or tools do. *read*: every moment as recorded.",
    BROWSER: "A canvas recorded by `MediaRecorder` in real time; moments beside a change may fall "
    "either way.",
}


@dataclass(frozen=True, slots=True)
class Table:
    """One table of the page: `heading` the columns, `rows` their cells, all of one line."""

    heading: Sequence[str]
    rows: Sequence[Sequence[str]]


def draw(versions: str, right: str, tables: Mapping[str, Table]) -> str:
    """Return the page; `tables` by section, all of `SECTIONS`."""
    parts = [_INTRODUCTION.format(versions=versions, right=right)]
    for section in SECTIONS:
        table = tables[section]
        lines = [_line(table.heading), _line(["---"] * len(table.heading))]
        lines += [_line(row) for row in table.rows]
        parts.append(f"## {section}\n\n{_LEADS[section]}\n\n" + "\n".join(lines) + "\n")
    return "\n".join(parts)


def parse(text: str) -> dict[str, Table]:
    """Return the tables of a page by section."""
    found = {}
    for part in text.split("\n## ")[1:]:
        section, _, body = part.partition("\n")
        rows = [
            [cell.strip() for cell in line.strip("|").split("|")]
            for line in body.splitlines()
            if line.startswith("|")
        ]
        found[section] = Table(rows[0], rows[2:])
    return found


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "/") or "–" for cell in cells) + " |"
