"""SIGKILL at every step of promotion, rejection and rollback, on both registries.

Never two champions, never a champion that nobody approved, never a champion lost; and a
repetition of the task comes to the end that was decided.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from include.composition import Services, build_registry, build_services
from include.contracts.errors import PlatformError
from include.governance.retraining.requests import ask
from include.ledger.retraining_tables import RequestState
from include.pipeline import model_rollback
from include.pipeline.model_retraining import decide, documents, settle
from include.settings import load_settings
from ml.packaging.build import build_package
from ml.packaging.signature import make_signature
from ml.registry.promotion import challenge, promote
from ml.registry.protocol import CHAMPION, ModelRegistry, VersionStatus
from tests.fakes.killing import survive
from tests.fakes.retraining import write_opened, write_packaged, write_registered

pytestmark = [pytest.mark.integration, pytest.mark.timeout(3000)]

ROOT = Path(__file__).parents[2]
RUN_ID = "manual__test"
APPROVED = {"chosen_options": ["Approve"], "responded_by_user": {"id": "ada", "name": "Ada"}}
REJECTED = {
    "chosen_options": ["Reject"],
    "responded_by_user": {"id": "ada", "name": "Ada"},
    "params_input": {"comment": "worse on fear"},
}
TIMED_OUT = {"chosen_options": ["Reject"], "responded_by_user": None}


World = Callable[[int], None]


@pytest.fixture(scope="session")
def mlflow_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty MLflow store: to make one takes longer than all that is killed in it."""
    path = tmp_path_factory.mktemp("mlflow") / "template.sqlite"
    code = f"MlflowRegistry(tracking_uri='sqlite:///{path}', artifact_uri='file:///nowhere')"
    code = f"from ml.registry.mlflow import MlflowRegistry; {code}.list_versions('m')"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
    return path


@pytest.fixture(params=["mlflow", "sagemaker"])
def enter(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """Names a world of its own, by the environment, for each step that is killed."""
    for variable in [name for name in os.environ if name.startswith(("AWS_", "FEX_"))]:
        monkeypatch.delenv(variable)
    on_aws = request.param == "sagemaker"
    if not on_aws:
        monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
        import_module("mlflow")  # takes seconds: once, not in every child

    def name_world(step: int) -> None:
        home = tmp_path / str(step)
        home.mkdir()
        if not on_aws:
            database: Path = request.getfixturevalue("mlflow_database")
            (home / "mlflow.sqlite").write_bytes(database.read_bytes())
        monkeypatch.chdir(home)
        for name, value in _variables(home, on_aws=on_aws).items():
            monkeypatch.setenv(name, value)

    return name_world


def _variables(home: Path, *, on_aws: bool) -> dict[str, str]:
    variables = {
        "FEX_STORAGE__LAKE_URL": (home / "lake").as_uri(),
        "FEX_STORAGE__LEDGER_URL": f"sqlite:///{home}/ledger.sqlite",
        "FEX_STORAGE__SCRATCH_DIR": str(home / "scratch"),
        "FEX_TRANSFORM__JOBS_DIR": str(home / "jobs"),
        "FEX_RELEASE__APPROVERS": '["ada"]',
        "FEX_MODEL__MLFLOW_TRACKING_URI": f"sqlite:///{home}/mlflow.sqlite",
        "FEX_MODEL__MLFLOW_ARTIFACT_URI": (home / "artefacts").as_uri(),
    }
    if not on_aws:
        return variables
    from tests.fakes.sagemaker import shared_service

    url, world = shared_service().url, f"release-{time.time_ns()}"
    return variables | {
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": "eu-central-1",
        "AWS_ENDPOINT_URL": url,
        "FEX_STORAGE__LAKE_URL": f"s3://{world}/lake",
        "FEX_STORAGE__S3_ENDPOINT_URL": url,
        "FEX_MODEL__NAME": world,
        "FEX_MODEL__REGISTRY": "sagemaker",
        "FEX_TRANSFORM__IMAGE_URI": "1.dkr.ecr.eu-central-1.amazonaws.com/torch:2",
    }


def _bucket() -> None:
    import boto3

    boto3.client("s3").create_bucket(
        Bucket=os.environ["FEX_MODEL__NAME"],
        CreateBucketConfiguration={"LocationConstraint": "eu-central-1"},
    )


def _challenged(*, waiting: bool) -> None:
    """Two champions in a row, and a third version that waits for a decision."""
    if "AWS_ENDPOINT_URL" in os.environ:
        _bucket()
    services, registry, name = _opened()
    versions = []
    for number in range(3 if waiting else 2):
        path = Path.cwd() / f"{number}.tar.gz"
        build_package(
            f"weights {number}".encode(),
            make_signature(package_version=str(number), input_side_px=96),
            path,
        )
        versions.append(registry.register(name, path))
    for version in versions[:2]:
        promote(registry, name, version.version, approved_by="Grace")
    if not waiting:
        return
    challenge(registry, versions[2])
    outcome = ask(services, reason="manual", run_id=RUN_ID, in_cooldown=True)
    services.ledger.retraining.start(RUN_ID, 3600)
    third = versions[2]
    request_id = outcome.request_id
    write_opened(services, request_id, name=name, version=versions[1].version, run_id=RUN_ID)
    write_packaged(services, request_id, third.sha256)
    write_registered(services, request_id, name=name, version=third.version, sha256=third.sha256)


def _opened() -> tuple[Services, ModelRegistry, str]:
    services = build_services(load_settings())
    return services, build_registry(services.settings), services.settings.model.name


def _decide_and_settle(response: dict[str, Any]) -> None:
    """What the two last tasks of the run do."""
    services = build_services(load_settings())
    request = services.ledger.retraining.of_run(RUN_ID)
    assert request is not None
    decide.run(services, request.request_id, response)
    settle.run(services, RUN_ID)


def _settle_alone(_response: dict[str, Any]) -> None:
    """The run broke: only its teardown is left."""
    with pytest.raises(PlatformError, match="did not come to a decision"):
        settle.run(build_services(load_settings()), RUN_ID)


def _roll_back(_response: dict[str, Any]) -> None:
    model_rollback.run(build_services(load_settings()), RUN_ID, approved_by="Ada", why="worse")


def _one_approved_champion() -> None:
    services, registry, name = _opened()
    holders = [v for v in registry.list_versions(name) if CHAMPION in v.aliases]
    assert len(holders) == 1, "one champion, always"
    (champion,) = holders
    assert champion.status is VersionStatus.APPROVED
    assert champion.metadata["approved_by"], "somebody answers for it"
    if champion.version == "3":
        request = services.ledger.retraining.of_run(RUN_ID)
        assert request is not None
        assert documents.read(services, request.request_id, documents.DECISION).approved


def _ended(champion: str, state: RequestState | None) -> None:
    _one_approved_champion()
    services, registry, name = _opened()
    aliases = {a: v.version for v in registry.list_versions(name) for a in v.aliases}
    assert aliases[CHAMPION] == champion
    assert "challenger" not in aliases
    if state is not None:
        request = services.ledger.retraining.of_run(RUN_ID)
        assert request is not None
        assert request.state is state


@pytest.mark.parametrize(
    ("job", "response", "champion", "state", "least"),
    [
        (_decide_and_settle, APPROVED, "3", RequestState.PROMOTED, 5),
        (_decide_and_settle, REJECTED, "2", RequestState.REJECTED, 4),
        (_settle_alone, TIMED_OUT, "2", RequestState.FAILED, 4),
        (_roll_back, TIMED_OUT, "1", None, 4),
    ],
    ids=["promotion", "rejection", "broken run", "rollback"],
)
def test_a_kill_at_any_step(
    enter: World,
    job: Callable[[dict[str, Any]], None],
    response: dict[str, Any],
    champion: str,
    state: RequestState | None,
    least: int,
) -> None:
    deaths = survive(
        enter,
        prepare=lambda: _challenged(waiting=job is not _roll_back),
        job=lambda: job(response),
        check=_one_approved_champion,
        ended=lambda: _ended(champion, state),
    )
    assert deaths >= least, deaths
