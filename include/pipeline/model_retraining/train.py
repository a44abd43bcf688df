"""Train: one job from the sealed data to weights, adopted by a retry and never doubled."""

from __future__ import annotations

import logging

from include.composition import Services
from include.pipeline.model_retraining import documents
from include.pipeline.model_retraining.documents import Trained
from include.training_jobs.build import build_coordinator

log = logging.getLogger(__name__)


def run(services: Services, request_id: str) -> Trained:
    """Wait for the request's training job, made or found; its log is written to this one.

    Raises:
        TrainingFailedError: Every allowed job failed, or one for good.
        JobStoppedError: A person stopped the job.
        TransientError: Running again goes on from there.
    """
    assembled = documents.read(services, request_id, documents.ASSEMBLED)
    opened = documents.read(services, request_id, documents.OPENED)
    services.ledger.retraining.start(opened.run_id, services.settings.retraining.lease_s)
    spec = build_coordinator(services).run(request_id, assembled.data_sha256, log.info)
    return documents.write(services, request_id, documents.TRAINED, Trained(spec.name, spec))
