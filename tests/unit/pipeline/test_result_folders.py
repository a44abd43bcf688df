"""Where results lie: never one over another, under names that people understand."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import pytest

from include.pipeline.result_folders import Result, choose, is_result, write
from tests.fakes.manifests import manifest_bytes


def results(*names: str) -> list[Result]:
    return [Result(PurePosixPath(name), f"sha of {name}", name) for name in names]


def chosen(out: Path, *names: str) -> list[str]:
    return [str(folder) for folder in choose(out, results(*names))]


def put(out: Path, folder: str, name: str, sha: str | None = None, **more: bytes) -> None:
    listed = ("report.html", *(key.replace("_", ".") for key in more))
    manifest = manifest_bytes(listed, recording=name, video_id=sha or f"sha of {name}")
    files = {"report.html": name.encode(), "manifest.json": manifest}
    write(out / folder, files | {key.replace("_", "."): data for key, data in more.items()})


@pytest.mark.parametrize(
    ("names", "folders"),
    [
        (("a.mp4", "b.mp4"), ["a", "b"]),
        (("r01.mov", "r01.mp4"), ["r01.mov", "r01.mp4"]),
        (("A.MP4", "a.mp4"), ["A.MP4", "a.mp4 (2)"]),
        (("R01.mov", "r01.mp4"), ["R01.mov", "r01.mp4"]),
        (("a/x.mp4", "b/x.mp4", "x.mp4"), ["a/x", "b/x", "x"]),
        (("A/x.mp4", "a/x.mp4"), ["A/x.mp4", "a/x.mp4 (2)"]),
        # Composed and decomposed: one name to a Mac.
        (("\u00e4.mp4", "a\u0308.mp4"), ["\u00e4.mp4", "a\u0308.mp4 (2)"]),
        (("r01", "r01.mp4"), ["r01", "r01.mp4"]),
        (("r01.mp4", "r01.mp4.mov"), ["r01", "r01.mp4"]),
        # A result must not lie in the way of the folder of others.
        (("b.mp4", "b/x.mp4"), ["b.mp4", "b/x"]),
        (("b.mp4", "B/x.mp4"), ["b.mp4", "B/x"]),
        (("session.1.mp4", "session.2.mp4"), ["session.1", "session.2"]),
    ],
)
def test_names_are_the_recordings_and_all_differ(
    tmp_path: Path, names: tuple[str, ...], folders: list[str]
) -> None:
    assert chosen(tmp_path, *names) == folders
    assert len({folder.casefold() for folder in folders}) == len(folders)


def test_the_results_of_another_recording_stay(tmp_path: Path) -> None:
    put(tmp_path, "r01", "r01.mp4")
    assert chosen(tmp_path, "r01.mov") == ["r01.mov"]
    put(tmp_path, "r01.mov", "elsewhere.mov")
    assert chosen(tmp_path, "r01.mov") == ["r01.mov (2)"]
    # Cut again under the same name: other bytes, another recording.
    put(tmp_path, "r02", "r02.mp4", sha="the first cut")
    assert chosen(tmp_path, "r02.mp4") == ["r02.mp4"]


def test_the_same_recording_takes_its_folder_again(tmp_path: Path) -> None:
    put(tmp_path, "r01", "r01.mp4", annotated_mp4=b"old")
    (tmp_path / "r01" / "my notes.txt").write_text("keep")
    assert chosen(tmp_path, "r01.mp4") == ["r01"]
    put(tmp_path, "r01", "r01.mp4")
    left = sorted(path.name for path in (tmp_path / "r01").iterdir())
    assert left == ["manifest.json", "my notes.txt", "report.html"]
    put(tmp_path, "s.mp4", "s.mp4")
    assert chosen(tmp_path, "s.mp4") == ["s.mp4"], "where it was when it had a namesake"


def test_what_is_none_of_ours_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "r01").mkdir()
    (tmp_path / "r01" / "report.html").write_text("mine")
    (tmp_path / "r02").write_text("a file")
    (tmp_path / "r03").mkdir()
    (tmp_path / "r03" / "manifest.json").write_text("[" * 100_000)
    (tmp_path / "r04").symlink_to("nowhere")
    names = [f"r0{number}.mp4" for number in range(1, 5)]
    assert chosen(tmp_path, *names) == names
    assert not is_result(tmp_path / "r03")


def test_a_manifest_cannot_name_files_elsewhere(tmp_path: Path) -> None:
    kept = tmp_path / "kept.txt"
    kept.write_text("keep")
    put(tmp_path, "r01", "r01.mp4")
    manifest = tmp_path / "r01" / "manifest.json"
    manifest.write_bytes(manifest_bytes(("../kept.txt", str(kept))))
    put(tmp_path, "r01", "r01.mp4")
    assert kept.read_text() == "keep"
