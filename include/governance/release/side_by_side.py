"""Two models on the same face crops: what would change in a recording's report.

Nothing is decoded again: the crops that were extracted for one analysis lie in the lake
as shards, and any package can answer them. `answer` gives the predictions a package
would publish; `change_between` says how two such tables differ.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from include.contracts.labels import EXPRESSIONS
from include.contracts.reasons import RowReason
from include.insights.collect import collect
from ml.packaging.unpack import read_signature, unpack_package
from ml.serving.handler import PackedModel

_SHARD = "application/x-tar"
NOTHING = "none"
"""The dominant expression where no instant shows one."""


@dataclass(frozen=True, slots=True)
class Answering:
    """A package that answers shards. Build with `open_answering`."""

    model: PackedModel
    threshold: float
    """Confidence under which it abstains, 0 to 1."""


@dataclass(frozen=True, slots=True)
class Change:
    """What differs between two analyses of the same crops.

    Attributes:
        faces: Rows with probabilities in both: usable faces.
        changed: Share of those whose displayed expression differs; setting an answer aside
            counts as one of its own.
        distance: Mean total variation distance of the probabilities, 0 to 1.
        dominant: The most frequent displayed expression, before and after.
        shares: Share of the faces with an answer that show each expression, before and after.
        abstained: Share of the faces whose answer is set aside, before and after.
        confidence: Mean confidence, before and after.
    """

    faces: int
    changed: float
    distance: float
    dominant: tuple[str, str]
    shares: Mapping[str, tuple[float, float]]
    abstained: tuple[float, float]
    confidence: tuple[float, float]

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self)


def open_answering(package: Path, scratch: Path) -> Answering:
    """Check, unpack (under `scratch`) and load a package.

    Raises:
        ConfigurationError: The package is damaged or does not load.
    """
    threshold = float(read_signature(package)["abstain_threshold"])
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


def change_between(before: pa.Table, after: pa.Table) -> Change:
    """Compare two tables of predictions over the same rows (schema `PREDICTIONS`).

    Raises:
        ValueError: They are not of the same rows.
    """
    if before["row_id"] != after["row_id"]:
        raise ValueError("the two analyses are not of the same rows")
    shares = [_probabilities(table) for table in (before, after)]
    judged = np.isfinite(shares[0]).all(axis=1) & np.isfinite(shares[1]).all(axis=1)
    # A face that was set aside for its quality is set aside by any model.
    judged &= _usable(before) & _usable(after)
    shown = [_shown(table)[judged] for table in (before, after)]
    rows = [values[judged] for values in shares]
    n = int(judged.sum())
    return Change(
        faces=n,
        changed=float((shown[0] != shown[1]).mean()) if n else 0.0,
        distance=float(np.abs(rows[0] - rows[1]).sum(axis=1).mean() / 2) if n else 0.0,
        dominant=(_dominant(shown[0]), _dominant(shown[1])),
        shares={label: (_share(shown[0], label), _share(shown[1], label)) for label in EXPRESSIONS},
        abstained=(_abstained(shown[0]), _abstained(shown[1])),
        confidence=(_confidence(rows[0]), _confidence(rows[1])),
    )


def _lines(answering: Answering, shards: Mapping[str, bytes]) -> Iterator[Mapping[str, Any]]:
    for name in sorted(shards):
        body, _ = answering.model.invoke(shards[name], _SHARD)
        for line in body.splitlines():
            if line.strip():
                yield json.loads(line)


def _probabilities(table: pa.Table) -> npt.NDArray[np.float64]:
    columns = [table[f"p_{label}"].to_numpy(zero_copy_only=False) for label in EXPRESSIONS]
    return np.stack([np.asarray(column, np.float64) for column in columns], axis=1)


def _usable(table: pa.Table) -> npt.NDArray[np.bool_]:
    reasons = table["reason"].to_pylist()
    return np.array([reason in (None, RowReason.LOW_CONFIDENCE) for reason in reasons], np.bool_)


def _shown(table: pa.Table) -> npt.NDArray[np.str_]:
    return np.array([emotion or "" for emotion in table["emotion"].to_pylist()], np.str_)


def _dominant(shown: npt.NDArray[np.str_]) -> str:
    counts = [int((shown == label).sum()) for label in EXPRESSIONS]
    return EXPRESSIONS[int(np.argmax(counts))] if any(counts) else NOTHING


def _share(shown: npt.NDArray[np.str_], label: str) -> float:
    answered = int((shown != "").sum())
    return float((shown == label).sum() / answered) if answered else 0.0


def _abstained(shown: npt.NDArray[np.str_]) -> float:
    return float((shown == "").mean()) if len(shown) else 0.0


def _confidence(rows: npt.NDArray[np.float64]) -> float:
    return float(rows.max(axis=1).mean()) if len(rows) else 0.0
