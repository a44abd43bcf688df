"""Names and identities of jobs."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.inference.embedded_job import TransformFolder
from include.inference.spec import TransformSpec, build_spec, job_name
from include.settings import TransformSettings

ACCEPTED = re.compile(r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}")
"""TransformJobName in the SageMaker API reference."""


def spec(**changes: object) -> TransformSpec:
    arguments = {
        "batch_id": "batch-20261121T080000Z-abcdef12-001",
        "generation": 0,
        "lake_uri": "s3://bucket/lake",
        "model_package_uri": "s3://bucket/model.tar.gz",
        "model_sha256": "a" * 64,
        "shard_keys": ["x/b.tar", "x/a.tar"],
        "settings": TransformSettings(),
    }
    return build_spec(**{**arguments, **changes})


@settings(max_examples=50)
@given(batch_id=st.text(max_size=120), generation=st.integers(0, 9999))
def test_every_name_is_one_that_sagemaker_accepts(batch_id: str, generation: int) -> None:
    name = job_name(batch_id, generation, "s3://bucket", "a" * 64, ["k"])
    assert ACCEPTED.fullmatch(name)
    assert name.endswith(f"-g{generation}")


@given(shards=st.permutations(["x/a.tar", "x/b.tar", "y/c.tar"]))
def test_the_order_of_shards_changes_nothing(shards: list[str]) -> None:
    assert spec(shard_keys=shards) == spec(shard_keys=sorted(shards))


@pytest.mark.parametrize(
    "changes",
    [
        {"batch_id": "other"},
        {"generation": 1},
        {"lake_uri": "s3://elsewhere"},
        {"model_sha256": "b" * 64},
        {"shard_keys": ["x/a.tar"]},
    ],
)
def test_other_work_has_another_name_and_hash(changes: dict[str, object]) -> None:
    assert spec(**changes).name != spec().name
    assert spec(**changes).spec_hash != spec().spec_hash


def test_long_batch_ids_that_begin_alike_have_different_names() -> None:
    assert spec(batch_id="b" * 100 + "1").name != spec(batch_id="b" * 100 + "2").name


@pytest.mark.parametrize(
    "transform",
    [
        TransformSettings(instance_type="ml.c5.xlarge"),
        TransformSettings(instance_count=2),
        TransformSettings(max_concurrent_transforms=4),
    ],
)
def test_speed_and_price_are_no_part_of_the_identity(transform: TransformSettings) -> None:
    assert spec(settings=transform).spec_hash == spec().spec_hash
    assert spec(settings=transform).name == spec().name


def test_the_place_of_the_output_is_part_of_the_identity() -> None:
    assert replace(spec(), output_prefix="elsewhere").spec_hash != spec().spec_hash


def test_read_back_from_json() -> None:
    form = TransformFolder.spec_form
    assert form.read(form.write(spec()), "spec.json") == spec()


def test_a_slash_at_the_end_of_the_lake_does_not_matter() -> None:
    assert spec(lake_uri="s3://bucket/lake/") == spec()


def test_no_shards_make_no_job() -> None:
    with pytest.raises(ValueError, match="at least one shard"):
        spec(shard_keys=[])


def test_two_shards_of_one_basename_are_refused() -> None:
    with pytest.raises(ValueError, match="basename"):
        spec(shard_keys=["x/a.tar", "y/a.tar"])
