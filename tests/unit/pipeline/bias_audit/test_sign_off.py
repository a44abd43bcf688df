"""Who signs an audit, what a signature changes, and when a red one asks for a better model."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from include.composition import Services
from include.contracts.documents import DocumentError, plain_values
from include.contracts.errors import ConfigurationError
from include.governance.bias import store
from include.governance.bias.disparity import Status
from include.governance.bias.gate import blocking_audit
from include.pipeline.bias_audit.outcome import AuditOutcome
from include.pipeline.bias_audit.sign_off import as_outcome, ask_for_retraining, record_answer
from tests.fakes.audits import audit_of
from tests.fakes.home import services_in

MODEL = "a" * 64
NOW = datetime(2026, 11, 16, 5, tzinfo=UTC)


@pytest.fixture
def services(tmp_path: Path) -> Services:
    return services_in(tmp_path)


def audited(services: Services, verdict: str = "red", *, champion: bool = True) -> AuditOutcome:
    kept = audit_of(MODEL, verdict)
    store.save(services.lake, kept, b"<html>", at=NOW)
    sha256 = kept.sha256
    outcome = AuditOutcome(
        audit_sha256=sha256,
        verdict=Status(verdict),
        model_version="7",
        champion=champion,
        record=f"audits/{sha256}/record.json",
        report=f"audits/{sha256}/index.html",
        body="",
    )
    # As the next task gets it.
    return as_outcome(json.loads(json.dumps(plain_values(outcome))))


def answer(user: str | None = "auditor", option: str = "Accept", comment: str = "known"):
    return {
        "chosen_options": [option],
        "params_input": {"comment": comment},
        # Numbers, as FAB has them: whose answer it is stands in the name.
        "responded_by_user": user and {"id": "7", "name": user},
        "responded_at": NOW.isoformat(),
    }


def test_an_auditor_accepts_red_with_a_reason_and_the_gate_opens(services: Services) -> None:
    audit = audited(services)
    assert blocking_audit(services, MODEL) is not None
    done = record_answer(services, audit, answer())
    assert (done.decision, done.who) == ("accepted", "auditor")
    assert blocking_audit(services, MODEL) is None
    held = store.read_sign_off(services.lake, audit.audit_sha256)
    assert held is not None
    assert (held.comment, held.when) == ("known", NOW.isoformat())


def test_a_rejection_blocks_green_too(services: Services) -> None:
    record_answer(services, audited(services, "green"), answer(option="Reject"))
    assert "known" in (blocking_audit(services, MODEL) or "")


def test_whoever_may_not_sign_is_refused(services: Services) -> None:
    audit = audited(services)
    with pytest.raises(ConfigurationError, match="FEX_AUDIT__SIGNERS"):
        record_answer(services, audit, answer(user="marketer"))
    assert store.read_sign_off(services.lake, audit.audit_sha256) is None


def test_red_is_not_accepted_without_a_reason(services: Services) -> None:
    with pytest.raises(ConfigurationError, match="comment"):
        record_answer(services, audited(services), answer(comment=""))
    assert blocking_audit(services, MODEL) is not None


def test_a_question_marked_as_done_signs_nothing(services: Services) -> None:
    assert record_answer(services, audited(services), None).who is None


def test_nobody_in_time_is_nobodys_signature(services: Services) -> None:
    audit = audited(services)
    for _ in range(2):
        assert record_answer(services, audit, answer(user=None, option="Reject")).who is None
    assert store.read_sign_off(services.lake, audit.audit_sha256) is None
    assert blocking_audit(services, MODEL) is not None
    sent = [key for key in services.lake.list("watch/notices") if key.endswith("notice.json")]
    assert len(sent) == 1


def test_only_a_red_champion_asks_and_a_repeated_task_asks_once(services: Services) -> None:
    assert ask_for_retraining(services, audited(services, "amber")) == []
    assert ask_for_retraining(services, audited(services, champion=False)) == []
    audit = audited(services)
    (first,) = ask_for_retraining(services, audit)
    assert first["conf"]["reason"] == "red_audit"
    assert first["conf"]["evidence"] == audit.record
    assert ask_for_retraining(services, audit) == [first]
    assert ask_for_retraining(services, replace(audit, record="audits/other/record.json")) == []


def test_what_is_no_audit_names_its_field(services: Services) -> None:
    values = {**plain_values(audited(services)), "verdict": "blue"}
    with pytest.raises(DocumentError, match=r"what `audit` returned: .*verdict"):
        as_outcome(values)
