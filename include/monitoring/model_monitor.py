"""What was found, in the files and words of SageMaker Model Monitor.

Model Monitor is closed to new customers, its vocabulary is what auditors' tools read:
`statistics.json` and `constraints.json` (developer guide, "Schema for Statistics" and
"Schema for Constraints") attach to a model package as `ModelDataQuality`, and
`constraint_violations.json` says what drifted. A row here is a recording, not a frame.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from include.monitoring.drift import Settings
from include.monitoring.metrics import EFFECT_NAMES, METRICS
from include.monitoring.watched import COLUMNS, Sample

_VERSION = 0.0
"""Of both schemas, as Model Monitor writes it."""


def statistics(sample: Sample) -> dict[str, Any]:
    """`statistics.json`: one feature for each column, over the recordings of a sample."""
    return {
        "version": _VERSION,
        "dataset": {"item_count": len(sample)},
        "features": [_feature(name, sample.values[:, i]) for i, name in enumerate(COLUMNS)],
    }


def constraints(settings: Settings) -> dict[str, Any]:
    """`constraints.json`: how each metric is compared, and from which effect on it is drift."""
    return {
        "version": _VERSION,
        "features": [
            {
                "name": metric.name,
                "inferred_type": "Fractional",
                "distribution_constraints": {
                    "comparison_method": EFFECT_NAMES[metric.test],
                    "comparison_threshold": metric.minimum_effect,
                },
            }
            for metric in METRICS
        ],
        "monitoring_config": {
            "evaluate_constraints": "Enabled",
            "distribution_constraints": {
                "perform_comparison": "Enabled",
                "false_discovery_rate": settings.level,
                "unit": settings.unit.value,
            },
        },
    }


def _feature(name: str, values: np.ndarray[Any, np.dtype[np.float64]]) -> dict[str, Any]:
    finite = values[np.isfinite(values)]
    common = {"num_present": int(finite.size), "num_missing": int(values.size - finite.size)}
    figures: dict[str, Any] = {"common": common}
    if finite.size:
        figures |= {
            "mean": float(finite.mean()),
            "sum": float(finite.sum()),
            "std_dev": float(finite.std()),
            "min": float(finite.min()),
            "max": float(finite.max()),
        }
    return {"name": name, "inferred_type": "Fractional", "numerical_statistics": figures}
