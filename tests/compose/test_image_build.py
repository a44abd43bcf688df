"""What `make image` understands of a Dockerfile and its ignore file; builds need root."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from include.contracts.quiet import QUIET
from include.platform.stack.errors import ComposeError
from include.platform.stack.instructions import read_instructions
from scripts.image import base
from scripts.image.build import Build, BuildError, Machine, owner
from scripts.image.context import Ignored, files_below

ROOT = Path(__file__).parents[2]


def test_instructions_keep_their_lines_flags_and_forms() -> None:
    steps = read_instructions(
        "# a comment\nFROM a:1 AS b\n\nRUN --mount=type=cache,target=/c x \\\n# between\n  && y\n"
        'CMD ["a b", "c"]\nENV A=1 B="2 3"\n'
    )
    assert [(step.name, step.line) for step in steps] == [
        ("FROM", 2),
        ("RUN", 4),
        ("CMD", 7),
        ("ENV", 8),
    ]
    assert steps[1].flags == (("mount", "type=cache,target=/c"),)
    assert steps[1].text.split() == ["x", "&&", "y"]
    assert steps[1].listed is None
    assert steps[2].listed == ("a b", "c")
    assert steps[3].words == ("A=1", "B=2 3")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("FROM a\nRUN <<END\nx\nEND\n", 2),
        ("# syntax=docker/dockerfile:1\nFROM a\n", 1),
        ("FROM a\n\nRUN x \\\n", 3),
        ("FROM a\nUSER\n", 2),
    ],
)
def test_what_is_not_read_is_named_by_its_line(text: str, line: int) -> None:
    with pytest.raises(ComposeError, match=f"line {line} "):
        read_instructions(text)


def test_the_last_rule_that_fits_decides() -> None:
    ignored = Ignored("*\n!a\n!b/c\n**/*.pyc\n# no rule\na/x?\n")
    kept = ["a/f.py", "a/deep/er/f", "b/c/d", "a/x12"]
    out = ["b/d", "tests/a", "a/f.pyc", "a/deep/f.pyc", "a/x1", "a/x1/y", "f.pyc"]
    assert [path for path in (*kept, *out) if path not in ignored] == kept


def test_of_the_checkout_only_the_platform_reaches_the_build() -> None:
    ignored = Ignored((ROOT / "docker" / "Dockerfile.dockerignore").read_text())
    tracked = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout.splitlines()
    sent = [name for name in tracked if name not in ignored]
    assert {name.partition("/")[0] for name in sent if "/" in name} == {
        *("dags", "plugins", "include", "ml", "docker", "deploy"),
    }
    for private in ("docker/secrets/ledger_url", ".git/config", ".env", "var/lake/x", "tests/a.py"):
        assert private in ignored
    found = files_below(ROOT, "deploy/helm/pod-templates", ignored)
    assert found
    assert all(str(name) in tracked for name in found)


def build(folder: Path, text: str) -> Build:
    (folder / "Dockerfile").write_text(text)
    (folder / "Dockerfile.dockerignore").write_text("")
    said: list[str] = []
    return Build(folder, folder / "Dockerfile", Machine(folder, {}, {}, {}), said.append)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("FROM python:3.11.13-slim-bookworm\nADD a b\n", "line 2: ADD is not known"),
        ("FROM debian:12\n", "line 1: nothing stands for the image debian:12"),
        ("ARG A=debian:12\nFROM $A\n", "line 2: nothing stands for the image debian:12"),
        ("ENV A=1\n", "line 1: stands before the first FROM"),
    ],
)
def test_a_step_that_is_not_known_stops_the_build(tmp_path: Path, text: str, named: str) -> None:
    with pytest.raises(BuildError, match=named):
        build(tmp_path, text).run()


def test_the_base_stands_for_the_image_that_the_dockerfile_names() -> None:
    steps = read_instructions((ROOT / "docker" / "Dockerfile").read_text())
    bases = {step.text.split()[0] for step in steps if step.name == "FROM"}
    assert [base.stands_for(image) for image in bases] == [True]
    assert base.stands_for("python:3.11.13-slim-bookworm@sha256:" + "0" * 64)
    assert not base.stands_for("python:3.12.1-slim-bookworm")
    assert not base.stands_for("python:3.11.13-slim-trixie")


def test_no_library_tells_anybody_that_the_image_runs() -> None:
    steps = read_instructions((ROOT / "docker" / "Dockerfile").read_text())
    said = dict(word.split("=", 1) for step in steps if step.name == "ENV" for word in step.words)
    assert said.items() >= QUIET.items()


def test_users_of_an_image_are_looked_up_in_it(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "passwd").write_text("root:x:0:0:::\nfex:x:50000:50001:::\n")
    (tmp_path / "etc" / "group").write_text("root:x:0:\nfex:x:50001:\n")
    assert owner(tmp_path, "fex") == (50000, 50001)
    assert owner(tmp_path, "50000:50002") == (50000, 50002)
    assert owner(tmp_path, "0:fex") == (0, 50001)
    with pytest.raises(ValueError, match="nobody"):
        owner(tmp_path, "nobody")
