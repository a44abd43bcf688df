from __future__ import annotations

import os
from pathlib import Path

import pytest

from include.contracts.errors import ConfigurationError, TransientError
from ml.packaging.build import build_package
from ml.packaging.unpack import package_sha256
from ml.registry.champion import materialise
from ml.registry.mlflow import MlflowRegistry
from ml.registry.protocol import RegistryError, VersionStatus, flat_metrics
from ml.registry.sagemaker import SageMakerRegistry

NAME = "expression-mobilenetv2"
METRICS = {"validation_accuracy": 0.8125, "validation_ece": 0.02}


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
        build_package(f"weights {number}".encode(), {"package_version": str(number)}, path)
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


def _overwrite(registry, uri: str, data: bytes) -> None:
    if uri.startswith("s3://"):
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        registry._s3.put_object(Bucket=bucket, Key=key, Body=data)
    else:
        Path(uri.removeprefix("file://")).write_bytes(data)


def test_metrics_of_a_signature_are_flattened():
    signature = {"test": {"n": 3, "figures": {"accuracy": {"value": 0.8}, "f1_fear": {"value": 1}}}}
    assert flat_metrics(signature) == {"test_accuracy": 0.8}


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
