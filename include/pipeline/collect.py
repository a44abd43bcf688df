"""Collect: join the answers of the inference job back to the manifest."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator, Mapping

import pyarrow as pa
import pyarrow.parquet as pq

from include.composition import Services
from include.contracts.answers import ANSWER, Answer
from include.contracts.documents import DocumentError
from include.contracts.errors import TransientError
from include.contracts.identity import analysis_id
from include.inference.answers import AnswerIndex
from include.insights.collect import COLLECT_VERSION, ReconciliationError, collect
from include.lake import keys
from include.ledger.ledger import Batch, Recording, State
from include.pipeline.model_package import read_signature
from include.pipeline.outcome import Outcome, for_each_recording

log = logging.getLogger(__name__)


class UnansweredError(TransientError):
    """Shards of a recording have no answer: what `transform` could not have answered."""


def run(services: Services, batch_id: str) -> dict[str, int]:
    """Write the predictions of every recording whose shards were all answered.

    A recording with a shard that no job answered stays as it is: `settle`
    accounts for it, the others are not held up.
    """
    batch = services.ledger.batch(batch_id)
    threshold = read_signature(services, batch).abstain_threshold
    recordings = services.ledger.recordings(batch_id, states=(State.EXTRACTED,))
    outcome: Outcome = for_each_recording(
        services,
        recordings,
        lambda item: _collect(services, batch, item, threshold),
    )
    for sentence in outcome.deferred:
        log.error("not collected: %s", sentence)
    return outcome.summary()


def collect_recording(
    services: Services, batch: Batch, recording: Recording, threshold: float
) -> str:
    """Write the predictions of one recording, unless they are there; return the analysis id.

    Args:
        services: Collaborators.
        batch: Whose model answers.
        recording: What is answered, probed and extracted.
        threshold: Confidence under which the model abstains, 0 to 1.

    Raises:
        FileNotFoundError: The extraction is gone.
        TransientError: A shard has no answer (yet), or the lake failed for now.
    """
    identity = recording.extraction_id
    if identity is None or batch.model_sha256 is None:
        raise TransientError(f"{recording.key!r} is not ready to be collected")
    analysis = analysis_id(identity, batch.model_sha256, COLLECT_VERSION)
    key = keys.analysis_predictions(analysis)
    if not services.lake.exists(key):
        manifest = pq.read_table(
            io.BytesIO(services.lake.get_bytes(keys.extraction_manifest(identity)))
        )
        answers = AnswerIndex(services.lake, batch.model_sha256).find(identity)
        missing = sorted(_shards(manifest) - answers.keys())
        if missing:
            raise UnansweredError(
                f"no answer for {len(missing)} shard(s): {', '.join(missing[:3])}"
            )
        table = collect(manifest, _lines(services, manifest, answers), abstain_threshold=threshold)
        sink = io.BytesIO()
        pq.write_table(table, sink, compression="zstd")
        services.lake.put_bytes(key, sink.getvalue())
    return analysis


def _collect(services: Services, batch: Batch, recording: Recording, threshold: float) -> None:
    analysis = collect_recording(services, batch, recording, threshold)
    services.ledger.mark_transformed(
        recording.id, analysis_id=analysis, batch_id=recording.batch_id
    )


def _shards(manifest: pa.Table) -> set[str]:
    return {name for name in manifest["shard"].unique().to_pylist() if name}


def _lines(services: Services, manifest: pa.Table, answers: Mapping[str, str]) -> Iterator[Answer]:
    for name in sorted(_shards(manifest)):
        try:
            yield from ANSWER.read_lines(services.lake.get_bytes(answers[name]), answers[name])
        except DocumentError as error:
            raise ReconciliationError(str(error)) from error
