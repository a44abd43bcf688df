"""The shipped package and real held-out faces, loaded once for all behavioural tests."""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from ml.data.ferplus import NAME as FERPLUS
from ml.data.location import FERPLUS_ZIP
from ml.evaluation.answers import OpenPackage, open_package
from ml.evaluation.golden import golden_pictures
from ml.evaluation.manifests import manifest_of
from ml.evaluation.rows import ScoredRows, load_rows

ROOT = Path(__file__).parents[2]
PACKAGE = Path(os.environ.get("FEX_TEST_PACKAGE", ROOT / "ml" / "weights" / "model.tar.gz"))
"""The package under test; another one is tested by naming it in `FEX_TEST_PACKAGE`."""


@pytest.fixture(autouse=True, scope="session")
def _one_thread():
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def package(tmp_path_factory) -> OpenPackage:
    return open_package(PACKAGE, tmp_path_factory.mktemp("package"))


@pytest.fixture(scope="session")
def held_out(package, shared_data) -> ScoredRows:
    """Faces that neither trained nor chose the package."""
    path = shared_data / FERPLUS_ZIP
    if not path.is_file():
        pytest.skip(f"{path} is not there: behaviour on real faces is not checked")
    return load_rows(path, FERPLUS, manifest_of(package.signature))


@pytest.fixture(scope="session")
def portraits() -> dict[str, np.ndarray]:
    """The committed photographs of one smiling woman, BGR."""
    return {
        name: cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
        for name, data in golden_pictures().items()
        if name.startswith("portrait")
    }
