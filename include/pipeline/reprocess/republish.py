"""Republish: join the answers to the manifests, and publish them beside the old results."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace

import pyarrow as pa

from include.composition import Services
from include.contracts.errors import PermanentInputError, TransientError
from include.contracts.published import Reanalysed
from include.insights.collect import ReconciliationError
from include.lake import keys
from include.ledger.reanalysis_tables import Reanalysis, ReanalysisState
from include.pipeline.collect import UnansweredError, collect_recording
from include.pipeline.current import keep
from include.pipeline.model_package import read_signature
from include.pipeline.publish import publish_recording
from include.pipeline.reprocess.request import opened
from include.pipeline.study_gate import Admission

log = logging.getLogger(__name__)

Work = Callable[[Reanalysis], None]


def run(services: Services, run_id: str) -> dict[str, int]:
    """Publish every re-analysis whose faces were answered.

    One that cannot be done is left out, with its reason, and the others go on. Running
    again does only what is missing.

    Raises:
        TransientError: Some are held up for now; the others are done.
    """
    _, batch = opened(services, run_id)
    signature = read_signature(services, batch)
    threshold = signature.abstain_threshold

    admission = Admission(services)

    def work(item: Reanalysis) -> None:
        recording = item.recording
        admission.require(recording)
        analysis = collect_recording(services, batch, recording, threshold)
        # From here on there are two results: what readers take must not be left to a guess.
        now = services.ledger.clock()
        keep(services.lake, recording.study, recording.recording, at=now)
        prefix = publish_recording(
            services,
            batch,
            replace(recording, analysis_id=analysis),
            signature,
            reanalysis=Reanalysed(item.batch_id, item.before_key),
        )
        services.ledger.reanalyses.mark_published(
            batch.batch_id, recording.id, analysis_id=analysis, result_key=prefix
        )

    return _for_each_open(services, batch.batch_id, work)


def _for_each_open(services: Services, batch_id: str, work: Work) -> dict[str, int]:
    """Apply `work` to each open re-analysis.

    What is gone, damaged or unanswered is left out for good in this batch: asking again would
    find the same. Anything else is noted, and raised when all had their turn.
    """
    book = services.ledger.reanalyses
    counts = {"published": 0, "left_out": 0}
    held_up: list[str] = []
    for item in book.of_batch(batch_id, (ReanalysisState.OPEN,)):
        identity, name = item.recording.id, item.recording.key
        try:
            work(item)
        except (
            FileNotFoundError,
            UnansweredError,
            ReconciliationError,
            PermanentInputError,
            pa.ArrowInvalid,
        ) as error:
            why = _sentence(services, item, error)
            log.warning("left out %r: %s", name, why)
            book.leave_out(batch_id, identity, why=why)
            counts["left_out"] += 1
        except Exception as error:
            if not isinstance(error, TransientError):
                log.exception("unforeseen error on %r", name)
            why = f"{type(error).__name__}: {error}"
            book.note(batch_id, identity, why)
            held_up.append(f"{name!r}: {why}")
        else:
            counts["published"] += 1
    if held_up:
        raise TransientError("; ".join(held_up))
    return counts


def _sentence(services: Services, item: Reanalysis, error: Exception) -> str:
    """Say for people why a recording cannot be analysed again."""
    identity = item.recording.extraction_id or ""
    if not services.lake.exists(keys.extraction_marker(identity)):
        return f"Its faces are no longer in the lake: extraction {identity} was removed."
    if isinstance(error, FileNotFoundError):
        return f"Something it needs was removed: {error}."
    if isinstance(error, pa.ArrowInvalid):
        return f"Extraction {identity} is damaged: {error}."
    if isinstance(error, PermanentInputError):
        return str(error)
    return (
        f"Its faces were not answered: {error}. Where the log of `transform` names a refused "
        "shard, extraction " + identity + " is damaged."
    )
