from __future__ import annotations

import cv2
import numpy as np
import pytest

from include.contracts.errors import ConfigurationError
from ml.data.duplicates import near_duplicate_groups
from ml.data.ferplus import load_ferplus
from ml.data.records import FaceRecord, tabulate
from ml.data.splits import SPLITS, make_split, parse_manifest, read_manifest
from tests.unit.ml.conftest import generated_records


def _photo(seed: int) -> np.ndarray:
    coarse = np.random.default_rng(seed).integers(0, 255, (7, 7)).astype(np.uint8)
    return cv2.resize(coarse, (48, 48), interpolation=cv2.INTER_CUBIC)


def _table_with_near_duplicates():
    votes = (8, *([0] * 9))
    records = []
    for number in range(60):
        photo = _photo(number)
        brighter = cv2.convertScaleAbs(photo, alpha=0.9, beta=12)
        records.append(FaceRecord(f"{number}", photo, votes))
        records.append(FaceRecord(f"{number} brighter", brighter, votes))
        records.append(FaceRecord(f"{number} mirrored", photo[:, ::-1].copy(), votes))
    return tabulate(records)


def test_committed_split_has_no_overlap():
    manifest = read_manifest()
    assert manifest.overlaps() == []
    sizes = [sum(side == split for side in manifest.split_of.values()) for split in SPLITS]
    assert sum(sizes) == 30_618
    assert sizes[1] == pytest.approx(0.1 * sum(sizes), rel=0.02)
    assert sizes[2] == pytest.approx(0.1 * sum(sizes), rel=0.02)


def test_an_overlap_is_seen():
    lines = ["aaaa 1 train", "bbbb 1 test", "cccc 2 validation"]
    assert parse_manifest(lines, "made").overlaps() == [1]


@pytest.mark.parametrize(
    ("lines", "said"),
    [(["aaaa 1 train", "aaaa 2 test"], "aaaa twice"), (["aaaa 1 holdout"], "line 1")],
)
def test_a_malformed_manifest_is_refused(lines, said):
    with pytest.raises(ConfigurationError, match=said):
        parse_manifest(lines, "made")


def test_near_duplicates_stay_on_one_side_and_strangers_apart():
    table = _table_with_near_duplicates()
    groups = near_duplicate_groups(table.images)
    assert len(set(groups.tolist())) == 60
    assert (groups.reshape(60, 3) == groups.reshape(60, 3)[:, :1]).all()
    manifest = make_split(table, seed=1)
    assert manifest.overlaps() == []
    assert {len(manifest.rows(table, split)) % 3 for split in SPLITS} == {0}


def test_split_is_stratified_and_repeatable():
    table = tabulate(generated_records(40))
    first, second = make_split(table, seed=3), make_split(table, seed=3)
    assert first.to_bytes() == second.to_bytes()
    assert first.sha256 != make_split(table, seed=4).sha256


def test_manifest_survives_being_written_and_read(tmp_path):
    manifest = make_split(tabulate(generated_records(5)), seed=0)
    path = tmp_path / "split.txt.gz"
    path.write_bytes(manifest.to_bytes())
    assert read_manifest(path) == manifest
    with pytest.raises(ConfigurationError, match=r"nowhere\.gz"):
        read_manifest(tmp_path / "nowhere.gz")


def test_committed_split_covers_the_data_and_keeps_near_duplicates_together(shared_data):
    """On the smaller part of FER+; `python -m ml.data` makes the whole manifest again."""
    part = load_ferplus(shared_data / "ferplus-train-valid.zip", parts=("FER2013Valid",))
    table = tabulate(part)
    manifest = read_manifest()
    sides = np.array([manifest.split_of[key[:16]] for key in table.keys])
    groups = near_duplicate_groups(table.images)
    repeated = np.unique(groups[np.bincount(groups, minlength=len(groups))[groups] > 1])
    assert len(repeated) > 10
    for group in repeated:
        assert len(set(sides[groups == group].tolist())) == 1
