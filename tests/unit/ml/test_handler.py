from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import tarfile
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from include.contracts.errors import ConfigurationError
from include.contracts.labels import EXPRESSIONS
from ml.evaluation.packed import packed_logits, shard
from ml.models.preprocessing import network_input
from ml.packaging.build import WEIGHTS_MEMBER, build_package
from ml.packaging.unpack import read_package, unpack_package
from ml.serving.handler import InvocationError, PackedModel

ROOT = Path(__file__).parents[3]
TAR, IMAGE = "application/x-tar", "application/x-image"


@pytest.fixture(scope="module")
def model_dir(tiny_package, tmp_path_factory) -> Path:
    return unpack_package(tiny_package[0], tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def model(model_dir) -> PackedModel:
    return PackedModel.open(model_dir)


def _picture(seed: int, shape: tuple[int, ...] = (112, 112, 3)) -> np.ndarray:
    coarse = np.random.default_rng(seed).integers(0, 255, (6, 6, *shape[2:])).astype(np.uint8)
    return cv2.resize(coarse, (shape[1], shape[0]), interpolation=cv2.INTER_CUBIC)


def _jpeg(image: np.ndarray) -> bytes:
    return cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 95])[1].tobytes()


def _lines(body: bytes) -> list[dict]:
    return [json.loads(line) for line in body.splitlines()]


def test_a_shard_is_answered_row_by_row(model):
    pictures = {f"row-{i:03d}": _jpeg(_picture(i)) for i in range(70)}
    body, content_type = model.invoke(shard(pictures.items()), TAR)
    rows = _lines(body)
    assert content_type == "application/jsonlines"
    assert [row["row_id"] for row in rows] == list(pictures)
    for row in rows:
        shares = row["probabilities"]
        assert tuple(shares) == EXPRESSIONS
        assert sum(shares.values()) == pytest.approx(1, abs=1e-4)
        assert row["emotion"] == max(shares, key=shares.get)
        assert row["confidence"] == pytest.approx(max(shares.values()))
        assert len(row["logits"]) == len(EXPRESSIONS)


def test_probabilities_are_the_logits_over_the_sealed_temperature(model, tiny_package):
    body, _ = model.invoke(_jpeg(_picture(1)), IMAGE)
    answer = json.loads(body)
    scaled = torch.tensor(answer["logits"]) / tiny_package[2].temperature
    shares = list(answer["probabilities"].values())
    assert shares == pytest.approx(scaled.softmax(0).tolist(), abs=1e-4)


def test_the_packed_model_is_the_trained_network(model, tiny_package):
    network, signature = tiny_package[1], tiny_package[2]
    images = [_picture(i, (side, side)) for i, side in enumerate((48, 48, 64, 112))]
    found = packed_logits(model, images)
    for image, logits in zip(images, found, strict=True):
        batch = network_input(
            torch.from_numpy(image)[None],
            signature.input.side_px,
            detail_side=signature.preprocessing.detail_side_px,
        )
        with torch.inference_mode():
            expected = network(batch)[0].tolist()
        assert logits.tolist() == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "P", "LA", "CMYK", "I;16", "1"])
@pytest.mark.parametrize("size", [(48, 48), (1, 1), (200, 90), (600, 600)])
def test_one_crop_of_any_size_and_colour_mode(model, mode, size):
    sink = io.BytesIO()
    picture = Image.fromarray(_picture(3, (size[1], size[0], 3)))
    if mode == "I;16":
        picture = Image.fromarray(np.asarray(picture.convert("L")).astype(np.uint16) * 256)
    else:
        picture = picture.convert(mode)
    picture.save(sink, "TIFF" if mode in {"CMYK", "LA", "I;16"} else "PNG")
    body, content_type = model.invoke(sink.getvalue(), IMAGE)
    answer = json.loads(body)
    assert content_type == "application/json"
    assert "row_id" not in answer
    assert sum(answer["probabilities"].values()) == pytest.approx(1, abs=1e-4)


def test_a_flat_picture_gives_finite_answers(model):
    body, _ = model.invoke(_jpeg(np.full((112, 112, 3), 128, np.uint8)), IMAGE)
    assert all(np.isfinite(json.loads(body)["logits"]))


def test_a_crop_that_cannot_be_decoded_does_not_fail_its_shard(model):
    pictures = [("good", _jpeg(_picture(1))), ("bad", b"\xff\xd8 no picture"), ("empty", b"")]
    truncated = _jpeg(_picture(2))
    rows = _lines(model.invoke(shard([*pictures, ("cut", truncated[:300])]), TAR)[0])
    assert [row["row_id"] for row in rows] == ["good", "bad", "empty", "cut"]
    assert ["error" in row for row in rows] == [False, True, True, True]
    assert "emotion" not in rows[1]
    only_bad = _lines(model.invoke(shard(pictures[1:]), TAR)[0])
    assert all("error" in row for row in only_bad)


def test_an_empty_shard_is_answered_with_nothing(model):
    assert model.invoke(shard([]), TAR)[0] == b""


def _odd_shard(change) -> bytes:
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode="w") as archive:
        member = tarfile.TarInfo("row.jpg")
        data = _jpeg(_picture(1))
        member.size = len(data)
        change(member)
        archive.addfile(member, io.BytesIO(data) if member.isreg() else None)
    return sink.getvalue()


def _make_link(member: tarfile.TarInfo) -> None:
    member.type, member.linkname, member.size = tarfile.SYMTYPE, "/etc/passwd", 0


def _rename(member: tarfile.TarInfo) -> None:
    member.name = "row.exe"


WHOLE = shard((f"r{i}", _jpeg(_picture(i))) for i in range(3))
DAMAGED = bytearray(WHOLE)
DAMAGED[512 * (1 + -(-len(_jpeg(_picture(0))) // 512)) + 20] ^= 0xFF


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"garbage" * 200,
        WHOLE[:700],
        WHOLE[:-10240] if len(WHOLE) > 20480 else WHOLE[: len(WHOLE) // 2],
        bytes(DAMAGED),
        _odd_shard(_make_link),
        _odd_shard(_rename),
    ],
    ids=["nothing", "garbage", "cut early", "cut late", "damaged header", "link", "other name"],
)
def test_a_malformed_shard_is_an_error_status_that_blames_the_request(model, body):
    with pytest.raises(InvocationError) as caught:
        model.invoke(body, TAR)
    assert caught.value.status == 400


def test_other_requests_are_refused(model):
    with pytest.raises(InvocationError) as caught:
        model.invoke(b"[]", "application/json; charset=utf-8")
    assert caught.value.status == 415
    with pytest.raises(InvocationError) as caught:
        model.invoke(b"no picture", IMAGE)
    assert caught.value.status == 400
    assert model.invoke(_jpeg(_picture(1)), IMAGE)  # it still answers


def test_opening_leaves_no_trace(model_dir, monkeypatch):
    monkeypatch.setenv("SAGEMAKER_PROGRAM", "something_else.py")
    before = list(sys.path), dict(os.environ)
    PackedModel.open(model_dir)
    assert (list(sys.path), dict(os.environ)) == before
    assert "inference" not in sys.modules


def test_a_folder_without_or_with_other_weights_does_not_open(model_dir, tmp_path):
    import shutil

    with pytest.raises(ConfigurationError, match=r"inference\.py"):
        PackedModel.open(tmp_path)
    copy = Path(shutil.copytree(model_dir, tmp_path / "copy"))
    weights = bytearray((copy / "model.safetensors").read_bytes())
    weights[-1] ^= 1
    (copy / "model.safetensors").write_bytes(bytes(weights))
    with pytest.raises(ConfigurationError, match=r"model\.safetensors has sha256"):
        PackedModel.open(copy)


def _normalised(signature, how):
    return replace(signature, preprocessing=replace(signature.preprocessing, normalisation=how))


@pytest.mark.parametrize("normalisation", ["picture", "imagenet"])
def test_both_ways_to_normalise_are_those_of_the_training(tiny_package, tmp_path, normalisation):
    package, network, signature = tiny_package
    weights = read_package(package)[WEIGHTS_MEMBER]
    build_package(weights, _normalised(signature, normalisation), tmp_path / "model.tar.gz")
    opened = PackedModel.open(unpack_package(tmp_path / "model.tar.gz", tmp_path))
    image = _picture(4, (90, 100))
    batch = network_input(
        torch.from_numpy(image)[None],
        signature.input.side_px,
        detail_side=signature.preprocessing.detail_side_px,
        normalisation=normalisation,
    )
    with torch.inference_mode():
        expected = network(batch)[0].tolist()
    assert packed_logits(opened, [image])[0].tolist() == pytest.approx(expected, abs=1e-3)


def test_offsets_of_the_classes_are_added_to_the_logits(model, tiny_package, tmp_path):
    package, _, signature = tiny_package
    offset = (0.0, 1.5, 0.0, -2.0, 0.0, 0.0, 0.25)
    weights = read_package(package)[WEIGHTS_MEMBER]
    build_package(weights, replace(signature, logit_offset=offset), tmp_path / "model.tar.gz")
    opened = PackedModel.open(unpack_package(tmp_path / "model.tar.gz", tmp_path))
    plain, moved = (packed_logits(m, [_picture(1)])[0] for m in (model, opened))
    assert (moved - plain).tolist() == pytest.approx(offset, abs=1e-4)
    answer = json.loads(opened.invoke(_jpeg(_picture(1)), IMAGE)[0])
    scaled = torch.tensor(answer["logits"]) / signature.temperature
    shares = list(answer["probabilities"].values())
    assert shares == pytest.approx(scaled.softmax(0).tolist(), abs=1e-4)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda s: _normalised(s, "none"), "normalisation 'none'"),
        (
            lambda s: replace(s, architecture=replace(s.architecture, name="resnet18")),
            "architecture 'resnet18'",
        ),
    ],
)
def test_what_the_code_does_not_know_is_named(tiny_package, tmp_path, change, said):
    content = read_package(tiny_package[0])
    signature = change(tiny_package[2])
    build_package(content[WEIGHTS_MEMBER], signature, tmp_path / "model.tar.gz")
    with pytest.raises(ConfigurationError, match=said):
        PackedModel.open(unpack_package(tmp_path / "model.tar.gz", tmp_path))


STRANGER = """
import socket, sys
def refuse(*args, **kwargs):
    raise OSError("no network here")
socket.socket.connect = refuse
socket.create_connection = refuse
sys.path.insert(0, {code!r})
import inference
model = inference.model_fn({model_dir!r})
request = inference.input_fn(open({picture!r}, "rb").read(), "application/x-image")
body, kind = inference.output_fn(inference.predict_fn(request, model), "application/json")
sys.stdout.write(body.decode())
assert not any(name.split(".")[0] in ("ml", "include", "pickle5") for name in sys.modules)
"""


def test_the_code_runs_by_itself_in_a_fresh_process_without_network(model, model_dir, tmp_path):
    picture = tmp_path / "crop.jpg"
    picture.write_bytes(_jpeg(_picture(5)))
    script = STRANGER.format(
        code=str(model_dir / "code"), model_dir=str(model_dir), picture=str(picture)
    )
    environment = {"PATH": os.environ["PATH"], "FEX_MODEL_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == json.loads(model.invoke(picture.read_bytes(), IMAGE)[0])
