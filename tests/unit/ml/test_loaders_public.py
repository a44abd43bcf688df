"""FER2013, RAF-DB, ExpW and FairFace, on tiny sets in their published layouts."""

from __future__ import annotations

import numpy as np
import pytest

from include.contracts.errors import ConfigurationError
from include.contracts.labels import EXPRESSIONS
from ml.data.expw import load_expw
from ml.data.fairface import load_fairface, load_fairface_ages
from ml.data.fer2013 import load_fer2013
from ml.data.rafdb import load_rafdb
from ml.data.records import VOTE_NAMES
from tests.unit.ml.conftest import generated_face
from tests.unit.ml.data_tools import (
    colour_face,
    expw_files,
    fairface_files,
    fer2013_csv,
    rafdb_mirror,
    rafdb_original,
    write_files,
    write_zip,
)


def _labels(records) -> list[str]:
    assert all(sum(record.votes) == 1 for record in records)
    return [VOTE_NAMES[record.votes.index(1)] for record in records]


def _refused(load, path, *said: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        list(load(path))
    for part in (str(path), *said):
        assert part in str(caught.value)


# -- FER2013


def test_fer2013_reads_the_csv_alone_in_a_folder_and_in_a_zip(tmp_path):
    folder = write_files(tmp_path / "set", {"fer2013.csv": fer2013_csv()})
    wrapped = write_zip(tmp_path / "f.zip", {"fer2013/fer2013.csv": fer2013_csv()})
    for path in (folder / "fer2013.csv", folder, wrapped):
        records = list(load_fer2013(path))
        assert sorted(_labels(records)) == sorted(EXPRESSIONS)
        assert {record.source for record in records} == {"fer2013"}
        first = records[0]
        assert np.array_equal(first.pixels, generated_face(EXPRESSIONS.index("anger"), 50))


def test_fer2013_leaves_the_held_out_parts_alone_unless_asked(tmp_path):
    folder = write_files(tmp_path, {"fer2013.csv": fer2013_csv()})
    assert len(list(load_fer2013(folder))) == 7
    assert _labels(list(load_fer2013(folder, parts=("PublicTest",)))) == ["anger"]
    assert _labels(list(load_fer2013(folder, parts=("PrivateTest",)))) == ["fear"]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("emotion,pixels,Usage", "emotion,pixel,Usage", ("row 1", "no column pixels")),
        ("\n0,", "\n7,", ("row 2", "unknown label '7'", "0 anger")),
        ("\n0,", "\n0,12 ", ("row 2", "2305 pixels, not 2304")),
        ("\n0,", "\n0,256 ", ("row 2", "not a whole number from 0 to 255")),
        ("\n0,", "\n0,x ", ("row 2", "not a whole number from 0 to 255")),
        (",Training", ",Train", ("row 2", "Usage 'Train'")),
        ("\n0,", "\n0,,", ("row 2", "4 columns, not 3")),
    ],
)
def test_a_mislabelled_fer2013_row_is_named(tmp_path, old, new, said):
    content = fer2013_csv().replace(old, new, 1)
    _refused(load_fer2013, write_files(tmp_path, {"fer2013.csv": content}), *said)


def test_a_missing_fer2013_is_named(tmp_path):
    _refused(load_fer2013, tmp_path / "nowhere", "does not exist")
    _refused(load_fer2013, tmp_path, "fer2013.csv", "is not there")


# -- RAF-DB


@pytest.mark.parametrize("layout", [rafdb_mirror, rafdb_original])
def test_rafdb_reads_both_layouts_as_folder_and_zip(tmp_path, layout):
    folder, archive = write_files(tmp_path / "set", layout()), tmp_path / "set.zip"
    write_zip(archive, layout())
    for path in (folder, archive):
        records = list(load_rafdb(path))
        assert _labels(records) == [
            "surprise", "fear", "disgust", "happiness", "sadness", "anger", "neutral",
        ]  # fmt: skip
        assert all("train_" in record.name for record in records)
        assert records[0].pixels.shape == (100, 100, 3)
        # JPEG, so not exact; a swapped channel order would be off by far more.
        expected = colour_face("surprise", 1).astype(int)
        assert np.abs(records[0].pixels.astype(int) - expected).mean() < 8
        assert all("test_" in record.name for record in load_rafdb(path, parts=("test",)))


def test_rafdb_may_be_given_from_inside_or_wrapped(tmp_path):
    write_files(tmp_path / "mirror", rafdb_mirror())
    assert len(list(load_rafdb(tmp_path / "mirror" / "DATASET"))) == 7
    wrapped = {f"basic/{name}": content for name, content in rafdb_original().items()}
    assert len(list(load_rafdb(write_files(tmp_path / "original", wrapped)))) == 7


def test_rafdb_has_demographics_only_where_the_release_has_them(tmp_path):
    files = rafdb_original()
    records = list(load_rafdb(write_files(tmp_path / "described", files)))
    assert dict(records[0].demographics) == {
        "gender": "female", "race": "African-American", "age": "4-19",
    }  # fmt: skip
    bare = {name: data for name, data in files.items() if not name.startswith("Annotation")}
    assert all(r.demographics is None for r in load_rafdb(write_files(tmp_path / "bare", bare)))
    mirror = load_rafdb(write_files(tmp_path / "mirror", rafdb_mirror()))
    assert all(record.demographics is None for record in mirror)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("EmoLabel/list_patition_label.txt", "train_00001.jpg 8\n", ("row 1", "label '8'")),
        ("EmoLabel/list_patition_label.txt", "train_00001.jpg\n", ("row 1", "1 columns, not 2")),
        ("EmoLabel/list_patition_label.txt", "valid_1.jpg 1\n", ("row 1", "valid_1.jpg")),
        ("EmoLabel/list_patition_label.txt", "train_9.jpg 1\n", ("train_9_aligned.jpg",)),
        ("Image/aligned/train_00001_aligned.jpg", b"no picture", ("train_00001", "corrupt")),
        ("Annotation/manual/train_00001_manu_attri.txt", "1\n2\n", ("train_00001", "0 lines")),
        (
            "Annotation/manual/train_00001_manu_attri.txt",
            "1 2\n" * 5 + "0\n7\n1\n",
            ("train_00001", "race '7'", "2 Asian"),
        ),
    ],
)
def test_what_is_wrong_in_the_original_rafdb_is_named(tmp_path, name, content, said):
    _refused(load_rafdb, write_files(tmp_path, {**rafdb_original(), name: content}), *said)


def test_an_empty_class_of_the_rafdb_mirror_is_named(tmp_path):
    files = {name: d for name, d in rafdb_mirror().items() if "/train/3/" not in name}
    _refused(load_rafdb, write_files(tmp_path, files), "train/3", "disgust", "empty class")


# -- ExpW


def test_expw_faces_are_cut_with_a_margin_that_ends_at_the_edge(tmp_path):
    records = list(load_expw(write_files(tmp_path, expw_files())))
    assert _labels(records)[:7] == [
        "anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral",
    ]  # fmt: skip
    assert records[0].pixels.shape == (60, 60, 3)
    assert np.array_equal(records[0].pixels[5:-5, 5:-5], colour_face("anger", 0, 50))
    assert records[7].pixels.shape == (33, 33, 3)
    assert np.array_equal(records[7].pixels[3:, 3:], colour_face("neutral", 106, 30))


def test_expw_can_leave_out_doubtful_boxes_and_reads_zips(tmp_path):
    archive = write_zip(tmp_path / "expw.zip", expw_files())
    assert len(list(load_expw(archive, min_confidence=20))) == 7


def test_expw_is_read_one_picture_at_a_time(tmp_path):
    files = expw_files()
    files["image/origin/neutral_6.jpg"] = b"corrupt"
    records = load_expw(write_files(tmp_path, files))
    assert next(records).source == "expw"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (" 61.9 0\n", " 61.9 9\n", ("row 1", "unknown label '9'")),
        (" 61.9 0\n", " 61.9\n", ("row 1", "7 columns, not 8")),
        (" 20 40 ", " x 40 ", ("row 1", "no number")),
        (" 20 40 90 70", " 20 90 40 70", ("row 1", "outside its 160x120 picture")),
        (" 20 40 90 70", " 200 40 90 270", ("row 1", "outside its 160x120 picture")),
        ("anger_0.jpg", "gone.jpg", ("gone.jpg", "is not there")),
        ("disgust_1.jpg", "gone.jpg", ("gone.jpg", "is listed but not there")),
        ("disgust_1.jpg", "../../secret.jpg", ("secret.jpg", "leaves the data set's folder")),
    ],
)
def test_what_is_wrong_in_expw_is_named(tmp_path, old, new, said):
    files = expw_files()
    files["label/label.lst"] = files["label/label.lst"].replace(old, new, 1)
    _refused(load_expw, write_files(tmp_path, files), *said)


def test_a_missing_expw_list_is_named(tmp_path):
    files = expw_files()
    del files["label/label.lst"]
    _refused(load_expw, write_files(tmp_path, files), "label.lst", "label/ or data/label/")


# -- FairFace


def test_fairface_faces_have_no_votes_and_no_demographics(tmp_path):
    folder = write_files(tmp_path / "set", fairface_files())
    for path in (folder, write_zip(tmp_path / "set.zip", fairface_files())):
        records = list(load_fairface(path))
        assert [record.pixels.shape for record in records] == [(96, 96, 3)] * 2
        assert not any(any(record.votes) for record in records)
        assert all(record.demographics is None for record in records)


def test_fairface_ages_come_by_their_own_door(tmp_path):
    pairs = list(load_fairface_ages(write_files(tmp_path, fairface_files())))
    assert [age for _, age in pairs] == ["3-9", "more than 70"]


def test_an_unknown_age_band_is_named(tmp_path):
    files = fairface_files()
    files["labels.csv"] = files["labels.csv"].replace("3-9", "7")
    _refused(load_fairface, write_files(tmp_path, files), "labels.csv row 2", "age band '7'")


def test_the_real_fairface_is_read_lazily(shared_data):
    pairs = load_fairface_ages(shared_data / "fairface-train-96.zip")
    record, age = next(pairs)
    assert (record.pixels.shape, age) == ((96, 96, 3), "3-9")
    pairs.close()
