"""One table of several data sets: sizes, colours, sources, duplicates."""

from __future__ import annotations

import zipfile

import cv2
import numpy as np
import pytest

from include.contracts.errors import ConfigurationError
from include.contracts.labels import EXPRESSIONS
from ml.data.datasets import LOADERS, load_set, load_sets, parse_set
from ml.data.records import (
    NO_VOTES,
    FaceRecord,
    content_key,
    grey_square,
    tabulate,
    votes_for,
)
from tests.unit.ml.conftest import generated_face
from tests.unit.ml.data_tools import (
    annotation_files,
    colour_face,
    encoded,
    expw_files,
    fairface_files,
    fer2013_csv,
    rafdb_mirror,
    write_files,
)


@pytest.fixture
def all_sets(tmp_path, ferplus_zip):
    content = {
        "fer2013": {"fer2013.csv": fer2013_csv()},
        "rafdb": rafdb_mirror(),
        "expw": expw_files(),
        "annotations": annotation_files(),
        "fairface": fairface_files(),
    }
    folders = [(name, write_files(tmp_path / name, files)) for name, files in content.items()]
    return [("ferplus", ferplus_zip), *folders]


def test_all_sets_combine_at_one_size_with_their_sources(all_sets):
    table = load_sets(all_sets, 48)
    assert table.images.shape == (len(table), 48, 48)
    assert table.images.dtype == np.uint8
    assert list(dict.fromkeys(table.sources)) == list(LOADERS)
    counts = {name: table.sources.count(name) for name in LOADERS}
    assert counts == {
        "ferplus": 91, "fer2013": 7, "rafdb": 7, "expw": 8, "annotations": 2, "fairface": 2,
    }  # fmt: skip
    assert set(table.select(np.array(table.sources) == "expw").sources) == {"expw"}
    assert not table.votes[np.array(table.sources) == "fairface"].any()


def test_keys_do_not_depend_on_the_size_of_the_table(all_sets):
    assert load_sets(all_sets, 48).keys == load_sets(all_sets, 96).keys


def test_sets_of_different_sizes_need_a_side(all_sets):
    with pytest.raises(ConfigurationError, match=r"different sizes.*side_px.*rafdb="):
        load_sets(all_sets)


def test_the_key_of_a_grey_48_pixel_picture_is_for_ever():
    """Committed manifests name pictures by it."""
    ramp = np.arange(48 * 48, dtype=np.uint32).reshape(48, 48).astype(np.uint8)
    assert content_key(ramp)[:16] == "8801c1cff670e143"


def test_votes_add_up_within_a_set_and_the_first_set_wins_across():
    face = generated_face(0, 1)
    plus = FaceRecord("a", face, votes_for("anger", 8), "ferplus")
    original = FaceRecord("b", face, votes_for("disgust"), "fer2013")
    unlabelled = FaceRecord("c", face, NO_VOTES, "fairface")

    table = tabulate([unlabelled, plus, plus, original, unlabelled])
    assert (len(table), table.sources) == (1, ("ferplus",))
    assert table.votes[0].tolist() == list(votes_for("anger", 16))
    assert tabulate([original, plus]).votes[0].tolist() == list(votes_for("disgust"))


def test_a_picture_that_is_not_square_keeps_its_proportions():
    tall = np.full((60, 20), 90, np.uint8)
    cv2.circle(tall, (10, 30), 8, 200, -1)
    square = grey_square(tall, 60)
    assert square.shape == (60, 60)
    assert np.array_equal(square[:, 20:40], tall)
    assert (square[:, :20] == 90).all()
    assert grey_square(square, 60) is square
    assert grey_square(colour_face("fear", 3, 100), 48).shape == (48, 48)


def test_reducing_is_antialiased():
    stripes = np.zeros((96, 96), np.uint8)
    stripes[:, ::2] = 200
    assert np.ptp(grey_square(stripes, 48)) == 0


def test_colour_is_told_apart_from_its_grey():
    colour = colour_face("fear", 3)
    grey = grey_square(colour)
    assert content_key(colour) != content_key(grey)
    assert tabulate([FaceRecord("c", colour, NO_VOTES)]).images.shape == (1, 100, 100)


def test_an_empty_class_is_named_with_its_set(tmp_path):
    header, *rows = fer2013_csv().splitlines(keepends=True)
    kept = [row for row in rows if not row.startswith("1,")]
    path = write_files(tmp_path, {"fer2013.csv": header + "".join(kept)})
    with pytest.raises(ConfigurationError, match=r"fer2013: empty class.*disgust") as caught:
        load_sets([("fer2013", path)])
    assert "anger" not in str(caught.value)


def test_a_queue_that_lacks_classes_cannot_train_alone_but_may_join(all_sets):
    queue = [pair for pair in all_sets if pair[0] == "annotations"]
    with pytest.raises(ConfigurationError, match=r"annotations: empty class.*happiness"):
        load_sets(queue, 48)
    fer2013 = [pair for pair in all_sets if pair[0] == "fer2013"]
    assert len(load_sets(queue + fer2013, 48)) == len(EXPRESSIONS) + 2


def test_faces_nobody_labelled_may_be_loaded_alone(all_sets):
    assert len(load_sets([pair for pair in all_sets if pair[0] == "fairface"])) == 2


def test_sets_on_a_command_line_are_checked(tmp_path):
    assert parse_set(f"rafdb={tmp_path}") == ("rafdb", tmp_path)
    for text in ("affectnet=/data", "rafdb", "rafdb=", "=x"):
        with pytest.raises(ConfigurationError, match="ferplus, fer2013, rafdb, expw"):
            parse_set(text)
    with pytest.raises(ConfigurationError, match="no data set 'affectnet'"):
        load_set("affectnet", tmp_path)
    with pytest.raises(ConfigurationError, match="no face picture"):
        load_sets([])


def test_a_damaged_archive_member_is_named(tmp_path):
    path = tmp_path / "faces.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("images/1.jpg", encoded(colour_face("fear", 1, 96), ".jpg"))
        archive.writestr("labels.csv", "file,age\n1.jpg,3-9\n")
    data = bytearray(path.read_bytes())
    data[200] ^= 0xFF
    path.write_bytes(bytes(data))
    with pytest.raises(ConfigurationError, match=r"images/1\.jpg is damaged in the archive"):
        load_sets([("fairface", path)])
