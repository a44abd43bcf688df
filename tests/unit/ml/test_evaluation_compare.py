from __future__ import annotations

import json
import sys

import numpy as np
import pytest
from scipy import stats

from include.contracts.errors import ConfigurationError
from include.contracts.labels import EXPRESSIONS
from ml.evaluation import compare as module
from ml.evaluation.answers import Answers, packaged_answers, read_answers, write_answers
from ml.evaluation.compare import compare, format_standings, mcnemar
from tests.unit.ml.conftest import generated_records


def _answers(name, chosen, confidence=0.9):
    rows = np.full((len(chosen), 7), (1 - confidence) / 6)
    rows[np.arange(len(chosen)), chosen] = confidence
    return Answers(name, rows)


def _two(n=700):
    generator = np.random.default_rng(0)
    labels = generator.integers(0, 7, n)
    first, second = labels.copy(), labels.copy()
    first[:200] = (first[:200] + 1) % 7
    second[50:180] = (second[50:180] + 1) % 7
    return labels, _answers("first", first), _answers("second", second)


def test_differences_are_paired_and_signed_against_the_first():
    labels, first, second = _two()
    standings = compare([first, second], labels)
    assert standings[0].accuracy_less_first is None
    assert standings[0].p_value is None
    difference = standings[1].accuracy_less_first
    assert difference.value == pytest.approx(70 / 700)
    assert 0 < difference.low < difference.high
    assert standings[1].macro_f1_less_first.value > 0
    assert standings[1].p_value == pytest.approx(stats.binomtest(0, 70).pvalue)


def test_mcnemar_asks_only_the_pictures_they_differ_on():
    right = np.array([1, 1, 1, 0, 0, 1], bool)
    other = np.array([1, 0, 0, 1, 0, 1], bool)
    assert mcnemar(right, other) == pytest.approx(stats.binomtest(2, 3).pvalue)
    assert mcnemar(right, right) == 1


def test_no_answer_is_a_wrong_answer():
    labels = np.arange(7)
    full = _answers("full", labels)
    silent = full.probabilities.copy()
    silent[0] = np.nan
    _, standing = compare([full, Answers("silent", silent)], labels, resamples=50)
    assert standing.answered.value == standing.accuracy.value == pytest.approx(6 / 7)
    assert standing.macro_f1.value == pytest.approx(6 / 7)


def test_every_model_answers_every_picture():
    with pytest.raises(ValueError, match="every model"):
        compare([_answers("short", np.zeros(3, int))], np.zeros(4, int))


def test_files_of_answers_are_read_back_in_any_order(tmp_path):
    keys = ("a", "b", "c")
    rows = np.random.default_rng(0).dirichlet(np.ones(7), size=3)
    rows[1] = np.nan
    write_answers(tmp_path / "ours.json", Answers("ours", rows), keys)
    document = json.loads((tmp_path / "ours.json").read_text())
    order = [6, 0, 3, 1, 2, 5, 4]
    document["labels"] = [EXPRESSIONS[i] for i in order]
    document["probabilities"] = [
        row and [row[i] for i in order] for row in document["probabilities"]
    ]
    (tmp_path / "theirs.json").write_text(json.dumps(document))
    for name in ("ours", "theirs"):
        again = read_answers(tmp_path / f"{name}.json", ("c", "b", "a"))
        np.testing.assert_allclose(again.probabilities, rows[::-1], atol=1e-5)
        assert again.answered.tolist() == [True, False, True]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"keys": ["a"], "probabilities": [[1, 0, 0, 0, 0, 0, 0]]}, "lacks 1 of 2 pictures"),
        ({"probabilities": [[1, 0, 0, 0, 0, 0, 0], [1, 1, 0, 0, 0, 0, 0]]}, "answer for b"),
        ({"probabilities": [None, None]}, "answers none of the 2 pictures"),
        ({"labels": ["happy"]}, "is not a file of answers"),
        ({"probabilities": [None]}, "is not a file of answers"),
    ],
)
def test_a_wrong_file_of_answers_is_named(tmp_path, change, message):
    document = {
        "model": "x",
        "labels": list(EXPRESSIONS),
        "keys": ["a", "b"],
        "probabilities": [[1, 0, 0, 0, 0, 0, 0], [0, 1, 0, 0, 0, 0, 0]],
    }
    path = tmp_path / "answers.json"
    path.write_text(json.dumps(document | change))
    with pytest.raises(ConfigurationError, match=message) as raised:
        read_answers(path, ("a", "b"))
    assert str(path) in str(raised.value)


def test_the_command_compares_a_package_with_a_file(
    tmp_path, tiny_package, ferplus_zip, monkeypatch, capsys
):
    package = tiny_package[0]
    records = [*generated_records(10, seed=1), *generated_records(3, seed=2)]
    answers = packaged_answers(package, tuple(record.pixels for record in records))
    write_answers(
        tmp_path / "same.json",
        Answers("the same", answers.probabilities),
        tuple(record.key for record in records),
    )
    out = tmp_path / "comparison.json"
    line = ["compare", "--models", str(package), "--answers", str(tmp_path / "same.json")]
    monkeypatch.setattr(sys, "argv", [*line, "--data", str(ferplus_zip), "--json", str(out)])
    assert module.main() == 0
    assert "n = 91" in capsys.readouterr().out
    second = json.loads(out.read_text())["models"][1]
    assert second["accuracy_less_first"]["value"] == 0
    assert second["p_value"] == 1


def test_pictures_can_be_spoilt_first(tiny_package, ferplus_zip, monkeypatch, capsys):
    line = ["compare", "--models", str(tiny_package[0]), "--data", str(ferplus_zip)]
    monkeypatch.setattr(sys, "argv", [*line, "--spoilt", "darkness=0.1"])
    assert module.main() == 0
    assert "darkness=0.1, n = 91" in capsys.readouterr().out


def test_spoiling_is_the_same_each_time_and_leaves_the_pictures():
    image = generated_records(1, seed=1)[0].pixels
    kept = image.copy()
    first, second = (module.spoil([image, image], "noise=20") for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert 10 < np.abs(first[0].astype(int) - image).mean() < 20
    assert not np.array_equal(first[0], first[1])
    np.testing.assert_array_equal(image, kept)


@pytest.mark.parametrize("asked", ["fog=1", "noise", "noise=much"])
def test_an_unknown_way_to_spoil_is_named(asked):
    with pytest.raises(ConfigurationError, match="with a way of: blur, noise"):
        module.spoil([], asked)


def test_spoilt_pictures_are_not_compared_with_a_file_of_answers(ferplus_zip, monkeypatch, capsys):
    line = ["compare", "--answers", "x.json", "--data", str(ferplus_zip)]
    monkeypatch.setattr(sys, "argv", [*line, "--spoilt", "noise=20"])
    assert module.main() == 2
    assert "other pictures" in capsys.readouterr().err


def test_a_missing_file_ends_the_command_with_its_name(monkeypatch, capsys, ferplus_zip):
    line = ["compare", "--answers", "/nowhere/x.json", "--data", str(ferplus_zip)]
    monkeypatch.setattr(sys, "argv", line)
    assert module.main() == 2
    assert "/nowhere/x.json" in capsys.readouterr().err


def test_the_table_shows_intervals_and_the_test():
    labels, first, second = _two()
    table = format_standings(compare([first, second], labels, resamples=50), "made, n = 700")
    assert "+0.100 (+0." in table
    assert "McNemar" in table
