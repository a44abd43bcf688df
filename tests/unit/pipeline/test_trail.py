"""What stages write into the audit log: nobody named, each deed once, settings without secrets."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import SecretStr

from include.composition import Services
from include.contracts.errors import ConfigurationError
from include.lake import keys
from include.ledger.audit_tables import Deed
from include.pipeline import audit_log
from include.pipeline.requeue import NotRequeuedError, requeue
from include.pipeline.trail import looked, settings_started_with, token_of, verify
from include.settings import (
    LabelSettings,
    ReleaseSettings,
    Settings,
    StorageSettings,
)
from tests.fakes.home import services_in

KEYED = LabelSettings(pseudonym_key=SecretStr("sixteen characters"))


@pytest.fixture
def services(tmp_path: Path) -> Services:
    found = services_in(tmp_path)
    return replace(found, settings=found.settings.model_copy(update={"labels": KEYED}))


def _deeds(services: Services) -> list[tuple[str, str]]:
    return [(entry.who, entry.deed) for entry in services.ledger.audit.entries()]


def test_a_look_names_who_looked_and_nobody_who_was_seen(services: Services) -> None:
    looked(services, who="ada", study="spring", recording="Müller, Eva.mp4", shown="report")
    (entry,) = services.ledger.audit.entries()
    text = "".join((entry.what, entry.detail))
    assert (entry.who, entry.deed) == ("ada", "look")
    assert "ller" not in text
    assert token_of(services.settings, "spring", "Müller, Eva.mp4") in text
    assert token_of(Settings(), "spring", "Müller, Eva.mp4") not in text


def test_settings_are_noted_when_they_change_and_secrets_never(services: Services) -> None:
    ledger = services.ledger
    first = Settings(
        storage=StorageSettings(ledger_url="postgresql://fex:geheim@h/d"),
        labels=LabelSettings(pseudonym_key=SecretStr("very-secret-indeed")),
    )
    assert settings_started_with(ledger, first, who="host")
    assert not settings_started_with(ledger, first, who="host")
    second = first.model_copy(update={"release": ReleaseSettings(approvers=("eve",))})
    assert settings_started_with(ledger, second, who="host")
    assert not settings_started_with(ledger, second, who="host")
    one, two = ledger.audit.entries()
    assert two.what == "FEX_RELEASE__APPROVERS"
    assert json.loads(two.detail)["changed"]["FEX_RELEASE__APPROVERS"] == [None, '["eve"]']
    assert "(set)" in one.detail
    assert "geheim" not in one.detail + two.detail
    assert "very-secret" not in one.detail + two.detail


def test_a_check_notes_the_end_in_the_lake_and_holds_later_ones_against_it(
    services: Services, capsys: pytest.CaptureFixture[str]
) -> None:
    looked(services, who="ada", study="s", recording="r", shown="report")
    assert verify(services).faults == ()
    (note,) = services.lake.list(keys.AUDIT_LOG_NOTES)
    services.lake.put_bytes(note, b"f" * 64)
    assert verify(services).faults == ("rewritten: 1 has not the hash written down for it",)


def test_a_line_stays_one_line(services: Services) -> None:
    entry = services.ledger.audit.append(Deed.LOOK, who="a\nb", what="x\x1b[31m")
    assert "a?b" in audit_log.line(entry)
    assert "\x1b" not in audit_log.line(entry)


def _set_aside(services: Services, home: Path, name: str, code: str) -> None:
    dropped = home / "lake" / "incoming" / "spring" / name
    dropped.parent.mkdir(parents=True, exist_ok=True)
    dropped.write_bytes(b"no video")
    services.ledger.observe(services.lake.list_incoming(), services.ledger.clock())
    (recording,) = services.ledger.versions_named("spring", name)
    services.ledger.quarantine(recording.id, code=code, reason="why", result_key="quarantine/x")


def test_a_person_requeues_what_was_set_aside_in_their_name(
    services: Services, tmp_path: Path
) -> None:
    _set_aside(services, tmp_path, "a.mp4", "undecodable")
    before = requeue(services, study="spring", recording="a.mp4", who="operator", why="sent again")
    assert before.reason_code == "undecodable"
    (after,) = services.ledger.versions_named("spring", "a.mp4")
    assert after.state == "discovered"
    assert _deeds(services) == [("operator", "requeue")]
    with pytest.raises(NotRequeuedError, match="it is discovered"):
        requeue(services, study="spring", recording="a.mp4", who="operator", why="sent again")


@pytest.mark.parametrize("code", ["consent_withdrawn", "erased", "superseded"])
def test_what_nobody_may_take_back_stays(services: Services, tmp_path: Path, code: str) -> None:
    _set_aside(services, tmp_path, "a.mp4", code)
    with pytest.raises(NotRequeuedError, match="nobody takes that back"):
        requeue(services, study="spring", recording="a.mp4", who="operator", why="sent again")
    assert _deeds(services) == []


def test_a_recording_that_is_not_there_is_said(services: Services) -> None:
    with pytest.raises(ConfigurationError, match=r"has no recording 'b\.mp4'"):
        requeue(services, study="spring", recording="b.mp4", who="operator", why="sent again")


def test_the_log_is_read_from_the_command_line(
    services: Services,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(audit_log, "build_services", lambda: services)
    looked(services, who="ada", study="spring", recording="a.mp4", shown="report")
    looked(services, who="eve", study="spring", recording="b.mp4", shown="report")
    assert audit_log.main(["verify"]) == 0
    assert "holds: 2 entries" in capsys.readouterr().out
    assert audit_log.main(["list", "--study", "spring", "--recording", "b.mp4"]) == 0
    listed = capsys.readouterr().out.splitlines()
    assert len(listed) == 1
    assert "eve  look" in listed[0]
    assert audit_log.main(["list", "--last", "1"]) == 0
    assert "eve" in capsys.readouterr().out
