"""The fixed audit set: read whole, every problem named with the setting."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from include.contracts.errors import ConfigurationError
from include.governance.bias.fixed_set import SETTING, open_fixed_set


def make_set(path: Path, labels: str, pictures: tuple[str, ...] = ("a.jpg", "b.jpg")) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("labels.csv", labels)
        for name in pictures:
            archive.writestr(f"images/{name}", name.encode())
    return path


def test_faces_and_groups_in_an_order_that_does_not_change(tmp_path: Path) -> None:
    lines = ["a.jpg,20-29,Female", "b.jpg,30-39,Male"]
    sets = [
        open_fixed_set(make_set(tmp_path / f"{n}.zip", "\n".join(["file,age,gender", *order])))
        for n, order in enumerate((lines, lines[::-1]))
    ]
    assert sets[0].attributes == ("age", "gender")
    assert sets[0].faces == sets[1].faces
    assert {face.file: face.groups["age"] for face in sets[0].faces} == {
        "a.jpg": "20-29",
        "b.jpg": "30-39",
    }
    assert list(sets[0].pictures(sets[0].faces)) == [f.file.encode() for f in sets[0].faces]
    assert open_fixed_set(tmp_path / "0.zip", 1).faces == sets[0].faces[:1]


def test_without_a_set_the_setting_is_named() -> None:
    with pytest.raises(ConfigurationError, match=SETTING):
        open_fixed_set(None)


@pytest.mark.parametrize(
    ("labels", "problem"),
    [
        ("", "header"),
        ("name,age\na.jpg,1", "header"),
        ("file\na.jpg", "header"),
        ("file,age", "lists nobody"),
        ("file,age\na.jpg,", "line 2 has an empty"),
        ("file,age\na.jpg,1\nc.jpg,1", "line 3 names images/c.jpg"),
        ("file,age\na.jpg,1\na.jpg,2", "line 3 names 'a.jpg' a second time"),
    ],
)
def test_a_malformed_set_names_the_line(tmp_path: Path, labels: str, problem: str) -> None:
    with pytest.raises(ConfigurationError, match=problem):
        open_fixed_set(make_set(tmp_path / "set.zip", labels))


def test_a_file_that_is_no_zip_or_not_there(tmp_path: Path) -> None:
    (tmp_path / "set.zip").write_text("no zip")
    for name, problem in (("set.zip", "no zip"), ("other.zip", "no such file")):
        with pytest.raises(ConfigurationError, match=problem):
            open_fixed_set(tmp_path / name)
