"""Rooms of `include` import what docs/architecture.md says they may, and nothing else."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

INCLUDE = Path(__file__).parents[2] / "include"

GROUND = {"contracts", "settings", "statistics"}
STORES = GROUND | {"lake", "ledger"}
MAY_IMPORT: dict[str, set[str]] = {
    "contracts": set(),
    "statistics": set(),
    "settings": {"contracts"},
    "aws_errors": {"contracts"},
    "lake": GROUND,
    "ledger": GROUND,
    "study": GROUND,
    "video": GROUND,
    "made_media": GROUND | {"video"},
    "quality": GROUND | {"pages"},
    "jobs": GROUND | {"aws_errors"},
    "inference": STORES | {"jobs", "aws_errors"},
    "training_jobs": STORES | {"jobs", "aws_errors", "composition"},
    "pages": {"contracts", "statistics"},
    "insights": GROUND | {"pages"},
    "labelling": {"contracts", "statistics", "pages"},
    "monitoring": {"contracts", "statistics", "pages"},
    "governance": STORES | {"insights", "pages"},
    "observability": STORES | {"aws_errors", "composition"},
    "composition": STORES | {"inference", "observability"},
}
TOP = ("pipeline", "platform", "demo")
"""Stages may import every room but the platform that runs them, which may import every room but
the demonstrations that drive it."""


def _imported(tree: ast.AST) -> set[str]:
    """Return the modules imported at run time, those inside functions too."""
    names: set[str] = set()
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        else:
            names |= _imported(node)
    return names


def _rooms() -> list[str]:
    found = {path.relative_to(INCLUDE).parts[0].removesuffix(".py") for path in _sources()}
    return sorted(found - {"__init__"})


def _sources() -> list[Path]:
    return sorted(INCLUDE.rglob("*.py"))


@pytest.mark.parametrize("room", _rooms())
def test_a_room_imports_what_it_may(room: str) -> None:
    above = TOP[TOP.index(room) + 1 :] if room in TOP else TOP
    allowed = MAY_IMPORT.get(room, set(_rooms()) - set(above)) | {room}
    for path in _sources():
        if path.relative_to(INCLUDE).parts[0] not in (room, f"{room}.py"):
            continue
        imported = _imported(ast.parse(path.read_text()))
        assert not {name for name in imported if name.split(".")[0] == "airflow"}, path
        ours = {name.split(".")[1] for name in imported if name.startswith("include.")}
        assert ours <= allowed, f"{path} imports {sorted(ours - allowed)}"


def test_every_room_has_its_rule() -> None:
    assert set(_rooms()) == MAY_IMPORT.keys() | set(TOP)
