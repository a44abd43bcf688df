"""People's keys: any of them is listed, read or reported, and none breaks the listing."""

from __future__ import annotations

import hashlib
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from include.contracts.study_names import Role, role
from tests.unit.lake.conftest import Store

ODD_NAMES = [
    "a b.mp4",
    "ünïcödé 日本語 🎬.mp4",
    "nfd-u\u0308.mp4",
    "100%.mp4",
    "a%20b.mp4",
    "x%2Fy.mp4",
    "a..b.mp4",
    "a#b?.mp4",
    "take.mp4#1",
    "back\\slash.mp4",
    "q\"uo'te<&>.mp4",
    "plus+.mp4",
    "[b]{c}*^|~.mp4",
    "tab\t.mp4",
    "ctrl\x01.mp4",
    "deep/er/still.mp4",
    "x" * 240 + ".mp4",
    "no extension",
]


@pytest.mark.parametrize("name", ODD_NAMES)
def test_an_odd_name_is_listed_and_read(store: Store, name: str, tmp_path: Path) -> None:
    key = f"incoming/study one/{name}"
    store.drop(key, name.encode())

    (found,) = store.lake.list_incoming()

    assert (found.key, found.study, found.recording) == (key, "study one", name)
    assert found.usable
    assert found.size_bytes == len(name.encode())
    sha256 = store.lake.fetch(found.key, tmp_path / "copy", version=found.version)
    assert sha256 == hashlib.sha256(name.encode()).hexdigest()


def test_a_newline_in_a_name(local_store: Store, tmp_path: Path) -> None:
    """moto's server has no route for a newline; on a file system it is a name like any other."""
    local_store.drop("incoming/s/new\nline.mp4", b"x")

    (found,) = local_store.lake.list_incoming()

    assert found.usable
    assert "%0A" in found.uri
    local_store.lake.fetch(found.key, tmp_path / "copy", version=found.version)


def test_a_long_key_on_s3(s3_store: Store, tmp_path: Path) -> None:
    key = "incoming/" + "long name/" * 95 + "r.mp4"
    s3_store.drop(key, b"x")

    (found,) = s3_store.lake.list_incoming()

    assert found.key == key
    s3_store.lake.fetch(found.key, tmp_path / "copy", version=found.version)


@pytest.mark.parametrize(
    "key", ["s/../../published/x.mp4", "../x.mp4", "s/./x.mp4", "s/../x.mp4", "./x.mp4"]
)
def test_dot_segments_on_s3_are_reported_and_nothing_else_is_lost(
    s3_store: Store, key: str
) -> None:
    s3_store.drop(f"incoming/{key}", b"x")
    s3_store.drop("incoming/s/good.mp4", b"x")

    found = {item.key: item for item in s3_store.lake.list_incoming()}

    assert set(found) == {f"incoming/{key}", "incoming/s/good.mp4"}
    assert found["incoming/s/good.mp4"].usable
    assert "path segment" in (found[f"incoming/{key}"].problem or "")


def test_empty_segments_on_s3(s3_store: Store, tmp_path: Path) -> None:
    s3_store.drop("incoming/s//x.mp4", b"x")
    s3_store.drop("incoming//y.mp4", b"y")

    found = {item.key: item for item in s3_store.lake.list_incoming()}

    assert (found["incoming/s//x.mp4"].study, found["incoming/s//x.mp4"].recording) == (
        "s",
        "/x.mp4",
    )
    assert (found["incoming//y.mp4"].study, found["incoming//y.mp4"].recording) == (
        "unsorted",
        "y.mp4",
    )
    for item in found.values():
        store_version = item.version
        s3_store.lake.fetch(item.key, tmp_path / "copy", version=store_version)


def test_more_than_one_page_on_s3(s3_store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("include.lake.originals.PAGE_KEYS", 10)
    for number in range(35):
        s3_store.drop(f"incoming/s/{number:04d}.mp4", b"")

    assert len({item.key for item in s3_store.lake.list_incoming()}) == 35


def test_what_is_no_recording_is_left_out(store: Store) -> None:
    for key in (
        "s/.hidden.mp4",
        "s/.DS_Store",
        "s/._x.mp4",
        "s/Thumbs.db",
        "s/desktop.ini",
        "s/~$respondents.xlsx",
        "s/__MACOSX/x.mp4",
        ".cache/x.mp4",
        "s/x.mp4.part",
        "s/x.MP4.TMP",
    ):
        store.drop(f"incoming/{key}", b"x")
    store.drop("incoming/loose.mp4", b"x")
    for name in ("study.yaml", "s/study.yaml", "s/respondents.csv", "s/deep/study.yaml"):
        store.drop(f"incoming/{name}", b"x")

    found = {item.key: item.study for item in store.lake.list_incoming()}
    assert found == {"incoming/loose.mp4": "unsorted"}

    roles = {item.key: item.role for item in store.lake.list_dropped()}
    assert roles == {
        "incoming/loose.mp4": Role.RECORDING,
        "incoming/study.yaml": Role.STUDY_FILE,
        "incoming/s/study.yaml": Role.STUDY_FILE,
        "incoming/s/respondents.csv": Role.STUDY_FILE,
        "incoming/s/deep/study.yaml": Role.TO_CORRECT,
    }


def test_answers_to_labels_are_listed_apart_and_say_when_they_changed(store: Store) -> None:
    store.drop("labels/incoming/anna's file (2).csv", b"x")
    store.drop("labels/incoming/.hidden.csv", b"x")
    store.drop("incoming/s/a.mp4", b"x")

    [found] = store.lake.list_label_files()

    assert found.key == "labels/incoming/anna's file (2).csv"
    assert found.modified_at is not None
    assert abs((datetime.now(UTC) - found.modified_at).total_seconds()) < 60
    assert [item.key for item in store.lake.list_incoming()] == ["incoming/s/a.mp4"]
    assert store.lake.read_head(found.key, 9) == b"x"


def test_folder_markers_on_s3_are_left_out(s3_store: Store) -> None:
    s3_store.drop("incoming/", b"")
    s3_store.drop("incoming/s/", b"")

    assert list(s3_store.lake.list_incoming()) == []


@pytest.mark.parametrize(
    ("key", "wanted"),
    [("s/a.mp4", True), ("s/..x/a.mp4", False), ("../a.mp4", True), ("s/", False), ("", False)],
)
def test_a_key_that_names_a_recording(key: str, wanted: bool) -> None:
    assert (role(key) is Role.RECORDING) is wanted


def test_symbolic_links_are_reported_and_never_followed(local_store: Store, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "private.mp4").write_bytes(b"private")
    incoming = tmp_path / "the lake" / "incoming"
    local_store.drop("incoming/s/good.mp4", b"x")
    (incoming / "linked").symlink_to(secret)
    (incoming / "s" / "link.mp4").symlink_to(secret / "private.mp4")
    (incoming / "s" / "dangling.mp4").symlink_to(tmp_path / "nothing")
    (incoming / "s" / "loop").symlink_to(incoming)

    problems = {item.key: item.problem for item in local_store.lake.list_incoming()}

    link = "it is a symbolic link"
    assert problems == {
        "incoming/linked": link,
        "incoming/s/good.mp4": None,
        "incoming/s/link.mp4": link,
        "incoming/s/dangling.mp4": link,
        "incoming/s/loop": link,
    }
    for key in ("incoming/s/link.mp4", "incoming/linked/private.mp4", "incoming/../../secret/x"):
        with pytest.raises(FileNotFoundError):
            local_store.lake.fetch(key, tmp_path / "copy")


def test_special_files_and_names_that_are_no_text(local_store: Store, tmp_path: Path) -> None:
    folder = tmp_path / "the lake" / "incoming" / "s"
    folder.mkdir(parents=True)
    os.mkfifo(folder / "pipe.mp4")
    Path(os.fsdecode(os.fsencode(folder) + b"/bad\xff.mp4")).write_bytes(b"x")
    (folder / "bad\\xff.mp4").write_bytes(b"a different file")

    found = list(local_store.lake.list_incoming())

    assert {(item.key, item.problem) for item in found} == {
        ("incoming/s/pipe.mp4", "it is not a regular file"),
        ("incoming/s/bad\\xff.mp4", "its name is not UTF-8"),
        ("incoming/s/bad\\xff.mp4", None),
    }
    assert len({item.uri for item in found}) == 3
    with pytest.raises(FileNotFoundError):
        local_store.lake.fetch("incoming/s/pipe.mp4", tmp_path / "copy")


def test_a_version_changes_with_the_content(store: Store) -> None:
    store.drop("incoming/s/a.mp4", b"first")
    (before,) = store.lake.list_incoming()
    (again,) = store.lake.list_incoming()
    store.drop("incoming/s/a.mp4", b"other")
    (after,) = store.lake.list_incoming()

    assert before == again
    assert before.uri == after.uri
    assert before.version != after.version
