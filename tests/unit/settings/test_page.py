"""The page of all settings, and the names that stand elsewhere in the project."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from include.settings import Settings, names, variables
from include.settings.page import PAGE, descriptions, page

ROOT = Path(__file__).parents[3]
NAME = re.compile(r"\bFEX_[A-Z0-9_]*[A-Z0-9]\b")
STAND_FOR_ANY = {"FEX_GROUP__NAME", "FEX_GROUP__NAME_FILE", "FEX_X__Y", "FEX_X__Y_FILE"}


def test_the_page_is_what_the_settings_are() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "make settings-page"


def test_the_page_lists_every_variable_once() -> None:
    rows = re.findall(r"^\| `(FEX_\w+)` \|", page(), re.MULTILINE)
    assert sorted(rows) == sorted([*variables(), *names.ELSEWHERE])


@pytest.mark.parametrize("group", sorted(Settings.model_fields))
def test_every_setting_says_what_it_does(group: str) -> None:
    kind = type(getattr(Settings(), group))
    assert kind.__doc__
    assert descriptions(kind).keys() == kind.model_fields.keys()


def test_every_name_in_the_project_is_a_setting() -> None:
    """What scripts set and pages advise must not stop the command that reads it."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split("\0")
    known = variables().keys() | names.ELSEWHERE.keys() | names.FORMER.keys() | STAND_FOR_ANY
    known |= {f"{name}_FILE" for name in variables()}
    strange = []
    for name in listed:
        path = ROOT / name
        if "tests/unit/settings" in name or not path.is_file() or path.suffix in (".mp4", ".gz"):
            continue
        text = path.read_bytes().decode("utf-8", "replace")
        strange += [(name, found) for found in set(NAME.findall(text)) - known]
    assert strange == []
