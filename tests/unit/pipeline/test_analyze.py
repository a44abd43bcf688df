"""`make analyze` says what the gate holds, and never ends well without a result."""

from __future__ import annotations

from pathlib import Path

import pytest

from include.pipeline.analyze import main


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("Study.yaml", "purpose: market_research", "Rename Study.yaml to study.yaml"),
        ("study.yaml", "purpose: employees", "purpose_denied: Study 'analyze' declares"),
        ("study.yaml", "purpose: ux_research\nconsent: required", "consent_missing: Recording"),
    ],
)
def test_what_the_gate_holds_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, content: str, said: str
) -> None:
    folder = tmp_path / "recordings"
    folder.mkdir()
    (folder / name).write_text(content)
    (folder / "a.mp4").write_bytes(b"is not decoded")

    assert main([str(folder), str(tmp_path / "out")]) == 1

    told = capsys.readouterr().err
    assert told.startswith("a.mp4: ")
    assert said in told


def test_a_folder_of_study_files_alone_holds_no_recording(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "study.yaml").write_text("purpose: market_research")
    (tmp_path / ".DS_Store").touch()

    assert main([str(tmp_path), str(tmp_path / "out")]) == 1
    assert "there is no recording" in capsys.readouterr().err
