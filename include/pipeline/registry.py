"""`python -m include.pipeline.registry`: look at the model registry and move its aliases.

Works on the registry that the settings name: MLflow's SQLite file, or SageMaker.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from include.composition import build_registry
from include.contracts.errors import ConfigurationError
from include.ledger.audit_tables import Deed
from include.ledger.ledger import Ledger
from include.pipeline.trail import person_of_this_host
from include.settings import Settings, load_settings
from ml.registry.commands import run
from ml.registry.protocol import CHAMPION, ModelRegistry, ModelVersion


def main(arguments: Sequence[str]) -> int:
    """Do what the command line says; return the exit status."""
    try:
        settings = load_settings()
    except ConfigurationError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_status
    opened: list[tuple[ModelRegistry, ModelVersion | None]] = []

    def open_registry() -> ModelRegistry:
        registry = build_registry(settings)
        opened.append((registry, registry.get_by_alias(settings.model.name, CHAMPION)))
        return registry

    status = run(open_registry, settings.model.name, arguments)
    for registry, before in opened:
        after = registry.get_by_alias(settings.model.name, CHAMPION)
        if after is not None and (before is None or after.version != before.version):
            _write_down(settings, after, before)
    return status


def _write_down(settings: Settings, after: ModelVersion, before: ModelVersion | None) -> None:
    """Write into the audit log that another version answers, and in whose name."""
    Ledger.open(settings.storage.ledger_url).audit.append(
        Deed.APPROVAL,
        who=after.metadata.get("approved_by") or person_of_this_host(),
        what=f"{after.name} version {after.version}",
        detail={
            "approved": True,
            "champion_before": before.version if before else None,
            "typed_by": person_of_this_host(),
        },
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
