from __future__ import annotations

import pytest

from include.contracts.errors import ConfigurationError
from ml.data.annotations import load_annotations
from ml.data.records import VOTE_NAMES, content_key
from tests.unit.ml.conftest import generated_face
from tests.unit.ml.data_tools import annotation_files, write_files, write_zip


def _votes(record) -> dict[str, int]:
    return {name: n for name, n in zip(VOTE_NAMES, record.votes, strict=True) if n}


def test_each_annotator_has_one_vote_and_the_last_answer_counts(tmp_path):
    folder = write_files(tmp_path / "queue", annotation_files())
    for path in (folder, write_zip(tmp_path / "queue.zip", annotation_files())):
        first, second = load_annotations(path)
        assert (first.name, _votes(first)) == ("images/a.png", {"anger": 2, "unknown": 1})
        assert (second.name, _votes(second)) == ("images/b.png", {"neutral": 1})
        assert first.source == second.source == "annotations"


def test_a_grey_crop_keeps_the_identity_it_has_in_other_sets(tmp_path):
    _, grey = load_annotations(write_files(tmp_path, annotation_files()))
    assert grey.key == content_key(generated_face(4, 2))


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("p3,unknown", "p3,joy", ("row 5", "unknown label 'joy'", "happiness", "not_a_face")),
        ("a.png,p3", "a.png,", ("row 5", "has no annotator")),
        ("b.png,p1", ",p1", ("row 4", "has no file")),
        ("b.png", "gone.png", ("images/gone.png", "is listed but not there")),
        ("b.png", "../labels.csv", ("labels.csv", "leaves the data set's folder")),
        ("file,annotator", "file,person", ("row 1", "no column annotator")),
        ("a.png,p3,unknown,2026-11-02", "a.png,p3", ("row 5", "2 columns, not 4")),
    ],
)
def test_what_is_wrong_is_named_with_its_row(tmp_path, old, new, said):
    files = annotation_files()
    files["labels.csv"] = files["labels.csv"].replace(old, new, 1)
    path = write_files(tmp_path, files)
    with pytest.raises(ConfigurationError) as caught:
        list(load_annotations(path))
    for part in (str(path), *said):
        assert part in str(caught.value)


def test_a_corrupt_crop_and_a_missing_sheet_are_named(tmp_path):
    path = write_files(tmp_path, {**annotation_files(), "images/b.png": b""})
    with pytest.raises(ConfigurationError, match=r"images/b\.png is corrupt"):
        list(load_annotations(path))
    (path / "labels.csv").unlink()
    with pytest.raises(ConfigurationError, match=r"labels\.csv is not there"):
        list(load_annotations(path))
