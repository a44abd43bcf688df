"""The promotion gate, on audits that lie in a real lake."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from include.composition import Services
from include.contracts.errors import ConfigurationError
from include.governance.bias import store
from include.governance.bias.gate import SETTING, blocking_audit
from include.governance.bias.record import Decision, sign_off
from include.lake import keys
from include.settings import BiasAuditSettings
from tests.fakes.audits import audit_of
from tests.fakes.home import services_in

MODEL = "a" * 64
NOW = datetime(2026, 11, 16, 5, tzinfo=UTC)


def make_services(home: Path, *, required: bool = False) -> Services:
    return services_in(home, audit=BiasAuditSettings(required_for_promotion=required))


def put_audit(services: Services, verdict: str, *, at: datetime = NOW, model: str = MODEL) -> str:
    audit = audit_of(model, verdict, at=at)
    store.save(services.lake, audit, b"<html>", at=at)
    return audit.sha256


def decide(services: Services, sha256: str, decision: Decision, comment: str = "") -> None:
    record = store.load(services.lake, sha256)
    signed = sign_off(
        record, who="ada", when=NOW, decision=decision, audit_sha256=sha256, comment=comment
    )
    store.save_sign_off(services.lake, signed)


def test_red_blocks_and_names_the_audit(tmp_path: Path) -> None:
    services = make_services(tmp_path)
    sha256 = put_audit(services, "red")
    reason = blocking_audit(services, MODEL)
    assert reason is not None
    assert sha256[:12] in reason
    assert blocking_audit(services, "b" * 64) is None


@pytest.mark.parametrize("verdict", ["green", "amber"])
def test_green_and_amber_pass_unsigned(tmp_path: Path, verdict: str) -> None:
    services = make_services(tmp_path)
    put_audit(services, verdict)
    assert blocking_audit(services, MODEL) is None


def test_accepted_red_passes_and_a_later_red_audit_blocks_again(tmp_path: Path) -> None:
    services = make_services(tmp_path)
    first = put_audit(services, "red")
    decide(services, first, Decision.ACCEPTED, "known, being worked on")
    assert blocking_audit(services, MODEL) is None
    put_audit(services, "red", at=NOW + timedelta(days=7))
    assert blocking_audit(services, MODEL) is not None


def test_a_rejected_green_audit_blocks_with_the_reason(tmp_path: Path) -> None:
    services = make_services(tmp_path)
    decide(services, put_audit(services, "green"), Decision.REJECTED, "too few people")
    reason = blocking_audit(services, MODEL)
    assert reason is not None
    assert "ada" in reason
    assert "too few people" in reason


def test_the_newest_audit_decides(tmp_path: Path) -> None:
    services = make_services(tmp_path)
    put_audit(services, "green", at=NOW + timedelta(days=7))
    put_audit(services, "red", at=NOW)
    assert blocking_audit(services, MODEL) is None


def test_without_an_audit_only_the_setting_blocks(tmp_path: Path) -> None:
    assert blocking_audit(make_services(tmp_path), MODEL) is None
    reason = blocking_audit(make_services(tmp_path, required=True), MODEL)
    assert reason is not None
    assert SETTING in reason


def test_the_first_signature_holds(tmp_path: Path) -> None:
    services = make_services(tmp_path)
    sha256 = put_audit(services, "red")
    decide(services, sha256, Decision.REJECTED, "no")
    decide(services, sha256, Decision.ACCEPTED, "yes")
    held = store.read_sign_off(services.lake, sha256)
    assert held is not None
    assert held.decision == Decision.REJECTED


def test_an_altered_record_is_refused(tmp_path: Path) -> None:
    services = make_services(tmp_path)
    sha256 = put_audit(services, "red")
    content = services.lake.get_bytes(keys.audit_record(sha256))
    services.lake.put_bytes(keys.audit_record(sha256), content.replace(b'"red"', b'"green"'))
    with pytest.raises(ConfigurationError, match="altered"):
        blocking_audit(services, MODEL)


def test_saving_again_changes_nothing(tmp_path: Path) -> None:
    services = make_services(tmp_path)
    assert put_audit(services, "red") == put_audit(services, "red")
    assert len(list(services.lake.list(keys.audits_of_model(MODEL)))) == 1
    sha256 = put_audit(services, "red")
    assert store.load(services.lake, sha256).sha256 == sha256
