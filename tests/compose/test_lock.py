"""The lock: everything pinned, every file known by its hash, set-up and image hold to it."""

from __future__ import annotations

import re
import runpy
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
LOCKS = sorted(ROOT.glob("requirements*.txt"))
HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}")

read_lock = runpy.run_path(str(ROOT / "scripts" / "locks.py"))["read_lock"]


@pytest.fixture
def setup_script() -> dict[str, Any]:
    return runpy.run_path(str(ROOT / "scripts" / "setup_environment.py"))


def test_there_is_a_lock_for_each_part() -> None:
    kinds = ("", "-dev", "-torch-cpu", "-torch-cuda", "-uv")
    assert {lock.name for lock in LOCKS} == {f"requirements{kind}.txt" for kind in kinds}


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_every_entry_is_pinned_and_hashed(lock: Path) -> None:
    packages = list(read_lock(lock))
    assert packages
    assert len(re.findall(r"^[a-z0-9]", lock.read_text(), re.M)) == len(packages)
    for package in packages:
        assert package.sha256, f"{package.name} has no hash"
        assert package.url is None or package.name == "torch"


@pytest.mark.parametrize("line", ["numpy>=2", "-e .", "numpy==2 ; python_version > '3'"])
def test_a_line_that_pins_nothing_is_refused(tmp_path: Path, line: str) -> None:
    lock = tmp_path / "requirements.txt"
    lock.write_text(f"# made\n{line}\n")
    with pytest.raises(ValueError, match="no pinned package"):
        list(read_lock(lock))


def test_one_release_of_torch_for_both_builds() -> None:
    asked = re.search(r"^torch==(\S+)", (ROOT / "requirements.in").read_text(), re.M)
    assert asked
    for build, release in (("cpu", f"{asked[1]}+cpu"), ("cuda", asked[1])):
        packages = read_lock(ROOT / f"requirements-torch-{build}.txt")
        assert [package.version for package in packages if package.name == "torch"] == [release]


def test_uv_is_the_one_that_set_up_names(setup_script: dict[str, Any]) -> None:
    locked = (ROOT / "requirements-uv.txt").read_text()
    assert f"\nuv=={setup_script['UV_VERSION']} " in locked


def test_the_image_installs_by_hash() -> None:
    dockerfile = (ROOT / "docker" / "Dockerfile").read_text()
    copied = re.search(r"^COPY (requirements.*) \./$", dockerfile, re.M)
    assert copied
    let_in = (ROOT / "docker" / "Dockerfile.dockerignore").read_text()
    for name in copied[1].split():
        assert (ROOT / name).is_file()
        assert f"!{name}\n" in let_in
    joined = dockerfile.replace("\\\n", "")
    installs = re.findall(r"(?:pip|\$)\s*install [^;&]*", joined)
    unhashed = [call for call in installs if "--require-hashes" not in call]
    assert len(installs) == 5, installs
    assert all("torch==" in call or "--python /opt/venv" in call for call in unhashed), unhashed


def machine(
    monkeypatch: pytest.MonkeyPatch,
    script: dict[str, Any],
    tmp_path: Path,
    *,
    of: str,
    links: str = "",
) -> Callable[[str], tuple[list[str | Path], list[str | Path]]]:
    """Have set-up believe that it runs on another machine; return its `torch_options`."""
    choose = script["torch_options"]
    monkeypatch.setattr("platform.machine", lambda: of)
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(sys, "version_info", (3, 11, 7))
    monkeypatch.setitem(choose.__globals__, "TOOLS", tmp_path)
    monkeypatch.setenv("PIP_FIND_LINKS", links)
    return choose


def test_torch_comes_by_address_and_hash_where_the_lock_knows_it(
    monkeypatch: pytest.MonkeyPatch, setup_script: dict[str, Any], tmp_path: Path
) -> None:
    options, afterwards = machine(
        monkeypatch, setup_script, tmp_path, of="x86_64", links=str(tmp_path)
    )("cpu")
    assert afterwards == []
    written = Path(options[1]).read_text()
    assert written == (ROOT / "requirements-torch-cpu.txt").read_text()


def test_a_wheel_at_hand_is_taken_with_the_hash_of_the_lock(
    monkeypatch: pytest.MonkeyPatch, setup_script: dict[str, Any], tmp_path: Path
) -> None:
    locked = (ROOT / "requirements-torch-cpu.txt").read_text()
    name = setup_script["unquote"](re.search(r"/(torch-\S+\.whl)", locked)[1])  # type: ignore[index]
    (tmp_path / name).write_bytes(b"")
    choose = machine(monkeypatch, setup_script, tmp_path, of="x86_64", links=str(tmp_path))
    options, afterwards = choose("cpu")
    assert afterwards == []
    written = Path(options[1]).read_text()
    assert f"torch @ {(tmp_path / name).as_uri()} " in written
    assert HASH.findall(written) == HASH.findall(locked)


def test_elsewhere_torch_comes_without_a_hash_and_that_is_said(
    monkeypatch: pytest.MonkeyPatch,
    setup_script: dict[str, Any],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    options, afterwards = machine(monkeypatch, setup_script, tmp_path, of="aarch64")("cpu")
    assert options == []
    assert afterwards[:2] == ["--torch-backend", "cpu"]
    assert re.fullmatch(r"torch==[0-9.]+", str(afterwards[2]))
    assert "has no hash of torch's CPU build" in capsys.readouterr().out


def test_torch_is_split_from_a_resolved_lock(setup_script: dict[str, Any]) -> None:
    resolved = (
        "sympy==1 \\\n    --hash=sha256:aa\n    # via torch\n"
        "torch==2.0.1+cpu \\\n    --hash=sha256:bb \\\n    --hash=sha256:cc\n    # via\n"
        "    #   torchvision\ntorchvision==0.1 \\\n    --hash=sha256:dd\n"
    )
    rest, torch = setup_script["split_torch"](resolved)
    assert rest == (
        "sympy==1 \\\n    --hash=sha256:aa\n    # via torch\n"
        "torchvision==0.1 \\\n    --hash=sha256:dd\n"
    )
    wheel = "torch-2.0.1%2Bcpu-cp311-cp311-manylinux_2_28_x86_64.whl"
    assert torch.splitlines()[1:] == [
        f"torch @ https://download.pytorch.org/whl/cpu/{wheel} \\",
        "    --hash=sha256:bb \\",
        "    --hash=sha256:cc",
    ]
    assert setup_script["torch_release"](torch) == "2.0.1"
    assert setup_script["split_torch"](rest) == (rest, "")
