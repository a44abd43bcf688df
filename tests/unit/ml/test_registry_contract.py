"""One suite for both registries: what the protocol promises, each keeps."""

from __future__ import annotations

import datetime
import json
import os
from pathlib import Path

import pytest

from include.contracts.errors import ConfigurationError, TransientError
from include.statistics.estimate import Estimate
from ml.packaging.build import build_package
from ml.packaging.signature import Measured, make_signature
from ml.packaging.unpack import package_sha256
from ml.registry.champion import materialise
from ml.registry.commands import run
from ml.registry.mlflow import MlflowRegistry
from ml.registry.promotion import challenge, promote, rollback, verify
from ml.registry.protocol import (
    MAX_METADATA,
    Document,
    RegistryError,
    VersionStatus,
    check_metadata,
    flat_metrics,
)
from ml.registry.sagemaker import SageMakerRegistry

NAME = "expression-mobilenetv2"
METRICS = {"validation_accuracy": 0.8125, "validation_ece": 0.02}
CARD = {
    "model_overview": {"model_name": "expression", "model_creator": "the project"},
    "intended_uses": {"purpose_of_model": "displayed expressions"},
}
NOON = datetime.datetime(2026, 11, 21, 12, tzinfo=datetime.UTC)


@pytest.fixture(scope="module")
def mlflow_database(tmp_path_factory) -> Path:
    """A database with its tables: making them takes seconds."""
    path = tmp_path_factory.mktemp("mlflow") / "template.sqlite"
    MlflowRegistry(tracking_uri=f"sqlite:///{path}", artifact_uri="file:///nowhere").list_versions(
        NAME
    )
    return path


@pytest.fixture(params=["mlflow", "sagemaker"])
def registry(request, tmp_path, monkeypatch):
    if request.param == "mlflow":
        database = tmp_path / "store" / "mlflow.sqlite"
        database.parent.mkdir()
        database.write_bytes(request.getfixturevalue("mlflow_database").read_bytes())
        yield MlflowRegistry(
            tracking_uri=f"sqlite:///{database}", artifact_uri=(tmp_path / "artefacts").as_uri()
        )
        return
    import boto3
    from moto import mock_aws

    for variable in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.setenv(variable, "testing")
    for variable in [name for name in os.environ if name.startswith("AWS_ENDPOINT")]:
        monkeypatch.delenv(variable)
    with mock_aws():
        s3 = boto3.client("s3", region_name="eu-central-1")
        s3.create_bucket(
            Bucket="models", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"}
        )
        yield SageMakerRegistry(
            client=boto3.client("sagemaker", region_name="eu-central-1"),
            s3=s3,
            package_root="s3://models/packages",
            image_uri="123456789012.dkr.ecr.eu-central-1.amazonaws.com/pytorch-inference:2.6-cpu",
        )


@pytest.fixture
def packages(tmp_path) -> list[Path]:
    paths = [tmp_path / str(number) / "model.tar.gz" for number in range(3)]
    for number, path in enumerate(paths):
        build_package(
            f"weights {number}".encode(),
            make_signature(package_version=str(number), input_side_px=96),
            path,
        )
    return paths


def _approved(registry, package, **more):
    version = registry.register(NAME, package, **more)
    return registry.set_status(NAME, version.version, VersionStatus.APPROVED)


def test_an_unknown_name_has_nothing(registry):
    assert registry.list_versions("unheard-of") == ()
    assert registry.get_by_alias("unheard-of", "champion") is None
    with pytest.raises(RegistryError, match="unheard-of"):
        registry.get("unheard-of", "1")


def test_a_registered_package_waits_for_approval(registry, packages):
    version = registry.register(NAME, packages[0], metrics=METRICS, metadata={"origin": "test"})
    assert (version.name, version.version) == (NAME, "1")
    assert version.status is VersionStatus.PENDING
    assert version.sha256 == package_sha256(packages[0])
    assert version.metrics == METRICS
    assert version.metadata == {"origin": "test"}
    assert version.aliases == ()
    assert version.package_uri.startswith(("file:///", "s3://models/"))
    assert registry.list_versions(NAME) == (version,)


def test_the_same_bytes_are_registered_once(registry, packages):
    first = registry.register(NAME, packages[0])
    second = registry.register(NAME, packages[1])
    assert registry.register(NAME, packages[0]) == first
    assert [v.version for v in registry.list_versions(NAME)] == [first.version, second.version]


def test_only_an_approved_version_carries_an_alias(registry, packages):
    version = registry.register(NAME, packages[0])
    with pytest.raises(RegistryError, match="not approved"):
        registry.set_alias(NAME, "champion", version.version)
    registry.set_status(NAME, version.version, VersionStatus.REJECTED, comment="too weak")
    with pytest.raises(RegistryError, match="not approved"):
        registry.set_alias(NAME, "champion", version.version)
    with pytest.raises(RegistryError, match="no version '9'"):
        registry.set_alias(NAME, "champion", "9")


def test_an_alias_moves_and_can_go_back(registry, packages):
    first, second = (_approved(registry, package, metrics=METRICS) for package in packages[:2])
    for target in (first, second, first):
        named = registry.set_alias(NAME, "champion", target.version)
        assert named.aliases == ("champion",)
        assert registry.get_by_alias(NAME, "champion") == named
        carriers = [v.version for v in registry.list_versions(NAME) if v.aliases]
        assert carriers == [target.version]
        assert all(v.status is VersionStatus.APPROVED for v in registry.list_versions(NAME))
        assert all(v.metrics == METRICS for v in registry.list_versions(NAME))


def test_aliases_do_not_disturb_each_other(registry, packages):
    first, second = (_approved(registry, package) for package in packages[:2])
    registry.set_alias(NAME, "champion", first.version)
    registry.set_alias(NAME, "challenger", second.version)
    registry.set_alias(NAME, "previous", first.version)
    assert registry.get(NAME, first.version).aliases == ("champion", "previous")
    assert registry.get(NAME, second.version).aliases == ("challenger",)


def test_a_change_of_status_keeps_alias_and_figures(registry, packages):
    version = _approved(registry, packages[0], metrics=METRICS)
    registry.set_alias(NAME, "champion", version.version)
    again = registry.set_status(NAME, version.version, VersionStatus.APPROVED, comment="audited")
    assert again.aliases == ("champion",)
    assert again.metrics == METRICS


def test_a_version_becomes_a_model_directory(registry, packages, tmp_path):
    version = registry.register(NAME, packages[0])
    folder = materialise(registry, version, tmp_path / "models")
    assert folder.name == version.sha256
    assert (folder / "model.safetensors").read_bytes() == b"weights 0"
    assert materialise(registry, version, tmp_path / "models") == folder
    assert [p.name for p in (tmp_path / "models").iterdir()] == [folder.name]


def test_changed_bytes_are_noticed(registry, packages, tmp_path):
    version = registry.register(NAME, packages[0])
    _overwrite(registry, version.package_uri, packages[1].read_bytes())
    with pytest.raises(RegistryError, match="not the registered package"):
        materialise(registry, version, tmp_path / "models")
    assert not list((tmp_path / "models").glob("*"))


def test_missing_bytes_may_come_back(registry, packages, tmp_path):
    from dataclasses import replace

    version = registry.register(NAME, packages[0])
    gone = replace(version, package_uri=version.package_uri.replace("model.tar", "gone.tar"))
    with pytest.raises(TransientError, match="cannot be read"):
        registry.fetch(gone, tmp_path)


def test_a_document_is_attached_later_and_replaced(registry, packages):
    version = registry.register(NAME, packages[0])
    assert registry.document(version, Document.BIAS) is None
    registry.attach(version, Document.BIAS, {"verdict": "red"})
    registry.attach(version, Document.BIAS, {"verdict": "green"})
    assert registry.document(version, Document.BIAS) == {"verdict": "green"}
    assert registry.get(NAME, version.version) == version


def test_documents_are_kept_with_a_version(registry, packages):
    documents = {Document.MODEL_CARD: CARD, Document.BIAS: {"groups": [1, 2]}}
    version = registry.register(NAME, packages[0], documents=documents)
    assert registry.document(version, Document.MODEL_CARD) == CARD
    assert registry.document(version, Document.BIAS) == {"groups": [1, 2]}
    bare = registry.register(NAME, packages[1])
    assert registry.document(bare, Document.MODEL_CARD) is None


def test_a_status_brings_its_comment_and_more_metadata(registry, packages):
    version = registry.register(NAME, packages[0], metadata={"origin": "test"})
    again = registry.set_status(
        NAME, version.version, VersionStatus.REJECTED, comment="too weak", metadata={"by": "Ada"}
    )
    assert again.comment == "too weak"
    assert again.metadata == {"origin": "test", "by": "Ada"}
    assert registry.set_status(NAME, version.version, VersionStatus.PENDING).comment == "too weak"


@pytest.mark.parametrize(
    "metadata",
    [
        {"sha256": "mine"},
        {"alias.champion": "9"},
        {"note": "line\nbreak"},
        {"note": "x" * 257},
        {"note": ""},
        {f"key{i}": "v" for i in range(MAX_METADATA + 1)},
    ],
)
def test_metadata_that_one_registry_could_not_keep_is_refused(metadata):
    with pytest.raises(ConfigurationError, match="metadata"):
        check_metadata(metadata)


def test_refused_metadata_registers_nothing(registry, packages):
    with pytest.raises(ConfigurationError, match="metadata"):
        registry.register(NAME, packages[0], metadata={"sha256": "mine"})
    assert registry.list_versions(NAME) == ()


def test_a_challenger_may_wait_for_its_approval_and_a_rejected_one_may_not(registry, packages):
    first, second = (registry.register(NAME, package) for package in packages[:2])
    assert challenge(registry, first).aliases == ("challenger",)
    assert challenge(registry, second).aliases == ("challenger",)
    assert registry.get(NAME, first.version).aliases == ()
    registry.set_status(NAME, first.version, VersionStatus.REJECTED)
    with pytest.raises(RegistryError, match="not approved"):
        challenge(registry, first)
    registry.drop_alias(NAME, "challenger")
    registry.drop_alias(NAME, "challenger")
    assert registry.get_by_alias(NAME, "challenger") is None


def test_promotion_and_rollback_are_moves_of_aliases(registry, packages):
    versions = [registry.register(NAME, package) for package in packages]
    first, second, third = (version.version for version in versions)

    def holders() -> dict[str, str]:
        return {a: v.version for v in registry.list_versions(NAME) for a in v.aliases}

    promote(registry, NAME, first, approved_by="Ada")
    with pytest.raises(RegistryError, match="no champion before"):
        rollback(registry, NAME, approved_by="Ada")
    challenge(registry, versions[1])
    promoted = promote(
        registry, NAME, second, approved_by="Grace Hopper", comment="better", now=lambda: NOON
    )
    assert holders() == {"champion": second, "previous": first}
    assert promoted.status is VersionStatus.APPROVED
    assert promoted.comment == "better"
    assert promoted.metadata == {
        "approved_by": "Grace Hopper",
        "approved_at": "2026-11-21T12:00:00Z",
    }
    promote(registry, NAME, third, approved_by="Ada")
    assert holders() == {"champion": third, "previous": second}
    assert rollback(registry, NAME, approved_by="Ada", now=lambda: NOON).version == second
    assert holders() == {"champion": second, "previous": third}
    assert registry.get(NAME, third).metadata["rolled_back_by"] == "Ada"
    assert rollback(registry, NAME, approved_by="Ada").version == third
    assert holders() == {"champion": third, "previous": second}


def test_what_may_not_be_promoted_is_named_and_moves_nothing(registry, packages):
    champion, rejected, changed = (registry.register(NAME, package) for package in packages)
    promote(registry, NAME, champion.version, approved_by="Ada")
    registry.set_status(NAME, rejected.version, VersionStatus.REJECTED, comment="too weak")
    _overwrite(registry, changed.package_uri, packages[0].read_bytes())
    for version, by, said in (
        (rejected, "Ada", "was rejected: too weak"),
        (changed, "Ada", "not the registered package"),
        (champion, "Ada", "champion already"),
        (changed, " ", "names the person"),
    ):
        with pytest.raises((RegistryError, ConfigurationError), match=said):
            promote(registry, NAME, version.version, approved_by=by)
    assert registry.get_by_alias(NAME, "champion").version == champion.version
    assert registry.get(NAME, changed.version).status is VersionStatus.PENDING
    with pytest.raises(RegistryError, match="not the registered package"):
        verify(registry, changed)


def test_people_register_promote_and_roll_back(
    registry, packages, committed_package, tmp_path, capsys
):
    promote(registry, NAME, registry.register(NAME, packages[0]).version, approved_by="Ada")
    (tmp_path / "card.json").write_text(json.dumps(CARD))

    def said(*arguments: str) -> tuple[int, str]:
        status = run(lambda: registry, NAME, arguments)
        captured = capsys.readouterr()
        return status, captured.out + captured.err

    status, text = said("register", str(committed_package), "--card", str(tmp_path / "card.json"))
    assert (status, "PendingManualApproval  challenger" in text) == (0, True)
    status, text = said("promote", "challenger", "--approved-by", "Grace", "--comment", "better")
    assert (status, "2  Approved  champion" in text) == (0, True)
    status, text = said("show", "champion", "--verify")
    assert status == 0
    for expected in ("approved_by Grace", "model card kept", "every member as sealed", "recipe"):
        assert expected in text
    assert said("rollback", "--approved-by", "Grace")[1].split()[1] == "1"
    assert [line.split()[1:4] for line in said("list")[1].splitlines()] == [
        ["1", "Approved", "champion"],
        ["2", "Approved", "previous"],
    ]
    assert said("promote", "9", "--approved-by", "Grace") == (
        1,
        f"model '{NAME}' has no version '9'\n",
    )
    assert said("register", str(tmp_path / "none.tar.gz"))[0] == 2
    quality = registry.document(registry.get(NAME, "2"), Document.MODEL_QUALITY)
    assert "confusion_matrix" in quality["multiclass_classification_metrics"]


def _overwrite(registry, uri: str, data: bytes) -> None:
    if uri.startswith("s3://"):
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        registry._s3.put_object(Bucket=bucket, Key=key, Body=data)
    else:
        Path(uri.removeprefix("file://")).write_bytes(data)


def test_metrics_of_a_signature_are_flattened():
    figures = {name: Estimate.without_interval(0.8, 3) for name in ("accuracy", "f1_fear")}
    assert flat_metrics({"test": Measured(3, figures)}) == {"test_accuracy": 0.8}


@pytest.mark.parametrize("registry", ["sagemaker"], indirect=True)
class TestSageMakerAlone:
    def test_a_model_is_created_from_an_approved_package(self, registry, packages):
        version = registry.register(NAME, packages[0])
        role = "arn:aws:iam::123456789012:role/sagemaker"
        with pytest.raises(RegistryError, match="not approved"):
            registry.create_model(version, model_name="m-1", role_arn=role)
        registry.set_status(NAME, version.version, VersionStatus.APPROVED)
        arn = registry.create_model(version, model_name="m-1", role_arn=role)
        assert arn.endswith("m-1")

    def test_metrics_travel_as_model_metrics(self, registry, packages):
        registry.register(NAME, packages[0], metrics=METRICS)
        package = next(iter(registry._packages(NAME)))
        statistics = package["ModelMetrics"]["ModelQuality"]["Statistics"]
        bucket, _, key = statistics["S3Uri"].removeprefix("s3://").partition("/")
        body = registry._s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        assert b'"validation_accuracy": 0.8125' in body

    def test_card_and_reports_travel_with_the_model_package(self, registry, packages):
        requests = []

        def record(params, **_):
            requests.append(params)

        registry._client.meta.events.register(
            "provide-client-params.sagemaker.CreateModelPackage", record
        )
        documents = {Document.MODEL_CARD: CARD, Document.BIAS: {"groups": []}}
        registry.register(NAME, packages[0], documents=documents)
        (request,) = requests
        assert request["ModelApprovalStatus"] == "PendingManualApproval"
        assert request["ModelCard"]["ModelCardStatus"] == "PendingReview"
        content = json.loads(request["ModelCard"]["ModelCardContent"])
        assert content["model_overview"] == {"model_creator": "the project"}
        assert content["intended_uses"] == CARD["intended_uses"]
        assert request["ModelMetrics"]["Bias"]["Report"]["S3Uri"].endswith("/bias.json")

    def test_the_card_follows_the_approval(self, registry, packages):
        """The stand-in forgets the card: it is put into what the service describes."""
        version = registry.register(NAME, packages[0], documents={Document.MODEL_CARD: CARD})
        updates = []
        events = registry._client.meta.events
        events.register(
            "after-call.sagemaker.DescribeModelPackage",
            lambda parsed, **_: parsed.update(ModelCard={"ModelCardContent": "{}"}),
        )
        events.register(
            "provide-client-params.sagemaker.UpdateModelPackage",
            lambda params, **_: updates.append(params),
        )
        registry.set_status(NAME, version.version, VersionStatus.APPROVED)
        assert updates[0]["ModelCard"] == {"ModelCardStatus": "Approved"}

    def test_a_half_moved_alias_is_read_as_the_newer(self, registry, packages):
        first, second = (_approved(registry, package) for package in packages[:2])
        registry.set_alias(NAME, "champion", first.version)
        package = registry._package(NAME, second.version)
        metadata = {**package["CustomerMetadataProperties"], "alias.champion": str(2**62)}
        registry._update(package, VersionStatus.APPROVED, metadata)
        assert registry.get_by_alias(NAME, "champion").version == second.version

    def test_registering_without_a_bucket_names_the_setting(self, registry, packages):
        bare = SageMakerRegistry(client=registry._client)
        with pytest.raises(ConfigurationError, match="FEX_MODEL__REGISTRY"):
            bare.register(NAME, packages[0])
