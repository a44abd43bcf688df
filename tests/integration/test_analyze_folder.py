"""`make analyze` on a folder as people keep one."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from include.made_media.demo_video import make_demo_video
from include.pipeline import analyze, probe
from include.video.probe import ProbeReport, probe_file


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two recordings of different bytes."""
    home = tmp_path_factory.mktemp("clips")
    for seconds in (2, 3):
        make_demo_video(home / f"{seconds}.mp4", seconds=seconds)
    return sorted(home.iterdir())


def recording_of(result: Path) -> str:
    name: str = json.loads((result / "manifest.json").read_bytes())["recording"]
    assert name in (result / "report.html").read_text()
    return name


@pytest.mark.timeout(900)
def test_every_file_gets_its_result_or_its_reason(
    clips: list[Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder, out = tmp_path / "recordings", tmp_path / "recordings" / "results"
    for name, source in {
        "r01.mov": clips[0],
        "r01.mp4": clips[1],
        "day 2/r01.mp4": clips[0],
        "hiring/a.mp4": clips[0],
        "._r01.mp4": clips[0],
        "breaks.mp4": clips[1],
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, folder / name)
    for name, text in {
        "letter.mp4": "Dear respondent, ...",
        "notes.txt": "a note",
        ".DS_Store": "x",
        "Thumbs.db": "x",
        "hiring/study.yaml": "purpose: recruitment\n",
        "study.yaml": "purpose: market_research\n",
    }.items():
        (folder / name).write_text(text)

    def breaking(path: Path, name: str, *arguments: object) -> ProbeReport:
        if name == "breaks.mp4":
            raise RuntimeError("nobody foresaw this")
        return probe_file(path, name, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(probe, "probe_file", breaking)
    assert analyze.main([str(folder), str(out)]) == 1
    told = capsys.readouterr()
    assert {path.parent.relative_to(out).as_posix(): recording_of(path.parent)
            for path in out.rglob("report.html")} == {
        "r01.mov": "r01.mov",
        "r01.mp4": "r01.mp4",
        "day 2/r01": "day 2/r01.mp4",
    }  # fmt: skip
    assert told.out.splitlines()[-1] == (
        "3 of 6 recordings analysed. No video, left out: notes.txt."
    )
    problems = {line.partition(": ")[0]: line for line in told.err.splitlines() if ": " in line}
    assert "purpose_denied" in problems["hiring/a.mp4"]
    assert "not_a_video" in problems["letter.mp4"]
    assert "nobody foresaw this" in problems["breaks.mp4"]
    assert not {"notes.txt", "._r01.mp4", ".DS_Store", "Thumbs.db"} & problems.keys()
    assert "incoming/" not in problems["hiring/a.mp4"] + problems["letter.mp4"]

    # Again, into the folder that is part of what is analysed: its results are no recordings.
    shutil.rmtree(folder / "hiring")
    for name in ("letter.mp4", "breaks.mp4", "r01.mov"):
        (folder / name).unlink()
    assert analyze.main([str(folder), str(out)]) == 0
    assert recording_of(out / "r01.mov") == "r01.mov", (
        "the result of a recording that is gone stays"
    )
    assert len(list(out.rglob("report.html"))) == 3, "each took its own folder again"


def test_a_single_recording_is_held_to_its_study(
    clips: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copyfile(clips[0], tmp_path / "a.mp4")
    (tmp_path / "Study.yaml").write_text("purpose: workplace\n")
    assert analyze.main([str(tmp_path / "a.mp4"), str(tmp_path / "out")]) == 1
    assert "Rename Study.yaml to study.yaml" in capsys.readouterr().err
    (tmp_path / "Study.yaml").rename(tmp_path / "study.yaml")
    assert analyze.main([str(tmp_path / "a.mp4"), str(tmp_path / "out")]) == 1
    assert "purpose_denied" in capsys.readouterr().err
    assert not list((tmp_path / "out").iterdir())


def test_nothing_to_analyse_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / ".DS_Store").write_text("x")
    assert analyze.main([str(tmp_path), str(tmp_path / "out")]) == 1
    assert f"there is no recording at {tmp_path}" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_wrong_setting_stops_before_anything(
    clips: list[Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("FEX_EXTRACTION__SAMPLE_RATE_HZ", "inf")
    assert analyze.main([str(clips[0]), str(tmp_path / "out")]) == 2
    assert "FEX_EXTRACTION__SAMPLE_RATE_HZ: 'inf'" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
