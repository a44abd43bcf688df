"""The serving benchmark prints what it measured, for any package."""

from __future__ import annotations

import pytest

from benchmarks import serving
from benchmarks.serving_models import ONNX, TORCH, crops, make_variants


def test_it_prints_every_table(tiny_package, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(serving, "SIDES_PX", (32, 64))
    monkeypatch.setattr(serving, "REFERENCE_SIDE_PX", 64)
    arguments = ["--packages", str(tiny_package[0]), "--data", str(tmp_path / "none")]
    serving.main([*arguments, "--rounds", "1", "--faces", "20"])
    text = " ".join(capsys.readouterr().out.split())
    for expected in ("no accuracy", "Network alone at 48 px", "Through the handler", "Input side"):
        assert expected in text
    assert text.count(ONNX) >= 3


def test_variants_answer_the_same_pictures_alike(tiny_package, tmp_path):
    import json

    variants = make_variants(tiny_package[0], tmp_path, data=None)
    (crop,) = crops(1)
    first, second = (
        json.loads(variants[name].open().invoke(crop, "application/x-image")[0])["logits"]
        for name in (TORCH, ONNX)
    )
    assert first == pytest.approx(second, abs=1e-3)


def test_rates_are_taken_in_turn_and_without_the_first_round():
    order = []

    def task(name: str, items: int):
        order.append(name)
        return items

    rates = serving.in_turn({"a": lambda: task("a", 1), "b": lambda: task("b", 2)}, 2)
    assert order == ["a", "b"] * 3
    assert {name: len(values) for name, values in rates.items()} == {"a": 2, "b": 2}
    assert min(rates["a"] + rates["b"]) > 0
