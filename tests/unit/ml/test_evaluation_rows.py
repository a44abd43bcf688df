from __future__ import annotations

import zipfile

import numpy as np
import pytest

from include.contracts.errors import ConfigurationError
from ml.data.records import FaceRecord
from ml.data.splits import FIRST_MANIFEST, SplitManifest, read_manifest
from ml.evaluation.manifests import manifest_of
from ml.evaluation.rows import ferplus_parts, held_out_rows, load_rows
from ml.packaging.signature import Training, make_signature
from tests.unit.ml.conftest import ferplus_files, generated_records

EMPTY = SplitManifest({}, {})


def _manifest(records, sides):
    keys = [record.key[:16] for record in records]
    return SplitManifest(dict(zip(keys, sides, strict=True)), dict.fromkeys(keys, 0))


def test_what_trains_or_selects_is_never_scored():
    records = generated_records(1)
    sides = ["train", "validation", "test", "train", "test", "validation", "train"]
    rows = held_out_rows(records, _manifest(records, sides), "made")
    assert rows.labels.tolist() == [2, 4]
    assert rows.keys == (records[2].key, records[4].key)


def test_the_validation_side_holds_what_the_manifest_lists_there_and_nothing_else():
    records, unknown = generated_records(1), generated_records(1, seed=5)
    sides = ["train", "validation", "test", "train", "test", "validation", "train"]
    manifest = _manifest(records, sides)
    rows = held_out_rows([*records, *unknown], manifest, "made", side="validation")
    assert rows.keys == (records[1].key, records[5].key)


def test_pictures_that_the_manifest_does_not_know_are_scored():
    known, unknown = generated_records(1), generated_records(1, seed=5)
    rows = held_out_rows([*known, *unknown], _manifest(known, ["train"] * 7), "made")
    assert rows.keys == tuple(record.key for record in unknown)


def test_what_a_stricter_split_drops_is_not_scored_as_new():
    records = generated_records(1)
    strict = _manifest(records[:3], ["train", "test", "test"])
    dropped = {record.key[:16] for record in records[2:5]}
    rows = held_out_rows(records, strict, "made", set_aside=dropped)
    assert rows.labels.tolist() == [1, 2, 5, 6]


def test_votes_of_one_picture_are_summed_and_ties_left_out():
    pixels = generated_records(1)[0].pixels
    tie = (5, 5, 0, 0, 0, 0, 0, 0, 0, 0)
    one_more = (0, 1, 0, 0, 0, 0, 0, 0, 0, 0)
    other = generated_records(1, seed=3)[4]
    undecided = FaceRecord("made/tie", other.pixels, tie)
    records = [FaceRecord("a", pixels, tie), FaceRecord("b", pixels, one_more), undecided]
    rows = held_out_rows(records, EMPTY, "made")
    assert rows.labels.tolist() == [1]
    assert rows.votes[0, :2].tolist() == [5, 6]
    assert rows.left_out == 1


def test_pictures_of_any_size_and_colour_stay_as_they_are():
    votes = generated_records(1)[3].votes
    colour = np.random.default_rng(0).integers(0, 255, (90, 70, 3), dtype=np.uint8)
    rows = held_out_rows([FaceRecord("a", colour, votes)], EMPTY, "made")
    assert np.array_equal(rows.images[0], colour)
    assert len(rows.take(np.array([0, 0]))) == 2


def test_nothing_to_score_says_why():
    records = generated_records(1)
    with pytest.raises(ConfigurationError, match="7 train or select by the split manifest"):
        held_out_rows(records, _manifest(records, ["train"] * 7), "made")


def test_the_official_test_part_alone_is_enough(tmp_path):
    path = tmp_path / "test-only.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in ferplus_files(generated_records(2), "FER2013Test").items():
            archive.writestr(name, data)
    assert ferplus_parts(path) == ("FER2013Test",)
    rows = load_rows(path, "ferplus", EMPTY)
    assert len(rows) == 14
    assert "FER2013Test" in rows.name


def test_a_folder_that_is_no_ferplus_is_named(tmp_path):
    with pytest.raises(ConfigurationError, match="FER2013Train"):
        load_rows(tmp_path, "ferplus", EMPTY)


def test_an_unknown_set_is_named(tmp_path):
    with pytest.raises(ConfigurationError, match="no data set 'nothing'"):
        load_rows(tmp_path, "nothing", EMPTY)


def _trained_by(split, train_sha256):
    training = Training(split=split, data_sha256={"train": train_sha256})
    return make_signature(package_version="1", input_side_px=96, training=training)


def test_a_stricter_split_with_the_same_training_side_may_measure():
    default = manifest_of(make_signature(package_version="1", input_side_px=96))
    first = read_manifest(FIRST_MANIFEST)
    trained = _trained_by("ferplus-v1.txt.gz", first.side_sha256("train"))
    assert manifest_of(trained).sha256 == default.sha256
    assert default.sha256 != first.sha256


def test_another_manifest_than_the_trained_one_is_refused():
    with pytest.raises(ConfigurationError, match="was trained on other pictures"):
        manifest_of(_trained_by("ferplus-v1.txt.gz", "0" * 64))


def test_other_layouts_are_read_by_their_loader(tmp_path):
    pixels = [" ".join(str((i * (k + 3)) % 256) for i in range(48 * 48)) for k in range(7)]
    lines = [f"{code},{text},Training" for code, text in enumerate(pixels)]
    path = tmp_path / "fer2013.csv"
    path.write_text("\n".join(["emotion,pixels,Usage", *lines]) + "\n")
    rows = load_rows(path, "fer2013", EMPTY)
    assert len(rows) == 7
    assert rows.votes.sum() == 7
    assert sorted(rows.labels.tolist()) == list(range(7))
