"""`python -m include.pipeline.registry`: look at the model registry and move its aliases.

Works on the registry that the settings name: MLflow's SQLite file, or SageMaker.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from include.composition import build_registry
from include.contracts.errors import ConfigurationError
from include.settings import load_settings
from ml.registry.commands import run


def main(arguments: Sequence[str]) -> int:
    """Do what the command line says; return the exit status."""
    try:
        settings = load_settings()
    except ConfigurationError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_status
    return run(lambda: build_registry(settings), settings.model.name, arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
