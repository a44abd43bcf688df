from __future__ import annotations

import zipfile

import numpy as np
import pytest

from include.contracts.errors import ConfigurationError
from include.contracts.labels import EXPRESSIONS
from ml.data.ferplus import load_ferplus
from ml.data.records import VOTE_NAMES, tabulate
from ml.data.votes import majority, soft_targets, usable


def test_zip_and_folder_give_the_same_records(ferplus_zip, tmp_path):
    with zipfile.ZipFile(ferplus_zip) as archive:
        archive.extractall(tmp_path)
    zipped, unzipped = list(load_ferplus(ferplus_zip)), list(load_ferplus(tmp_path))
    assert len(zipped) == 13 * len(EXPRESSIONS)
    assert [r.key for r in zipped] == [r.key for r in unzipped]
    assert [r.votes for r in zipped] == [r.votes for r in unzipped]


def test_votes_are_reordered_to_the_sealed_label_order(ferplus_zip):
    record = next(iter(load_ferplus(ferplus_zip)))
    assert record.votes[EXPRESSIONS.index("anger")] == 8
    assert record.votes[EXPRESSIONS.index("disgust")] == 2
    assert sum(record.votes) == 10


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("fer.png,box,1,2\n", "row 1 has 4 columns"),
        ("no.png,box" + ",1" * 10, r"no\.png is listed but not there"),
        ("fer.png,box" + ",1" * 9 + ",-1", "row 1 has the vote count '-1'"),
    ],
)
def test_a_bad_row_is_named(tmp_path, row, said):
    (tmp_path / "FER2013Train").mkdir()
    (tmp_path / "FER2013Train" / "label.csv").write_text(row)
    with pytest.raises(ConfigurationError, match=said):
        list(load_ferplus(tmp_path))


def test_a_path_that_is_no_data_set_is_named(tmp_path):
    with pytest.raises(ConfigurationError, match="nowhere"):
        list(load_ferplus(tmp_path / "nowhere"))
    with pytest.raises(ConfigurationError, match=r"label\.csv"):
        list(load_ferplus(tmp_path))


def test_a_corrupt_picture_is_named(tmp_path):
    part = tmp_path / "FER2013Train"
    part.mkdir()
    (part / "label.csv").write_text("fer.png,box" + ",1" * 10)
    (part / "fer.png").write_bytes(b"\x89PNG cut short")
    with pytest.raises(ConfigurationError, match=r"FER2013Train/fer\.png is corrupt"):
        list(load_ferplus(tmp_path))


def test_exact_duplicates_are_merged_and_their_votes_summed(ferplus_zip):
    records = list(load_ferplus(ferplus_zip))
    table = tabulate([*records, records[0]])
    assert len(table) == len(records)
    assert table.votes[0].sum() == 20


def _votes(**counts: int) -> np.ndarray:
    return np.array([[counts.get(name, 0) for name in VOTE_NAMES]])


def test_soft_targets_drop_other_votes_and_strays():
    votes = _votes(neutral=6, sadness=2, anger=1, contempt=1)
    target = soft_targets(votes)[0]
    assert target[EXPRESSIONS.index("neutral")] == pytest.approx(0.75)
    assert target[EXPRESSIONS.index("sadness")] == pytest.approx(0.25)
    assert target.sum() == pytest.approx(1)


def test_rows_that_show_something_else_are_not_used():
    votes = np.vstack(
        [
            _votes(neutral=3, contempt=7),
            _votes(neutral=2, unknown=8),
            _votes(not_a_face=10),
            _votes(neutral=6, unknown=4),
        ]
    )
    assert usable(votes).tolist() == [False, False, False, True]
    assert majority(votes).tolist() == [-1, -1, -1, EXPRESSIONS.index("neutral")]


def test_a_tie_has_no_single_truth_but_may_train():
    votes = _votes(anger=5, fear=5)
    assert majority(votes).tolist() == [-1]
    assert usable(votes).tolist() == [True]
