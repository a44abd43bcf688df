"""Two models on the same face crops: what would change in a recording's report.

Nothing is decoded again: the crops that were extracted for one analysis lie in the lake
as shards, and any package can answer them. `answer` gives the predictions a package
would publish; `include.insights.change` says how two such tables differ.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from include.contracts.answers import ANSWER, Answer
from include.insights.collect import collect
from ml.packaging.unpack import read_signature, unpack_package
from ml.serving.handler import PackedModel

_SHARD = "application/x-tar"


@dataclass(frozen=True, slots=True)
class Answering:
    """A package that answers shards. Build with `open_answering`."""

    model: PackedModel
    threshold: float
    """Confidence under which it abstains, 0 to 1."""


def open_answering(package: Path, scratch: Path) -> Answering:
    """Check, unpack (under `scratch`) and load a package.

    Raises:
        ConfigurationError: The package is damaged or does not load.
    """
    threshold = read_signature(package).abstain_threshold
    return Answering(PackedModel.open(unpack_package(package, scratch)), threshold)


def answer(answering: Answering, manifest: pa.Table, shards: Mapping[str, bytes]) -> pa.Table:
    """Return the predictions that a package would publish of one recording.

    Args:
        answering: The package.
        manifest: Schema `MANIFEST`, n rows.
        shards: The recording's shards by basename, all that the manifest names.

    Returns:
        Schema `PREDICTIONS`, n rows.

    Raises:
        ReconciliationError: The answers do not match the manifest.
        InvocationError: The model refuses a shard.
    """
    return collect(manifest, _lines(answering, shards), abstain_threshold=answering.threshold)


def _lines(answering: Answering, shards: Mapping[str, bytes]) -> Iterator[Answer]:
    for name in sorted(shards):
        body, _ = answering.model.invoke(shards[name], _SHARD)
        yield from ANSWER.read_lines(body, f"the answers to {name}")
