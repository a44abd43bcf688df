"""One frozen settings object, read once from the environment by the composition root.

Every setting is `FEX_<GROUP>__<NAME>` in the environment, for example
`FEX_EXTRACTION__SAMPLE_RATE_HZ=2`; docs/settings.md lists them. Defaults are the
embedded platform: no AWS, no Docker, no server. Production is the same code with
other values.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from pydantic import ValidationError

from include.contracts.errors import ConfigurationError
from include.settings import names, words
from include.settings.models import (
    EvaluationSettings,
    LabelSettings,
    ModelSettings,
    ReleaseSettings,
    RetrainingSettings,
    TrainingSettings,
)
from include.settings.pipeline import (
    DiscoverySettings,
    ErasureSettings,
    ExtractionSettings,
    LimitSettings,
    ReportSettings,
    ReprocessSettings,
    StorageSettings,
    TransformSettings,
    ValidationSettings,
)
from include.settings.platform import PagesSettings, PlatformSettings, QueueSettings
from include.settings.values import Group
from include.settings.watching import BiasAuditSettings, DriftSettings, WatchSettings

__all__ = [
    "BiasAuditSettings",
    "DiscoverySettings",
    "DriftSettings",
    "ErasureSettings",
    "EvaluationSettings",
    "ExtractionSettings",
    "LabelSettings",
    "LimitSettings",
    "ModelSettings",
    "PagesSettings",
    "PlatformSettings",
    "QueueSettings",
    "ReleaseSettings",
    "ReportSettings",
    "ReprocessSettings",
    "RetrainingSettings",
    "Settings",
    "StorageSettings",
    "TrainingSettings",
    "TransformSettings",
    "ValidationSettings",
    "WatchSettings",
    "load_settings",
    "variables",
]


class Settings(Group):
    """All settings. `load_settings()` reads them; `Settings()` is the defaults."""

    storage: StorageSettings = StorageSettings()
    discovery: DiscoverySettings = DiscoverySettings()
    limits: LimitSettings = LimitSettings()
    extraction: ExtractionSettings = ExtractionSettings()
    validation: ValidationSettings = ValidationSettings()
    transform: TransformSettings = TransformSettings()
    model: ModelSettings = ModelSettings()
    report: ReportSettings = ReportSettings()
    reprocess: ReprocessSettings = ReprocessSettings()
    audit: BiasAuditSettings = BiasAuditSettings()
    drift: DriftSettings = DriftSettings()
    watch: WatchSettings = WatchSettings()
    retraining: RetrainingSettings = RetrainingSettings()
    training: TrainingSettings = TrainingSettings()
    release: ReleaseSettings = ReleaseSettings()
    labels: LabelSettings = LabelSettings()
    evaluation: EvaluationSettings = EvaluationSettings()
    erasure: ErasureSettings = ErasureSettings()
    pages: PagesSettings = PagesSettings()
    queues: QueueSettings = QueueSettings()
    platform: PlatformSettings = PlatformSettings()


def variables() -> dict[str, tuple[str, str]]:
    """Return group and field of every setting, by the name of its environment variable."""
    return {
        words.variable(group, name): (group, name)
        for group in Settings.model_fields
        for name in words.fields_of(Settings, group)
    }


def load_settings(environ: Mapping[str, str] | None = None) -> Settings:
    """Read the environment once.

    A variable that is empty counts as not set.

    Args:
        environ: The variables; those of this process unless given.

    Raises:
        ConfigurationError: There is a `FEX_` variable that is no setting, or a value that
            is not allowed. Names each of them, its value and what is allowed.
    """
    environ = os.environ if environ is None else environ
    known = variables()
    problems = names.unknown(environ, known)
    given: dict[str, dict[str, str]] = {}
    for variable, (group, name) in known.items():
        if (text := environ.get(variable, "")).strip():
            given.setdefault(group, {})[name] = text
    settings = Settings()
    try:
        settings = Settings.model_validate(given)
    except ValidationError as error:
        problems += words.problems(Settings, given, error)
    if problems:
        (first, problem), *more = problems
        raise ConfigurationError(
            first, "\n".join([problem, *(f"{name}: {text}" for name, text in more)])
        )
    return settings
