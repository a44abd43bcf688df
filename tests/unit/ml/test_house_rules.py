from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ML = Path(__file__).parents[3] / "ml"
SOURCES = sorted(ML.rglob("*.py"))
PICKLERS = {"pickle", "cPickle", "dill", "joblib", "cloudpickle", "shelve", "marshal"}


def _imports(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
    return names


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ML)))
def test_no_pickle_no_airflow_and_little_of_include(path):
    imported = _imports(path)
    assert not {name.split(".")[0] for name in imported} & (PICKLERS | {"airflow"})
    assert not re.search(r"torch\.(save|load)\(|allow_pickle|mlflow\.pytorch\.", path.read_text())
    foreign = {n for n in imported if n.split(".")[0] == "include"}
    may = ("include.contracts", "include.statistics", "include.pages")
    assert all(name.startswith(may) for name in foreign)


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ML)))
def test_modules_are_short(path):
    assert len(path.read_text().splitlines()) <= 400


def test_the_packed_code_stands_alone():
    allowed = {
        "torch", "torchvision", "numpy", "PIL", "safetensors", "onnxruntime", "sagemaker_inference",
    }  # fmt: skip
    standard = {
        "__future__", "hashlib", "importlib", "io", "itertools", "json", "logging", "os",
        "tarfile", "threading", "warnings", "collections", "concurrent", "dataclasses",
        "pathlib", "typing",
    }  # fmt: skip
    imported = {name.split(".")[0] for name in _imports(ML / "packaging" / "code" / "inference.py")}
    assert imported <= allowed | standard


def test_heavy_libraries_are_not_imported_at_the_door():
    for path in (*(ML / "registry").glob("*.py"), ML / "serving" / "handler.py"):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.Import | ast.ImportFrom):
                module = getattr(node, "module", None) or node.names[0].name
                assert module.split(".")[0] not in {"torch", "mlflow", "boto3"}, path
