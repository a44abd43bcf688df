"""Who may make a challenger the champion: an approver who answers in time, nobody else."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from include.composition import Services, build_registry, build_services
from include.contracts.errors import ConfigurationError
from include.governance.bias import store
from include.governance.release.decision import Decision
from include.governance.release.documents import Gate, Gates
from include.governance.retraining.requests import ask
from include.ledger.retraining_tables import RequestState
from include.pipeline.model_retraining import decide, documents, settle
from include.pipeline.model_retraining import open as open_run
from include.settings import (
    ModelSettings,
    ReleaseSettings,
    RetrainingSettings,
    Settings,
    StorageSettings,
)
from ml.packaging.build import build_package
from ml.packaging.signature import make_signature
from ml.registry.promotion import challenge, promote
from ml.registry.protocol import CHAMPION, ModelRegistry, VersionStatus
from tests.fakes.audits import audit_of
from tests.fakes.retraining import write_opened, write_registered

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]

ADA = {"id": "17", "name": "ada"}
"""FAB's ids are numbers."""
GRACE = {"id": "18", "name": "grace"}
MALLORY = {"id": "ada", "name": "mallory"}
APPROVE, REJECT = ["Approve"], ["Reject"]


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> tuple[Services, ModelRegistry, Path]:
    """A registry with a champion."""
    home = tmp_path_factory.mktemp("approval")
    settings = Settings(
        storage=StorageSettings(
            lake_url=(home / "lake").as_uri(), ledger_url=f"sqlite:///{home}/ledger.sqlite"
        ),
        model=ModelSettings(
            mlflow_tracking_uri=f"sqlite:///{home}/mlflow.sqlite",
            mlflow_artifact_uri=(home / "artefacts").as_uri(),
        ),
        release=ReleaseSettings(approvers=("ada", "grace")),
        retraining=RetrainingSettings(cooldown_s=0, daily_cap=20),
    )
    services = build_services(settings)
    registry = build_registry(settings)
    build_package(
        b"first", make_signature(package_version="1", input_side_px=96), home / "1.tar.gz"
    )
    first = registry.register(settings.model.name, home / "1.tar.gz")
    promote(registry, settings.model.name, first.version, approved_by="Grace")
    return services, registry, home


def _waiting(
    platform: tuple[Services, ModelRegistry, Path], run_id: str, asked_by: str = "operator"
) -> tuple[str, str, str]:
    """A version that waits for a decision; returns its request, number and hash."""
    services, registry, home = platform
    name, path = services.settings.model.name, home / f"{run_id}.tar.gz"
    build_package(run_id.encode(), make_signature(package_version=run_id, input_side_px=96), path)
    version = registry.register(name, path)
    challenge(registry, version)
    asked = ask(services, reason="manual", run_id=run_id, in_cooldown=True, asked_by=asked_by)
    request_id = asked.request_id
    services.ledger.retraining.start(run_id, 60)
    champion = registry.get_by_alias(name, CHAMPION)
    assert champion is not None
    write_opened(services, request_id, name=name, version=champion.version, run_id=run_id)
    write_registered(
        services, request_id, name=name, version=version.version, sha256=version.sha256
    )
    return request_id, version.version, version.sha256


@pytest.mark.parametrize(
    ("run_id", "response", "audit", "why"),
    [
        ("stranger", {"chosen_options": APPROVE, "responded_by_user": MALLORY}, None, "not among"),
        ("nobody", {"chosen_options": APPROVE, "responded_by_user": None}, None, "in time"),
        ("timeout", {"chosen_options": REJECT, "responded_by_user": None}, None, "in time"),
        ("reject", {"chosen_options": REJECT, "responded_by_user": ADA}, None, "rejected in"),
        ("marked as done", None, None, "in time"),
        ("red", {"chosen_options": APPROVE, "responded_by_user": ADA}, "red", "is red"),
    ],
)
def test_the_champion_stays(
    platform: tuple[Services, ModelRegistry, Path],
    run_id: str,
    response: dict[str, Any] | None,
    audit: str | None,
    why: str,
) -> None:
    services, registry, _ = platform
    request_id, version, sha256 = _waiting(platform, run_id)
    if audit is not None:
        found = audit_of(sha256, audit)
        store.save(services.lake, found, b"", at=services.ledger.clock())
    before = registry.get_by_alias(services.settings.model.name, CHAMPION)
    assert not decide.run(services, request_id, response)["approved"]
    assert registry.get_by_alias(services.settings.model.name, CHAMPION) == before
    assert registry.get(services.settings.model.name, version).status is VersionStatus.REJECTED
    ended = services.ledger.retraining.of_run(run_id)
    assert ended is not None
    assert ended.state is RequestState.REJECTED
    assert why in ended.why


def test_an_approver_makes_it_the_champion(
    platform: tuple[Services, ModelRegistry, Path],
) -> None:
    services, registry, _ = platform
    request_id, version, _ = _waiting(platform, "approve")
    answer = {"chosen_options": APPROVE, "responded_by_user": ADA}
    assert decide.run(services, request_id, answer)["approved"]
    champion = registry.get_by_alias(services.settings.model.name, CHAMPION)
    assert champion is not None
    assert (champion.version, champion.metadata["approved_by"]) == (version, "ada")


@pytest.mark.parametrize(("asked_by", "started_by"), [("ada", None), ("platform", "ada")])
def test_nobody_approves_what_they_asked_for(
    platform: tuple[Services, ModelRegistry, Path], asked_by: str, started_by: str | None
) -> None:
    services, _, _ = platform
    run_id = f"own {asked_by}"
    request_id, _, _ = _waiting(platform, run_id, asked_by=asked_by)
    answer = {"chosen_options": APPROVE, "responded_by_user": ADA}
    decided = decide.run(services, request_id, answer, started_by=started_by)
    assert not decided["approved"]
    ended = services.ledger.retraining.of_run(run_id)
    assert ended is not None
    assert "ada asked for it, and nobody approves that themselves" in ended.why


def test_the_other_approver_decides_what_one_asked_for(
    platform: tuple[Services, ModelRegistry, Path],
) -> None:
    services, _, _ = platform
    request_id, _, _ = _waiting(platform, "other", asked_by="ada")
    answer = {"chosen_options": APPROVE, "responded_by_user": GRACE}
    assert decide.run(services, request_id, answer, started_by="ada")["approved"]


def test_what_its_only_approver_asks_for_does_not_start(
    platform: tuple[Services, ModelRegistry, Path],
) -> None:
    services, _, _ = platform
    alone = services.settings.model_copy(update={"release": ReleaseSettings(approvers=("ada",))})
    with pytest.raises(ConfigurationError, match="ada asked for it, and no other user may"):
        open_run.run(replace(services, settings=alone), "alone", reason="manual", asked_by="ada")
    assert services.ledger.retraining.of_run("alone") is None


def test_a_gate_that_failed_is_not_passed_by_marking_its_task_as_done(
    platform: tuple[Services, ModelRegistry, Path],
) -> None:
    services, _, _ = platform
    request_id, _, _ = _waiting(platform, "gate")
    gates = Gates(False, [Gate("speed", False, "Slow."), Gate("golden", True, "Alike.")])
    documents.write(services, request_id, documents.GATES, gates)
    answer = {"chosen_options": APPROVE, "responded_by_user": ADA}
    assert not decide.run(services, request_id, answer)["approved"]
    ended = services.ledger.retraining.of_run("gate")
    assert ended is not None
    assert "gates that failed: speed" in ended.why


def test_a_decision_that_was_recorded_before_a_kill_is_carried_out_by_settle(
    platform: tuple[Services, ModelRegistry, Path],
) -> None:
    services, registry, _ = platform
    request_id, version, _ = _waiting(platform, "killed")
    champion = registry.get_by_alias(services.settings.model.name, CHAMPION)
    assert champion is not None
    wanted = Decision(
        approved=False,
        by="ada",
        why="too slow",
        name=champion.name,
        version=version,
        champion=champion.version,
        at=services.ledger.clock().isoformat(),
    )
    documents.write(services, request_id, documents.DECISION, wanted)
    assert settle.run(services, "killed")["state"] == RequestState.REJECTED
    assert registry.get(champion.name, version).status is VersionStatus.REJECTED
