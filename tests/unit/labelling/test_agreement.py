"""Agreement against published worked examples, and the folder training reads."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import cv2
import numpy as np
import pytest

from include.labelling.agreement import agreement
from include.labelling.folder import IMAGE_FOLDER, LABEL_FILE, label_table, picture_file
from include.labelling.votes import Vote, latest, read_votes, votes_bytes
from ml.data.annotations import load_annotations

# Krippendorff 2011, section C: four observers, twelve units, values 1 to 5; None is missing.
OBSERVERS = (
    (1, 2, 3, 3, 2, 1, 4, 1, 2, None, None, None),
    (1, 2, 3, 3, 2, 2, 4, 1, 2, 5, None, 3),
    (None, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, None),
    (1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, None),
)


def worked_example() -> np.ndarray:
    votes = np.zeros((12, 5), np.int64)
    for observer in OBSERVERS:
        for unit, value in enumerate(observer):
            if value is not None:
                votes[unit, value - 1] += 1
    return votes


def test_alpha_is_that_of_the_worked_example() -> None:
    found = agreement(worked_example(), [f"p{row}" for row in range(12)], resamples=200)
    assert found is not None
    assert (found.faces_n, found.votes_n) == (11, 40)
    assert found.alpha.value == pytest.approx(0.743, abs=5e-4)
    assert found.alpha.low < 0.743 < found.alpha.high
    assert found.alpha.n == 11


def test_the_interval_is_over_people_not_pictures() -> None:
    votes = np.repeat(worked_example()[:9], 4, axis=0)
    apart = agreement(votes, [f"p{row}" for row in range(36)], resamples=300)
    together = agreement(votes, [f"p{row // 4}" for row in range(36)], resamples=300)
    assert apart is not None
    assert together is not None
    width = together.alpha.high - together.alpha.low
    assert width > 1.5 * (apart.alpha.high - apart.alpha.low)


def test_nobody_answered_twice() -> None:
    assert agreement(np.eye(10, dtype=np.int64)[:3], ["a", "b", "c"]) is None


def jpeg(grey: int) -> bytes:
    ok, data = cv2.imencode(".jpg", np.full((24, 24, 3), grey, np.uint8))
    assert ok
    return data.tobytes()


def test_training_reads_what_was_handed_over(tmp_path: Path) -> None:
    votes = latest(
        [
            Vote("e-1", "anna", "fear"),
            Vote("e-1", "ben", "anger"),
            Vote("e-2", "anna", "fear"),
            Vote("e-1", "ben", "fear", datetime(2026, 11, 2, tzinfo=UTC)),
        ]
    )
    (tmp_path / IMAGE_FOLDER).mkdir()
    (tmp_path / IMAGE_FOLDER / picture_file("e-1")).write_bytes(jpeg(90))
    (tmp_path / LABEL_FILE).write_bytes(label_table(votes, {"e-1"}))
    (record,) = load_annotations(tmp_path)
    assert record.votes[2] == 2
    assert sum(record.votes) == 2, "a changed answer counts once, e-2 has no picture"


def test_a_row_id_cannot_leave_the_folder() -> None:
    with pytest.raises(ValueError, match="no file name"):
        label_table([Vote("../x", "anna", "fear")], {"../x"})


def test_votes_survive_being_written() -> None:
    votes = [Vote("e-1", "a", "fear", datetime(2026, 11, 2, tzinfo=UTC)), Vote("e-2", "b", "anger")]
    assert read_votes(votes_bytes(votes), "votes.jsonl") == votes
