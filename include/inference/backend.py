"""The contract of an inference backend; `tests/contract` holds both backends to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from include.inference.spec import OUTPUT_SUFFIX, TransformSpec, basename
from include.jobs.backend import JobBackend, JobDescription

if TYPE_CHECKING:
    from include.lake.store import Lake

CONTENT_TYPE = "application/x-tar"
"""One request is one shard."""
ACCEPT = "application/jsonlines"


@dataclass(frozen=True, slots=True, kw_only=True)
class TransformDescription(JobDescription):
    """What a backend knows of a transform job."""

    done: int | None = None
    """Shards answered so far, where the backend can tell."""
    total: int | None = None


class InferenceBackend(JobBackend[TransformSpec, TransformDescription], Protocol):
    """Runs transform jobs."""

    def list_outputs(self, spec: TransformSpec) -> Mapping[str, str]:
        """Return the lake key of each answer by the basename of its shard."""
        ...


def find_outputs(lake: Lake, spec: TransformSpec) -> dict[str, str]:
    """Find a job's answers anywhere under its output prefix.

    Batch Transform repeats the input's folders under the output prefix, so the
    basename is what identifies a shard. Objects that answer no shard of the
    job are left out.
    """
    wanted = set(spec.shard_basenames)
    found: dict[str, str] = {}
    for key in lake.list(spec.output_prefix):
        shard = basename(key).removesuffix(OUTPUT_SUFFIX)
        if key.endswith(OUTPUT_SUFFIX) and shard in wanted:
            found[shard] = key
    return found
