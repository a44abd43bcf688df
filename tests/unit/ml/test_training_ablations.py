"""Ablations: variants of a recipe, their table, and a run that is taken up again."""

from __future__ import annotations

import csv
import io
import sys

import numpy as np
import pytest
import yaml

from include.contracts.errors import ConfigurationError
from ml.data.ferplus import load_ferplus
from ml.data.records import tabulate
from ml.data.splits import make_split
from ml.training import ablations
from ml.training.ablation_table import METRICS, Outcome, as_csv, as_markdown, compare
from ml.training.ablations import drawn_by_class
from ml.training.examples import Examples
from ml.training.variants import make_variants, read_base

BASE = {
    "name": "base",
    "seed": 5,
    "model": {"width": 0.25},
    "optimiser": {"learning_rate": 0.004, "weight_decay": 0.01, "ema_decay": 0.5},
    "augmentation": {"mixup": 0},
    "stages": [
        {"input_side_px": 48, "epochs": 9, "batch": 16},
        {"input_side_px": 64, "epochs": 4, "batch": 16},
    ],
}


@pytest.fixture
def base(tmp_path):
    path = tmp_path / "base.yaml"
    path.write_text(yaml.safe_dump(BASE))
    return path


def test_each_variant_changes_its_key_alone(base):
    content = read_base(base, epochs=2, side_px=32)
    variants = make_variants(
        content, ["loss.balancing=none, smote", "optimiser.sam_rho=0,0.05"], "base.yaml"
    )
    titles = ["loss.balancing=none", "loss.balancing=smote"]
    assert [v.title for v in variants] == [*titles, "optimiser.sam_rho=0", "optimiser.sam_rho=0.05"]
    plain, smote, also_plain, sam = (variant.recipe for variant in variants)
    assert plain == also_plain
    assert variants[0].identity() == variants[2].identity()
    assert len({variant.identity() for variant in variants}) == 3
    assert smote.loss.balancing == "smote"
    assert smote.model_copy(update={"loss": plain.loss}) == plain
    assert sam.optimiser.sam_rho == 0.05
    assert [(s.epochs, s.input_side_px, s.batch) for s in plain.stages] == [(2, 32, 16)]
    assert variants[0].identity("other data") != variants[0].identity()


def test_a_mapping_changes_several_keys_of_a_section(base):
    content = read_base(base, epochs=None, side_px=None)
    (variant,) = make_variants(
        content, ["optimiser={ema_decay: 0, warmup_epochs: 0.5}"], "base.yaml"
    )
    part = variant.recipe.optimiser
    assert (part.ema_decay, part.warmup_epochs, part.learning_rate) == (0, 0.5, 0.004)
    assert len(variant.recipe.stages) == 2
    (classes,) = make_variants(content, ["data.classes=[happiness, neutral]"], "base.yaml")
    assert classes.recipe.data.names == ("happiness", "neutral")


@pytest.mark.parametrize(
    ("vary", "named"),
    [
        ("loss.balancing", "--vary: 'loss.balancing'"),
        ("=3", "--vary: '=3'"),
        ("seed=", "--vary: 'seed='"),
        ("seed=[1", "--vary: .*is not key=value"),
        ("loss.balance=none", r"base\.yaml with loss\.balance=none: loss\.balance: "),
        ("seed.inner=1", r"seed\.inner: seed is not a section"),
    ],
)
def test_a_wrong_variation_is_named(base, vary, named):
    content = read_base(base, epochs=None, side_px=None)
    with pytest.raises(ConfigurationError, match=named):
        make_variants(content, [vary], "base.yaml")


def test_a_wrong_base_is_named(tmp_path, base):
    with pytest.raises(ConfigurationError, match=r"nowhere\.yaml"):
        read_base(tmp_path / "nowhere.yaml", epochs=None, side_px=None)
    with pytest.raises(ConfigurationError, match="--side"):
        read_base(base, epochs=None, side_px=32)


def _shares(labels, right) -> np.ndarray:
    """Answers sure by 0.7, right where `right` says so."""
    answers = np.where(right, labels, (labels + 1) % 3)
    shares = np.full((len(labels), 3), 0.15)
    shares[np.arange(len(labels)), answers] = 0.7
    return shares


def test_figures_and_paired_differences():
    generator = np.random.default_rng(0)
    labels = generator.integers(0, 3, 400)
    right = generator.random(400) < 0.7
    better = right.copy()
    better[np.flatnonzero(~right)[:24]] = True
    outcomes = [
        Outcome("a", "1", _shares(labels, right), 10, 60),
        Outcome("a", "2", _shares(labels, better), 10, 60),
        Outcome("b", "x", _shares(labels, right), 10, 120),
    ]
    rows = compare(outcomes, labels)
    first, second, third = rows
    assert first.differences is None
    assert third.differences is None
    assert first.figures["accuracy"].value == pytest.approx(right.mean())
    assert second.figures["accuracy"].low < better.mean() < second.figures["accuracy"].high
    gain = second.differences["accuracy"]
    assert gain.value == pytest.approx(24 / 400)
    # A gain on the same pictures is surer than two intervals side by side look.
    assert gain.low > 0.03
    assert second.figures["accuracy"].low < first.figures["accuracy"].high
    expected = 24 / 400 * np.log(0.15 / 0.7)
    assert second.differences["log_loss"].value == pytest.approx(expected)

    table = list(csv.DictReader(io.StringIO(as_csv(rows))))
    assert [row["value"] for row in table] == ["1", "2", "x"]
    assert float(table[1]["less_first_accuracy_value"]) == pytest.approx(0.06)
    assert table[0]["less_first_accuracy_value"] == ""
    assert table[0]["n"] == "400"
    assert {f"{metric}_low" for metric in METRICS} <= table[0].keys()
    text = as_markdown(rows, "Caption.")
    assert text.startswith("Caption.\n\n| variant |")
    assert "| `a=2` |" in text
    assert "+0.060 (+0.0" in text


def test_a_subset_keeps_the_shares_of_the_classes():
    labels = np.repeat([0, 1, 2], [600, 300, 100])
    images = np.arange(1000, dtype=np.uint16).view(np.uint8).reshape(1000, 1, 2)
    examples = Examples(images, np.eye(3, dtype=np.float32)[labels], ("a", "b", "c"))
    drawn = drawn_by_class(examples, 100)
    assert drawn.counts().tolist() == [60, 30, 10]
    assert np.array_equal(drawn.images, drawn_by_class(examples, 100).images)
    assert drawn_by_class(examples, None) is examples
    assert drawn_by_class(examples, 5000) is examples
    with pytest.raises(ConfigurationError, match="--subset"):
        drawn_by_class(examples, 2)


def test_the_command_trains_variants_and_takes_them_up_again(
    tmp_path, base, ferplus_zip, monkeypatch, capsys
):
    manifest = tmp_path / "split.txt.gz"
    manifest.write_bytes(make_split(tabulate(load_ferplus(ferplus_zip)), seed=0).to_bytes())
    out = tmp_path / "out"
    command = [
        *("ml.training.ablations", "--base", str(base), "--data", str(ferplus_zip)),
        *("--split", str(manifest), "--out", str(out), "--threads", "1"),
        *("--epochs", "1", "--side", "32", "--subset", "32"),
        *("--vary", "loss.balancing=none,weighted_sampler", "--vary", "optimiser.sam_rho=0"),
    ]
    monkeypatch.setattr(sys, "argv", command)
    ablations.main()
    first = capsys.readouterr().out
    table = (out / ablations.MARKDOWN).read_text()
    assert "Variants of base.yaml: 32 training pictures, epochs 1 at 32 px" in table
    assert table in first
    rows = list(csv.DictReader((out / ablations.CSV).read_text().splitlines()))
    assert [row["value"] for row in rows] == ["none", "weighted_sampler", "0"]
    # The base appears twice and was trained once.
    assert len(list(out.glob("*/answers.safetensors"))) == 2
    assert rows[0]["accuracy_value"] == rows[2]["accuracy_value"]
    assert all(int(row["steps"]) == 2 for row in rows)

    def no_training(*_args, **_kwargs):
        raise AssertionError("a finished variant was trained again")

    with monkeypatch.context() as patched:
        patched.setattr(ablations, "Trainer", no_training)
        ablations.main()
    assert (out / ablations.MARKDOWN).read_text() == table

    torn = next(out.glob("*/answers.safetensors"))
    torn.write_bytes(b"torn")
    with pytest.raises(ConfigurationError, match=r"answers\.safetensors is damaged"):
        ablations.main()
