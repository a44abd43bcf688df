"""The packed network through ONNX Runtime: the same answers, the same bytes each time."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
import torch
from torch import nn

from include.contracts.errors import ConfigurationError
from ml.evaluation.golden import GoldenImageError, check_golden, reference_answers
from ml.evaluation.packed import packed_logits, shard
from ml.models.mobilenet import build_mobilenet_v2
from ml.packaging.build import GRAPH_MEMBER, WEIGHTS_MEMBER, build_package
from ml.packaging.graph import build_graph
from ml.packaging.quantise import Quantisation, quantise
from ml.packaging.signature import Serving, make_signature
from ml.packaging.unpack import read_package, unpack_package
from ml.serving.handler import PackedModel
from tests.unit.ml.conftest import generated_face

ROOT = Path(__file__).parents[3]
SIDE = 48

BUILD_AGAIN = """
import hashlib, sys
from pathlib import Path
import numpy as np, torch
from safetensors.torch import load
from ml.models.mobilenet import build_mobilenet_v2
from ml.packaging.graph import build_graph
from ml.packaging.quantise import quantise
torch.set_num_threads(1)
weights = Path(sys.argv[1]).read_bytes()
network = build_mobilenet_v2(width=0.25)
network.load_state_dict(load(weights))
graph = build_graph(network, weights, side_px=48)
small = quantise(graph, weights, np.load(sys.argv[2]))
print(hashlib.sha256(graph).hexdigest(), hashlib.sha256(small).hexdigest())
"""


@pytest.fixture(scope="module")
def weights(tiny_package) -> bytes:
    return read_package(tiny_package[0])[WEIGHTS_MEMBER]


@pytest.fixture(scope="module")
def graph(tiny_package, weights) -> bytes:
    return build_graph(tiny_package[1], weights, side_px=SIDE)


@pytest.fixture(scope="module")
def pictures() -> list[np.ndarray]:
    return [generated_face(number % 7, number) for number in range(40)]


@pytest.fixture(scope="module")
def calibration() -> np.ndarray:
    return np.random.default_rng(1).standard_normal((32, 3, SIDE, SIDE)).astype(np.float32)


@pytest.fixture(scope="module")
def quantised(graph, weights, calibration) -> bytes:
    return quantise(graph, weights, calibration)


def _package(tiny_package, out: Path, graph: bytes, serving: Serving, **changes) -> Path:
    content = read_package(tiny_package[0])
    signature = replace(tiny_package[2], serving=serving, **changes)
    build_package(content[WEIGHTS_MEMBER], signature, out, graph=graph)
    return out


@pytest.fixture(scope="module")
def model_dir(tiny_package, graph, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("onnx")
    package = _package(tiny_package, folder / "model.tar.gz", graph, Serving("onnxruntime"))
    return unpack_package(package, folder)


def test_both_engines_answer_alike(model_dir, pictures):
    found = [
        packed_logits(PackedModel.open(model_dir, engine=engine), pictures)
        for engine in ("onnxruntime", "torch")
    ]
    assert np.abs(found[0] - found[1]).max() < 1e-4
    assert np.ptp(found[0], axis=0).min() > 1e-3, "different pictures, different answers"


def test_the_number_of_threads_does_not_change_a_byte(model_dir, pictures, monkeypatch):
    encoded = [cv2.imencode(".jpg", picture)[1].tobytes() for picture in pictures]
    body = shard((f"row-{number}", data) for number, data in enumerate(encoded))
    answers = []
    for threads in ("1", "3"):
        monkeypatch.setenv("FEX_MODEL_THREADS", threads)
        answers.append(PackedModel.open(model_dir).invoke(body, "application/x-tar")[0])
    torch.set_num_threads(1)
    assert answers[0] == answers[1]
    rows = [json.loads(line)["row_id"] for line in answers[0].splitlines()]
    assert rows == [f"row-{number}" for number in range(len(pictures))]


def test_the_graph_holds_no_weights_and_tells_nothing_of_the_tool(graph, weights, tmp_path):
    model = onnx.load_from_string(graph)
    assert len(graph) < len(weights) / 4
    assert not model.producer_name
    assert not model.metadata_props
    (tmp_path / GRAPH_MEMBER).write_bytes(graph)
    (tmp_path / WEIGHTS_MEMBER).write_bytes(weights)
    onnx.checker.check_model(str(tmp_path / GRAPH_MEMBER), full_check=True)


def test_another_process_builds_the_same_bytes(graph, quantised, weights, calibration, tmp_path):
    (tmp_path / "weights").write_bytes(weights)
    np.save(tmp_path / "calibration.npy", calibration, allow_pickle=False)
    arguments = [str(tmp_path / "weights"), str(tmp_path / "calibration.npy")]
    done = subprocess.run(
        [sys.executable, "-c", BUILD_AGAIN, *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == [hashlib.sha256(part).hexdigest() for part in (graph, quantised)]


def test_changed_bytes_of_the_graph_are_noticed(model_dir, tmp_path):
    import shutil

    copy = Path(shutil.copytree(model_dir, tmp_path / "copy"))
    data = bytearray((copy / GRAPH_MEMBER).read_bytes())
    data[100] ^= 1
    (copy / GRAPH_MEMBER).write_bytes(bytes(data))
    with pytest.raises(ConfigurationError, match=r"model\.onnx has sha256"):
        PackedModel.open(copy)


def test_the_environment_decides_over_the_seal(model_dir, monkeypatch):
    monkeypatch.setenv("FEX_MODEL_ENGINE", "tensorflow")
    with pytest.raises(ConfigurationError, match="FEX_MODEL_ENGINE is onnxruntime or torch"):
        PackedModel.open(model_dir)
    monkeypatch.setenv("FEX_MODEL_ENGINE", "torch")
    _without_onnxruntime(monkeypatch)
    PackedModel.open(model_dir)


def _without_onnxruntime(monkeypatch) -> None:
    import importlib.util

    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util,
        "find_spec",
        lambda name, package=None: None if name == "onnxruntime" else found(name, package),
    )


def test_torch_answers_where_onnxruntime_is_not_installed(model_dir, pictures, monkeypatch, caplog):
    expected = packed_logits(PackedModel.open(model_dir), pictures[:4])
    _without_onnxruntime(monkeypatch)
    found = packed_logits(PackedModel.open(model_dir), pictures[:4])
    assert "onnxruntime is not installed" in caplog.text
    assert np.abs(found - expected).max() < 1e-4
    with pytest.raises(ConfigurationError, match="asks for onnxruntime, which is not installed"):
        PackedModel.open(model_dir, engine="onnxruntime")


def test_a_quantised_network_answers_nearly_alike(tiny_package, quantised, pictures, tmp_path):
    package = _package(
        tiny_package, tmp_path / "model.tar.gz", quantised, Serving("onnxruntime", "int8")
    )
    folder = unpack_package(package, tmp_path)
    small, whole = (
        packed_logits(PackedModel.open(folder, engine=engine), pictures)
        for engine in ("onnxruntime", "torch")
    )
    difference = np.abs(small - whole).max()
    # Processors without VNNI add pairs of products of 8 bits in 16 bits, where they saturate
    # (ONNX Runtime's documentation, "Quantize ONNX models"): more is lost on them.
    known = Path("/proc/cpuinfo")
    has_vnni = not known.exists() or "vnni" in known.read_text()
    assert 0 < difference < (0.5 if has_vnni else 0.75) * np.ptp(whole)
    kinds = {node.op_type for node in onnx.load_from_string(quantised).graph.node}
    assert "DequantizeLinear" in kinds
    assert "BatchNormalization" not in kinds


def test_the_ends_may_stay_in_float(graph, weights, calibration):
    half = onnx.load_from_string(
        quantise(graph, weights, calibration, Quantisation(keep_ends=True))
    )
    floats = {tensor.name for tensor in half.graph.initializer if tensor.data_type == 1}
    assert any(name.startswith("classifier.1.weight") for name in floats)


def test_the_gate_runs_both_engines(tiny_package, graph, tmp_path, monkeypatch):
    from ml.evaluation import golden

    monkeypatch.setattr(golden, "TRUTH", {})
    _, network, signature = tiny_package
    answers = reference_answers(network, signature)
    whole = _package(
        tiny_package, tmp_path / "a" / "model.tar.gz", graph, Serving("onnxruntime"), golden=answers
    )
    check_golden(whole)
    model = onnx.load_from_string(graph)
    next(n for n in model.graph.node if n.op_type == "Gemm").attribute.append(
        onnx.helper.make_attribute("alpha", 3.0)
    )
    wrong = _package(
        tiny_package,
        tmp_path / "b" / "model.tar.gz",
        model.SerializeToString(),
        Serving("onnxruntime"),
        golden=answers,
    )
    with pytest.raises(GoldenImageError, match=r"onnxruntime: .* differ by") as caught:
        check_golden(wrong)
    assert "torch:" not in str(caught.value)


def test_a_step_without_onnx_form_is_named(weights):
    network = build_mobilenet_v2(width=0.25)
    network.features[0][2] = nn.Softsign()
    with pytest.raises(ConfigurationError, match="Softsign"):
        build_graph(network, weights, side_px=SIDE)


def test_weights_that_lack_a_tensor_are_named(tiny_package):
    from safetensors.torch import save

    some = save({"features.0.0.weight": torch.zeros(8, 3, 3, 3)})
    with pytest.raises(ConfigurationError, match=r"no float32 features\.0\.1\.weight"):
        build_graph(tiny_package[1], some, side_px=SIDE)


def test_a_signature_names_engine_and_precision():
    signature = make_signature(
        package_version="1", input_side_px=96, serving=Serving("onnxruntime", "int8")
    )
    assert signature.serving == Serving("onnxruntime", "int8")
    assert signature.logit_offset == (0.0,) * 7
