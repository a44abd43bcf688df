from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from include.contracts.labels import EXPRESSIONS
from ml.data.ferplus import FILE_ORDER
from ml.data.records import VOTE_NAMES, FaceRecord, FaceTable, tabulate

COMMITTED_PACKAGE = Path(__file__).parents[3] / "ml" / "weights" / "model.tar.gz"


@pytest.fixture(autouse=True)
def _one_thread():
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def committed_package() -> Path:
    return COMMITTED_PACKAGE


def generated_face(label: int, seed: int) -> np.ndarray:
    """A grey 48x48 drawing; mouth and brows depend on the label."""
    generator = np.random.default_rng((label, seed))
    image = np.full((48, 48), int(generator.integers(40, 120)), np.uint8)
    x, y = (int(v) for v in generator.integers(22, 27, 2))
    cv2.ellipse(image, (x, y), (16, 20), 0, 0, 360, int(generator.integers(150, 220)), -1)
    for side in (-7, 7):
        cv2.circle(image, (x + side, y - 5), 2 + label % 3, 20, -1)
        cv2.line(image, (x + side - 3, y - 10 - label % 2), (x + side + 3, y - 10), 30, 1)
    start, end = ((0, 180), (180, 360), (0, 360))[label % 3]
    cv2.ellipse(image, (x, y + 9), (3 + label, 2 + label // 2), 0, start, end, 30, 1 + label // 4)
    corner = 6 * label
    image[2:12, corner : corner + 8] = 250
    noise = generator.integers(-12, 12, image.shape)
    return np.clip(image + noise, 0, 255).astype(np.uint8)


def generated_records(per_class: int, *, seed: int = 0) -> list[FaceRecord]:
    records = []
    for label in range(len(EXPRESSIONS)):
        for number in range(per_class):
            votes = [0] * len(VOTE_NAMES)
            votes[label] = 8
            votes[(label + 1) % len(EXPRESSIONS)] = 2
            pixels = generated_face(label, seed * 10_000 + number)
            records.append(FaceRecord(f"made/{label}-{number}.png", pixels, tuple(votes)))
    return records


@pytest.fixture(scope="session")
def generated_table() -> FaceTable:
    return tabulate(generated_records(12))


def ferplus_files(records: list[FaceRecord], part: str) -> dict[str, bytes]:
    """The files of a FER+ part in its standard layout."""
    files, sheet = {}, io.StringIO()
    writer = csv.writer(sheet)
    for number, record in enumerate(records):
        name = f"fer{number:07d}.png"
        by_name = dict(zip(VOTE_NAMES, record.votes, strict=True))
        counts = [by_name[column] for column in FILE_ORDER]
        writer.writerow([name, "(0, 0, 48, 48)", *counts])
        files[f"{part}/{name}"] = cv2.imencode(".png", record.pixels)[1].tobytes()
    files[f"{part}/label.csv"] = sheet.getvalue().encode()
    return files


def write_ferplus(path: Path, parts: Mapping[str, list[FaceRecord]]) -> Path:
    """Write a FER+ archive of parts by their names."""
    with zipfile.ZipFile(path, "w") as archive:
        for part, records in parts.items():
            for name, data in ferplus_files(records, part).items():
                archive.writestr(name, data)
    return path


@pytest.fixture(scope="session")
def ferplus_zip(tmp_path_factory) -> Path:
    parts = {
        "FER2013Train": generated_records(10, seed=1),
        "FER2013Valid": generated_records(3, seed=2),
    }
    return write_ferplus(tmp_path_factory.mktemp("ferplus") / "ferplus.zip", parts)


@pytest.fixture(scope="session")
def tiny_package(tmp_path_factory) -> tuple[Path, torch.nn.Module, dict]:
    """A package around an untrained narrow network, with the network and its signature."""
    from safetensors.torch import save

    from ml.models.mobilenet import build_mobilenet_v2
    from ml.packaging.build import build_package
    from ml.packaging.signature import make_signature

    torch.manual_seed(7)
    network = build_mobilenet_v2(width=0.25)
    _settle_norms(network)
    signature = make_signature(
        package_version="0.0.1", input_side_px=48, width=0.25, detail_side_px=64, temperature=1.3
    )
    path = tmp_path_factory.mktemp("package") / "model.tar.gz"
    weights = save({k: v.contiguous() for k, v in network.state_dict().items()})
    build_package(weights, signature, path)
    return path, network, signature


def _settle_norms(network: torch.nn.Module) -> None:
    """Give the running statistics the values of the data, so that signals get through."""
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = None
    network.train()
    with torch.no_grad():
        for _ in range(3):
            network(torch.randn(8, 3, 48, 48))
    network.eval()
