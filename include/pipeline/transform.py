"""Transform: one inference job for the batch, run and waited for in this process.

The DAG does the same through `ExpressionTransformOperator`, which can defer.
"""

from __future__ import annotations

from include.composition import Services
from include.inference.backend import InferenceBackend
from include.inference.coordinator import TransformCoordinator


def run(services: Services, batch_id: str, backend: InferenceBackend) -> dict[str, int]:
    """Have every shard of the batch answered; what stays unanswered is only counted.

    Raises:
        TransientError: Running again goes on from there.
        ConfigurationError: A setting is wrong.
    """
    result = TransformCoordinator(
        backend=backend,
        lake=services.lake,
        ledger=services.ledger,
        settings=services.settings.transform,
    ).run(batch_id)
    return {"answered": len(result.answers), "missing": len(result.missing)}
