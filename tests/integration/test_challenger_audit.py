"""The challenger is audited before its gate: a biased one is blocked, a fair one passes.

Both answer the same set, made of one photograph that scikit-image ships: the pictures of
one of two groups are darker, as a badly lit room would make them. The biased package
cannot answer those; everything in front of the model treats both groups alike.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from include.composition import Services
from include.contracts.errors import ConfigurationError
from include.governance.bias import store
from include.governance.bias.disparity import Status
from include.governance.bias.gate import blocking_audit
from include.governance.release.documents import Audited
from include.lake import keys
from include.pipeline.model_retraining import audit, documents
from tests.fakes.retraining import write_opened, write_packaged
from tests.fakes.tiny_package import build_tiny_package
from tests.integration.test_bias_audit import make_services, make_set

pytestmark = pytest.mark.integration

ANSWERING = """
import cv2
import numpy as np


def probabilities(crop, labels):
    picture = cv2.imdecode(np.frombuffer(crop, np.uint8), cv2.IMREAD_GRAYSCALE)
    if picture.mean() < {darkest}:
        return {{label: 1 / len(labels) for label in labels}}
    return {{label: 0.94 if label == "neutral" else 0.01 for label in labels}}
"""
CHAMPION = "c" * 64
REQUEST = "0123456789abcdef"


def _challenger(services: Services, home: Path, *, darkest: int) -> str:
    """A retraining that has come as far as its package; unsure of what is darker than told."""
    path = home / f"{darkest}.tar.gz"
    code = ANSWERING.format(darkest=darkest)
    sha256 = build_tiny_package(
        path, answering=code, abstain_threshold=0.5, temperature=1.0, metrics={}
    )
    services.lake.put_file(keys.retraining_package(REQUEST), path)
    write_opened(services, REQUEST, name="m", version="1", sha256=CHAMPION, run_id="r")
    write_packaged(services, REQUEST, sha256)
    return sha256


def test_a_biased_challenger_is_blocked_and_a_fair_one_passes(tmp_path: Path) -> None:
    services = make_services(tmp_path, make_set(tmp_path / "set.zip", dimmed="B"))
    fair = _challenger(services, tmp_path, darkest=0)
    found = audit.run(services, REQUEST)
    assert found["verdict"] == "green", documents.read(services, REQUEST, documents.AUDIT)
    assert blocking_audit(services, fair) is None
    assert audit.run(services, REQUEST) == found, "a repeated task finds its audit"
    assert store.latest(services.lake) is None, "the champion is not held against a challenger"

    services.lake.delete(documents.AUDIT.key(REQUEST))
    biased = _challenger(services, tmp_path, darkest=110)
    found = audit.run(services, REQUEST)
    assert found["verdict"] == "red"
    assert found["audit_sha256"][:12] in (blocking_audit(services, biased) or "")
    record = store.load(services.lake, found["audit_sha256"]).record
    (fixed,) = [section for section in record.sections if section.name == "fixed_set"]
    assert fixed.results is not None
    red = [item for item in fixed.results.comparisons if item.status is Status.RED]
    assert {(item.metric, item.group) for item in red} >= {("answer_rate", ("B",))}
    assert {item.metric for item in red}.isdisjoint({"face_found_rate", "quality_rate"})
    said = documents.read(services, REQUEST, documents.AUDIT).findings or []
    assert any(line.startswith("Red: ") and " for B, " in line for line in said)
    assert "Production traffic: not audited (a challenger has published nothing)." in said


def test_a_task_killed_after_the_audit_finds_it(tmp_path: Path) -> None:
    services = make_services(tmp_path, make_set(tmp_path / "set.zip", dimmed=None))
    _challenger(services, tmp_path, darkest=0)
    found = audit.run(services, REQUEST)
    whole = documents.read(services, REQUEST, documents.AUDIT)
    documents.write(services, REQUEST, documents.AUDIT, Audited(whole.at))
    assert audit.run(services, REQUEST) == found
    assert len(list(services.lake.list(keys.AUDITS_BY_MODEL))) == 1


def test_without_a_set_the_setting_decides_before_anything_is_trained(tmp_path: Path) -> None:
    services = make_services(tmp_path, None)
    sha256 = _challenger(services, tmp_path, darkest=0)
    audit.require_set(services)
    assert audit.run(services, REQUEST) == {"verdict": None, "audit_sha256": None}
    assert blocking_audit(services, sha256) is None

    asking = services.settings.audit.model_copy(update={"required_for_promotion": True})
    strict = replace(services, settings=services.settings.model_copy(update={"audit": asking}))
    with pytest.raises(ConfigurationError, match="FEX_AUDIT__FIXED_SET"):
        audit.require_set(strict)
    assert "was never audited" in (blocking_audit(strict, sha256) or "")
