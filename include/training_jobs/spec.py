"""What one training job is, and the names it goes by."""

from __future__ import annotations

from dataclasses import dataclass

from include.contracts.identity import stable_hash
from include.lake import keys

RESULTS = "run"
"""Folder below the output prefix, or in the job's archive, with what the training left."""

_PREFIX = "fex-train"
_SHORT = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingSpec:
    """One job: this data, to this prefix. Prefixes are keys of the lake at `lake_uri`.

    Jobs of one request share checkpoints: a later generation goes on where the one
    before was interrupted. The machine takes no part in `spec_hash`: it decides how fast
    and at what price the weights come, never which.
    """

    request_id: str
    generation: int
    """0, 1, ...: rises only after a recorded failure, or a stop, of the one before."""
    lake_uri: str
    """Absolute URI of the lake's root, without a slash at its end."""
    data_prefix: str
    data_sha256: str
    """Of `bundle.json`, which names every file of the data by its own sha256."""
    output_prefix: str
    checkpoint_prefix: str

    @property
    def spec_hash(self) -> str:
        """Identity of what is asked for."""
        return stable_hash(
            {
                "request": self.request_id,
                "lake": self.lake_uri,
                "data": self.data_sha256,
                "output": self.output_prefix,
            }
        )

    @property
    def name(self) -> str:
        """The job's name: unique for ever, at most 63 letters, digits and hyphens."""
        short = f"{self.request_id[:_SHORT]}-{self.spec_hash[:_SHORT]}"
        return f"{_PREFIX}-{short}-{self.generation}"


def build_spec(
    *, request_id: str, generation: int, lake_uri: str, data_sha256: str
) -> TrainingSpec:
    """Return the job of a request's generation."""
    return TrainingSpec(
        request_id=request_id,
        generation=generation,
        lake_uri=lake_uri.rstrip("/"),
        data_prefix=keys.retraining_data(request_id),
        data_sha256=data_sha256,
        output_prefix=keys.retraining_output(request_id),
        checkpoint_prefix=keys.retraining_checkpoints(request_id),
    )
