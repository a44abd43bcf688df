from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics as reference

from ml.evaluation.calibration import fit_abstention, fit_temperature, softmax
from ml.evaluation.metrics import calibration_error, evaluate
from ml.evaluation.table import format_table


def _answers(n: int = 900, seed: int = 0, temperature: float = 1.0):
    """Calibrated answers when `temperature` is 1: labels are drawn from the probabilities."""
    generator = np.random.default_rng(seed)
    logits = generator.normal(0, 2, (n, 7))
    probabilities = softmax(logits)
    labels = np.array([generator.choice(7, p=row) for row in probabilities])
    return logits * temperature, labels


def test_figures_agree_with_scikit_learn():
    logits, labels = _answers()
    probabilities = softmax(logits)
    answers = probabilities.argmax(1)
    figures = evaluate(probabilities, labels, resamples=20).figures
    expected = {
        "accuracy": reference.accuracy_score(labels, answers),
        "balanced_accuracy": reference.balanced_accuracy_score(labels, answers),
        "macro_f1": reference.f1_score(labels, answers, average="macro"),
        "log_loss": reference.log_loss(labels, probabilities),
        "recall_disgust": reference.recall_score(labels, answers, average=None)[1],
        "precision_surprise": reference.precision_score(labels, answers, average=None)[6],
        "f1_fear": reference.f1_score(labels, answers, average=None)[2],
        "top_2": reference.top_k_accuracy_score(labels, probabilities, k=2),
        "brier": ((probabilities - np.eye(7)[labels]) ** 2).sum(axis=1).mean(),
    }
    for name, value in expected.items():
        assert figures[name].value == pytest.approx(value, abs=1e-6), name


def test_confusion_counts_rows_true_columns_answered():
    probabilities = np.eye(7)[[0, 0, 3]]
    evaluation = evaluate(probabilities, np.array([0, 1, 3]), resamples=5)
    assert evaluation.confusion[1][0] == 1
    assert evaluation.confusion[0][0] == evaluation.confusion[3][3] == 1
    assert sum(map(sum, evaluation.confusion)) == 3


def test_intervals_cover_the_truth_and_shrink_with_n():
    narrow, wide = (
        evaluate(softmax(logits), labels, resamples=300).figures["accuracy"]
        for logits, labels in (_answers(6000), _answers(200))
    )
    assert narrow.low < narrow.value < narrow.high
    assert narrow.high - narrow.low < (wide.high - wide.low) / 3
    logits, labels = _answers(40_000, seed=9)
    truth = float((logits.argmax(1) == labels).mean())
    assert narrow.low < truth < narrow.high


def test_a_class_without_rows_is_left_out_of_the_means():
    probabilities = np.eye(7)[[0, 1, 1]]
    figures = evaluate(probabilities, np.array([0, 1, 1]), resamples=5).figures
    assert figures["balanced_accuracy"].value == 1
    assert np.isnan(figures["recall_fear"].value)


def test_an_expression_that_is_never_found_keeps_its_doubt():
    labels = np.repeat([0, 1], [200, 20])
    evaluation = evaluate(np.eye(7)[np.zeros(220, int)], labels, resamples=50)
    recall = evaluation.figures["recall_disgust"]
    assert (recall.value, recall.low, recall.n) == (0, 0, 20)
    assert recall.high == pytest.approx(1 - 0.025 ** (1 / 20))
    assert evaluation.figures["precision_disgust"].n == 0
    assert evaluation.to_json()["figures"]["recall_fear"]["value"] is None


def test_the_interval_of_macro_f1_is_that_of_resampling_pictures():
    logits, labels = _answers(400)
    answers = logits.argmax(1)
    figure = evaluate(softmax(logits), labels).figures["macro_f1"]
    generator = np.random.default_rng(5)
    drawn = [
        reference.f1_score(labels[rows], answers[rows], average="macro")
        for rows in (generator.integers(0, 400, 400) for _ in range(200))
    ]
    low, high = np.percentile(drawn, [2.5, 97.5])
    assert figure.low == pytest.approx(low, abs=0.015)
    assert figure.high == pytest.approx(high, abs=0.015)


def test_shapes_that_do_not_belong_together_are_refused():
    with pytest.raises(ValueError, match="answers for 2 labels"):
        evaluate(np.eye(7), np.array([0, 1]))
    with pytest.raises(ValueError, match="0 labels"):
        evaluate(np.zeros((0, 7)), np.zeros(0, np.int64))


def test_calibration_error_of_known_answers():
    confidence = np.full(100, 0.9)
    correct = np.arange(100) < 60
    assert calibration_error(confidence, correct) == pytest.approx(0.3)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.5])
def test_temperature_is_recovered(temperature):
    logits, labels = _answers(8000, temperature=temperature)
    assert fit_temperature(logits, labels) == pytest.approx(temperature, rel=0.08)


def test_abstention_sets_aside_what_is_more_often_wrong():
    generator = np.random.default_rng(0)
    confidence = generator.uniform(0.2, 1, 20_000)
    correct = generator.uniform(size=20_000) < confidence
    assert fit_abstention(confidence, correct) == pytest.approx(0.5, abs=0.05)
    assert fit_abstention(confidence, np.ones(20_000, bool)) == 0
    assert fit_abstention(confidence, np.zeros(20_000, bool)) == 1


def test_the_table_names_n_and_intervals():
    logits, labels = _answers(300)
    table = format_table(evaluate(softmax(logits), labels, resamples=20), "made")
    assert "95 % interval" in table
    assert "recall sadness" in table
    assert "300" in table
