"""What the SageMaker backend asks for, and what it makes of refusals."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import boto3
import pytest
from botocore.exceptions import (
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    NoCredentialsError,
    ReadTimeoutError,
)

from include.aws_errors import aws_errors, is_name_taken, is_not_found, is_rejected
from include.contracts.errors import ConfigurationError, TransientError
from include.inference.sagemaker import SETTINGS, SageMakerBackend
from include.inference.spec import TransformSpec
from include.lake import keys
from include.lake.store import Lake
from tests.fakes.inference_platform import EmbeddedKind, Platform, crops


class Recorder:
    """A client that takes every request and says what it was."""

    def __init__(self) -> None:
        self.requests: dict[str, dict[str, Any]] = {}

    def __getattr__(self, operation: str) -> Any:
        def call(**request: Any) -> dict[str, Any]:
            self.requests[operation] = request
            if operation == "describe_model":
                raise refusal("ValidationException", 'Could not find model "fex".')
            return {}

        return call


def refusal(code: str, message: str = "-", status: int = 400) -> ClientError:
    answer = {
        "Error": {"Code": code, "Message": message},
        "ResponseMetadata": {"HTTPStatusCode": status},
    }
    return ClientError(answer, "CreateTransformJob")


def build(platform: Platform, **changes: Any) -> SageMakerBackend:
    kind = platform.kind
    given = {"client": None, "settings": kind.settings, "lake": platform.lake, **changes}
    return SageMakerBackend(storage=kind.storage, signers=(), **given)


@pytest.fixture
def spec(platform: Platform) -> TransformSpec:
    return platform.spec(platform.put_shards(crops(b"one"), crops(b"two")))


def test_the_request_is_one_that_the_api_accepts(platform: Platform, spec: TransformSpec) -> None:
    """Checked against the service model that boto3 carries."""
    recorder = Recorder()
    build(platform, client=recorder).create(spec)
    model = boto3.client("sagemaker", region_name="us-east-1").meta.service_model
    for operation, name in (
        ("create_transform_job", "CreateTransformJob"),
        ("create_model", "CreateModel"),
    ):
        from botocore.validate import ParamValidator

        shape = model.operation_model(name).input_shape
        report = ParamValidator().validate(recorder.requests[operation], shape)
        assert not report.has_errors(), report.generate_report()


def test_the_request_names_exactly_the_shards(platform: Platform, spec: TransformSpec) -> None:
    recorder = Recorder()
    build(platform, client=recorder).create(spec)
    request = recorder.requests["create_transform_job"]
    source = request["TransformInput"]["DataSource"]["S3DataSource"]
    assert source["S3DataType"] == "ManifestFile"
    assert source["S3Uri"] == platform.lake.uri(keys.transform_input(spec.name))
    prefix, *names = json.loads(platform.lake.get_bytes(keys.transform_input(spec.name)))
    assert [prefix["prefix"] + name for name in names] == [
        platform.lake.uri(key) for key in spec.shard_keys
    ]
    assert request["TransformInput"]["SplitType"] == "None"
    assert request["TransformOutput"]["S3OutputPath"] == platform.lake.uri(spec.output_prefix)
    assert {"Key": "fex:spec-hash", "Value": spec.spec_hash} in request["Tags"]


def test_one_model_for_all_jobs_of_a_package(platform: Platform) -> None:
    client = boto3.client(
        "sagemaker", endpoint_url=platform.kind.storage.s3_endpoint_url, region_name="us-east-1"
    )
    before = len(client.list_models()["Models"])
    for content in (b"a", b"b"):
        platform.backend.create(platform.spec(platform.put_shards(crops(content))))
    assert len(client.list_models()["Models"]) <= before + 1


@pytest.mark.parametrize(
    ("changes", "setting"),
    [
        ({"role_arn": None}, "FEX_TRANSFORM__ROLE_ARN"),
        ({"image_uri": None}, "FEX_TRANSFORM__IMAGE_URI"),
        (
            {"max_concurrent_transforms": 11, "max_payload_mb": 10},
            "FEX_TRANSFORM__MAX_CONCURRENT_TRANSFORMS",
        ),
    ],
)
def test_a_wrong_setting_is_named_at_start(
    platform: Platform, changes: dict[str, object], setting: str
) -> None:
    settings = platform.kind.settings.model_copy(update=changes)
    with pytest.raises(ConfigurationError) as error:
        build(platform, settings=settings)
    assert error.value.setting == setting


def test_a_lake_in_a_folder_is_refused_at_start(platform: Platform, tmp_path: Any) -> None:
    lake = Lake.open(EmbeddedKind(tmp_path / "local").storage)
    with pytest.raises(ConfigurationError, match="FEX_STORAGE__LAKE_URL"):
        build(platform, lake=lake)


def test_a_package_in_a_folder_is_refused(platform: Platform, spec: TransformSpec) -> None:
    local = replace(spec, model_package_uri="file:///m.tar.gz")
    with pytest.raises(ConfigurationError, match=r"file:///m\.tar\.gz"):
        platform.backend.create(local)


@pytest.mark.parametrize(
    "error",
    [
        refusal("ThrottlingException"),
        refusal("ResourceLimitExceeded", "The account-level service limit is 0 Instances"),
        refusal("InternalFailure", status=500),
        refusal("SomethingNew", status=503),
        EndpointConnectionError(endpoint_url="https://x"),
        ConnectTimeoutError(endpoint_url="https://x"),
        ReadTimeoutError(endpoint_url="https://x"),
    ],
)
def test_what_passes_is_tried_again(error: Exception) -> None:
    with pytest.raises(TransientError), aws_errors(SETTINGS):
        raise error


@pytest.mark.parametrize(
    ("error", "setting"),
    [
        (refusal("AccessDeniedException"), "FEX_TRANSFORM__AWS_CONN_ID"),
        (refusal("ExpiredTokenException"), "FEX_TRANSFORM__AWS_CONN_ID"),
        (NoCredentialsError(), "FEX_TRANSFORM__AWS_CONN_ID"),
        (
            refusal("ValidationException", "Could not assume role arn:aws:iam::1:role/x"),
            "FEX_TRANSFORM__ROLE_ARN",
        ),
        (
            refusal("ValidationException", "Value 'ml.x' at 'transformResources.instanceType'"),
            "FEX_TRANSFORM__INSTANCE_TYPE",
        ),
        (
            refusal("ValidationException", "Requested image 1.dkr/x not found"),
            "FEX_TRANSFORM__IMAGE_URI",
        ),
        (refusal("ValidationException", "who knows"), "FEX_TRANSFORM__BACKEND"),
    ],
)
def test_what_a_person_must_change_is_named(error: Exception, setting: str) -> None:
    with pytest.raises(ConfigurationError) as raised, aws_errors(SETTINGS):
        raise error
    assert raised.value.setting == setting


@pytest.mark.parametrize(
    ("error", "verdicts"),
    [
        (refusal("ResourceInUse"), (True, False, False)),
        (
            refusal("ValidationException", "Cannot create already existing model"),
            (True, False, True),
        ),
        (
            refusal("ValidationException", "Could not find requested job with name: x"),
            (False, True, True),
        ),
        (refusal("ResourceNotFound"), (False, True, False)),
        (refusal("ValidationException", "is in status Completed"), (False, False, True)),
        (refusal("ThrottlingException"), (False, False, False)),
    ],
)
def test_a_refusal_says_what_it_is_about(
    error: Exception, verdicts: tuple[bool, bool, bool]
) -> None:
    with pytest.raises((ConfigurationError, TransientError)) as raised, aws_errors(SETTINGS):
        raise error
    found = raised.value
    assert (is_name_taken(found), is_not_found(found), is_rejected(found)) == verdicts
