"""Gates: each passes and fails where its rule says, and says why."""

from __future__ import annotations

import numpy as np
import pytest

from include.governance.release.compare import pool, scored_rows
from include.governance.release.documents import Champion, Compared, Evaluation, Speed
from include.governance.release.gates import bias_gate, golden_gate, not_worse_gate, speed_gate
from include.pipeline.model_retraining import documents
from include.settings import ReleaseSettings
from ml.data.records import FaceRecord, votes_for
from ml.evaluation.answers import Answers
from ml.evaluation.compare import compare
from ml.evaluation.rows import ScoredRows

SETTINGS = ReleaseSettings()


def _compared(n: int, before: float, after: float, name: str = "pool", seed: int = 0) -> Compared:
    """Two models that are right on a share of the faces; one is right where the other is."""
    labels = np.arange(n) % 7
    order = np.random.default_rng(seed).permutation(n)

    def answers(model: str, share: float) -> Answers:
        chosen = labels.copy()
        wrong = order[round(share * n) :]
        chosen[wrong] = (chosen[wrong] + 1) % 7
        return Answers(model, np.eye(7)[chosen] * 0.93 + 0.01)

    first, second = compare([answers("a", before), answers("b", after)], labels, resamples=200)
    return Compared(name, n, first, second)


def test_an_equal_and_a_better_model_pass() -> None:
    for after in (0.80, 0.85):
        gate = not_worse_gate(_compared(1000, 0.8, after), [], SETTINGS)
        assert gate.passed, gate.sentence
        assert "Against the champion on 1000 faces" in gate.sentence


def test_a_model_that_may_have_lost_more_than_the_margin_does_not() -> None:
    gate = not_worse_gate(_compared(1000, 0.80, 0.785), [], SETTINGS)
    assert not gate.passed
    assert "accuracy may have fallen by more than 2.0 points: -1.5 points" in gate.sentence


def test_a_model_that_is_surely_worse_somewhere_does_not() -> None:
    pooled = _compared(4000, 0.80, 0.81)
    somewhere = _compared(300, 0.80, 0.72, "new labels")
    gate = not_worse_gate(pooled, [somewhere, _compared(3700, 0.8, 0.815)], SETTINGS)
    assert not gate.passed
    assert "on new labels (n = 300) it is surely worse: -8.0 points" in gate.sentence


def test_too_few_faces_decide_nothing() -> None:
    gate = not_worse_gate(_compared(99, 0.5, 0.9), [], SETTINGS)
    assert not gate.passed
    assert "FEX_RELEASE__MIN_ROWS" in gate.sentence


def test_the_other_gates() -> None:
    assert golden_gate(None).passed
    assert not golden_gate("portrait: answered fear").passed
    audited = bias_gate(None, verdict="amber", audit_sha256="f" * 64)
    assert (audited.passed, audited.sentence) == (True, "Bias audit ffffffffffff is amber.")
    assert "FEX_AUDIT__REQUIRED_FOR_PROMOTION" in bias_gate(None, verdict=None).sentence
    blocked = bias_gate("Bias audit 1234 is red", verdict="red", audit_sha256="1234")
    assert (blocked.passed, blocked.sentence) == (False, "Bias audit 1234 is red")
    assert speed_gate(Speed(4.0, 5.0), SETTINGS).passed
    slow = speed_gate(Speed(4.0, 5.1), SETTINGS)
    assert not slow.passed
    assert "1.27 times, 1.25 are allowed" in slow.sentence


def test_a_comparison_is_read_back_as_it_was_written() -> None:
    compared = _compared(200, 0.7, 0.75)
    champion = Champion("m", "1", "c" * 64)
    found = Evaluation(champion, "d" * 64, compared, [compared], Speed(1.234, 2.345))
    form = documents.EVALUATION.form
    again = form.read(form.write(found), "evaluation.json")
    assert again == found
    assert again.pool.challenger.accuracy_less_first is not None
    assert again.pool.champion.accuracy_less_first is None


def _rows(name: str, seeds: range) -> ScoredRows:
    records = [
        FaceRecord(str(seed), np.full((8, 8), seed, np.uint8), votes_for("fear"), "made")
        for seed in seeds
    ]
    votes = np.array([record.votes for record in records], np.int64)
    found = scored_rows(name, records, votes)
    assert found is not None
    return found


def test_the_pool_holds_each_face_once() -> None:
    together = pool([_rows("a", range(10)), _rows("b", range(5, 20))])
    assert len(together) == len(set(together.keys)) == 20
    assert together.labels.tolist() == [2] * 20


def test_faces_without_a_unique_majority_are_not_scored() -> None:
    record = FaceRecord("x", np.zeros((8, 8), np.uint8), votes_for("contempt"), "made")
    assert scored_rows("x", [record], np.array([record.votes], np.int64)) is None


@pytest.mark.parametrize("n", [150, 400])
def test_a_small_pool_needs_a_clear_gain(n: int) -> None:
    """With few faces the interval is wide: equal is not shown, better is."""
    generator = np.random.default_rng(3)
    labels = np.arange(n) % 7

    def noisy(model: str, share: float) -> Answers:
        right = generator.random(n) < share
        return Answers(model, np.eye(7)[np.where(right, labels, (labels + 1) % 7)] * 0.93 + 0.01)

    equal = compare([noisy("a", 0.7), noisy("b", 0.7)], labels, resamples=200)
    better = compare([noisy("a", 0.6), noisy("b", 0.9)], labels, resamples=200)
    assert not not_worse_gate(Compared("pool", n, *equal), [], SETTINGS).passed
    assert not_worse_gate(Compared("pool", n, *better), [], SETTINGS).passed
