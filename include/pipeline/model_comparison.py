"""Compare the architectures of the zoo on demand, and publish table and page to the lake."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from include.composition import Services
from include.contracts.errors import ConfigurationError
from include.lake import keys

log = logging.getLogger(__name__)

PUBLISHED = ("comparison.html", "comparison.md", "comparison.csv", "comparison.json")
_WORK = ".comparison"


def run(
    services: Services,
    run_id: str,
    *,
    models: str,
    task: str,
    epochs: int,
    side_px: int,
    subset: int | None,
) -> dict[str, Any]:
    """Train and measure what is not measured yet; return where the page lies.

    Networks are kept on this machine by task and budget: a run that was killed, and a
    later one that asks for one network more, trains only what is missing.

    Args:
        services: Collaborators.
        run_id: The Airflow run; the lake's folder is named by it.
        models: Names of the zoo, comma-separated; empty for all.
        task: `seven` or `four` expressions.
        epochs: Passes over the training pictures.
        side_px: Side of the input, 32 to 224.
        subset: Training pictures drawn at random; None for all.

    Raises:
        ConfigurationError: There is no base set of FER+, or a name or size is wrong.
    """
    import torch

    from ml.comparison.plan import TASKS, Budget
    from ml.comparison.rows import load_rows
    from ml.comparison.run import Compared
    from ml.training.command import choose_device, only_one

    settings = services.settings
    torch.set_num_threads(settings.training.embedded_threads)
    budget, wanted = Budget(epochs, side_px, subset), TASKS[task]
    architectures = _architectures(models)
    compared = Compared(
        task=wanted,
        budget=budget,
        architectures=architectures,
        rows=load_rows(_pictures(services), _split(services), wanted, budget),
        out=settings.transform.jobs_dir / _WORK / f"{wanted.name}-{budget.slug}",
        device=choose_device("auto"),
        say=log.info,
    )
    with only_one(compared.out):
        comparison = compared.run()
        prefix = keys.comparison(run_id)
        for name in PUBLISHED:
            services.lake.put_file(f"{prefix}/{name}", compared.out / name)
    return {
        "page": f"{prefix}/{PUBLISHED[0]}",
        "models": [item.architecture for item in comparison.results],
    }


def _architectures(text: str) -> tuple[str, ...]:
    from ml.models.zoo import ARCHITECTURES

    names = tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
    unknown = [name for name in names if name not in ARCHITECTURES]
    if unknown:
        raise ConfigurationError(
            "models", f"{', '.join(map(repr, unknown))}: not in {', '.join(ARCHITECTURES)}"
        )
    return names or tuple(ARCHITECTURES)


def _pictures(services: Services) -> Path:
    from ml.data.datasets import parse_set
    from ml.data.ferplus import NAME

    text = services.settings.retraining.base_set
    name, path = parse_set(text) if text else ("", Path())
    if name != NAME:
        raise ConfigurationError(
            "FEX_RETRAINING__BASE_SET",
            f"{text!r}: a comparison trains on FER+; name it as {NAME}=/path/to/zip",
        )
    return path


def _split(services: Services) -> Path:
    from ml.data.splits import DEFAULT_MANIFEST

    return services.settings.retraining.base_split or DEFAULT_MANIFEST
