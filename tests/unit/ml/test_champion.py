from __future__ import annotations

import contextlib
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from ml.evaluation.golden import GoldenImageError
from ml.packaging.build import WEIGHTS_MEMBER, build_package
from ml.packaging.unpack import read_package, read_signature
from ml.registry.champion import CHAMPION, register_packaged_champion
from ml.registry.mlflow import MlflowRegistry
from ml.registry.protocol import VersionStatus

ROOT = Path(__file__).parents[3]
NAME = "expression-mobilenetv2"

RACER = """
import sys, types
# The gate has its own tests and costs each process several seconds.
sys.modules["ml.evaluation.golden"] = types.SimpleNamespace(check_golden=lambda package: None)
from ml.registry.champion import register_packaged_champion
from ml.registry.mlflow import MlflowRegistry
registry = MlflowRegistry(tracking_uri=sys.argv[1], artifact_uri=sys.argv[2])
print(register_packaged_champion(registry, name=sys.argv[3]).version)
"""


def _uris(tmp_path) -> tuple[str, str]:
    return f"sqlite:///{tmp_path / 'mlflow.sqlite'}", (tmp_path / "artefacts").as_uri()


@pytest.mark.thorough
def test_two_processes_register_the_champion_once(tmp_path, committed_package):
    tracking, artefacts = _uris(tmp_path)
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", RACER, tracking, artefacts, NAME],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    for racer in racers:
        out, errors = racer.communicate(timeout=200)
        assert racer.returncode == 0, errors
        assert out.strip() == "1"
    registry = MlflowRegistry(tracking_uri=tracking, artifact_uri=artefacts)
    (version,) = registry.list_versions(NAME)
    assert version.aliases == (CHAMPION,)
    assert version.status is VersionStatus.APPROVED
    assert version.metrics["validation_accuracy"] > 0.7
    assert register_packaged_champion(registry, name=NAME) == version


def test_a_package_that_fails_the_gate_is_not_registered(tmp_path, committed_package):
    content = read_package(committed_package)
    signature = read_signature(committed_package)
    signature = replace(signature, labels=signature.labels[::-1])
    package = tmp_path / "model.tar.gz"
    build_package(content[WEIGHTS_MEMBER], signature, package)

    class Empty:
        def get_by_alias(self, name, alias):
            return None

        def exclusive(self):
            return contextlib.nullcontext()

        def __getattr__(self, name):
            raise AssertionError(f"{name} was called")

    with pytest.raises(GoldenImageError):
        register_packaged_champion(Empty(), name=NAME, package=package)
