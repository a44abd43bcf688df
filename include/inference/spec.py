"""What one transform job is, and the names it goes by."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePosixPath

from include.contracts.identity import stable_hash
from include.lake import keys
from include.settings import TransformSettings

OUTPUT_SUFFIX = ".out"
"""Batch Transform appends this to the name of the input object."""

_NAME_LENGTH_MAX = 63
_NAME = re.compile(r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}")
_NOT_IN_NAMES = re.compile(r"[^a-zA-Z0-9]+")
_PREFIX = "fex"
_HASH_LENGTH = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class TransformSpec:
    """One job: these shards, through this model package, to this prefix.

    `shard_keys` and `output_prefix` are keys of the lake at `lake_uri`. The
    instance settings say how fast and at what price the answers come, never
    what they are, and so take no part in `spec_hash`: a job started before a
    change of instance type is still the job that a retry looks for.
    """

    name: str
    generation: int
    """0, 1, ...: rises only after a recorded terminal failure of the one before."""
    batch_id: str
    lake_uri: str
    """Absolute URI of the lake's root, without a slash at its end."""
    model_package_uri: str
    """`file://` or `s3://` URI of `model.tar.gz`."""
    model_sha256: str
    """Of the package's bytes."""
    shard_keys: tuple[str, ...]
    """Sorted."""
    output_prefix: str
    instance_type: str
    instance_count: int
    max_concurrent_transforms: int
    max_payload_mb: int

    @property
    def spec_hash(self) -> str:
        """Identity of the answers this job produces and of the place they go to."""
        return stable_hash(
            {
                "name": self.name,
                "lake": self.lake_uri,
                "model": self.model_sha256,
                "shards": list(self.shard_keys),
                "output": self.output_prefix,
            }
        )

    @property
    def shard_basenames(self) -> tuple[str, ...]:
        """Names of the shards without their folders; unique in the lake."""
        return tuple(basename(key) for key in self.shard_keys)

    def output_key(self, shard_basename: str) -> str:
        """Where the embedded backend writes a shard's answer."""
        return f"{self.output_prefix}/{shard_basename}{OUTPUT_SUFFIX}"


def build_spec(
    *,
    batch_id: str,
    generation: int,
    lake_uri: str,
    model_package_uri: str,
    model_sha256: str,
    shard_keys: Iterable[str],
    settings: TransformSettings,
) -> TransformSpec:
    """Make the specification of a job; the same arguments make the same name.

    Raises:
        ValueError: There is no shard, or two shards share a basename (their
            answers could not be told apart).
    """
    ordered = tuple(sorted(set(shard_keys)))
    if not ordered:
        raise ValueError("a transform job needs at least one shard")
    if len({basename(key) for key in ordered}) != len(ordered):
        raise ValueError("two shards of one job share a basename")
    name = job_name(batch_id, generation, lake_uri, model_sha256, ordered)
    return TransformSpec(
        name=name,
        generation=generation,
        batch_id=batch_id,
        lake_uri=lake_uri.rstrip("/"),
        model_package_uri=model_package_uri,
        model_sha256=model_sha256,
        shard_keys=ordered,
        output_prefix=keys.transform_output(name),
        instance_type=settings.instance_type,
        instance_count=settings.instance_count,
        max_concurrent_transforms=settings.max_concurrent_transforms,
        max_payload_mb=settings.max_payload_mb,
    )


def job_name(
    batch_id: str, generation: int, lake_uri: str, model_sha256: str, shard_keys: Iterable[str]
) -> str:
    """Return a name SageMaker accepts: `fex-{batch}-{hash}-g{generation}`, at most 63 characters.

    The hash covers the lake, the model and the shards, so that two platforms
    in one AWS account never compete for a name.
    """
    digest = stable_hash(
        {
            "batch": batch_id,
            "lake": lake_uri.rstrip("/"),
            "model": model_sha256,
            "shards": sorted(shard_keys),
        }
    )[:_HASH_LENGTH]
    tail = f"-{digest}-g{generation}"
    readable = _NOT_IN_NAMES.sub("-", batch_id).strip("-")
    room = _NAME_LENGTH_MAX - len(_PREFIX) - 1 - len(tail)
    name = f"{_PREFIX}-{readable[:room].strip('-') or 'batch'}{tail}"
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} is no valid job name")
    return name


def basename(key: str) -> str:
    """Last segment of a key."""
    return PurePosixPath(key).name
