"""`python -m include.platform.bootstrap`: what the platform needs before its first batch.

Runs as a process of its own while the components start: MLflow takes seconds
to import, and the command that starts the platform needs none of it.
"""

from __future__ import annotations

import logging
import sqlite3
import sys
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

from include.contracts.errors import PlatformError
from include.settings import ModelSettings

_LOG = logging.getLogger(__name__)
_SQLITE = "sqlite:///"


def ensure_champion() -> str:
    """Register the committed model package unless the registry has a champion; return its version.

    A champion that somebody promoted is never replaced here.
    """
    from include.composition import build_registry
    from include.settings import load_settings
    from ml.registry.champion import register_packaged_champion

    settings = load_settings()
    champion = register_packaged_champion(
        build_registry(settings), name=settings.model.name, alias=settings.model.alias
    )
    return champion.version


def has_champion(environ: Mapping[str, str]) -> bool:
    """Tell whether MLflow's SQLite registry has a champion, without importing MLflow.

    A shortcut for every start after the first. Anything unexpected is a no:
    then the long way finds out.
    """
    uri = environ.get("FEX_MODEL__MLFLOW_TRACKING_URI", "")
    if environ.get("FEX_MODEL__REGISTRY", "mlflow") != "mlflow" or not uri.startswith(_SQLITE):
        return False
    defaults = ModelSettings()
    name = environ.get("FEX_MODEL__NAME", defaults.name)
    alias = environ.get("FEX_MODEL__ALIAS", defaults.alias)
    database = Path(uri.removeprefix(_SQLITE)).as_uri() + "?mode=ro"
    query = "SELECT 1 FROM registered_model_aliases WHERE name = ? AND alias = ?"
    try:
        with closing(sqlite3.connect(database, uri=True)) as connection:
            return connection.execute(query, (name, alias)).fetchone() is not None
    except (sqlite3.Error, ValueError):
        return False


def main() -> int:
    """Open the lake and the ledger once, and make sure that there is a champion."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    from include.composition import build_services
    from include.pipeline.trail import person_of_this_host, settings_started_with

    try:
        services = build_services()
        settings_started_with(services.ledger, services.settings, who=person_of_this_host())
        _LOG.info("champion: version %s", ensure_champion())
    except PlatformError as error:
        _LOG.error("%s", error)
        return error.exit_status
    return 0


if __name__ == "__main__":
    sys.exit(main())
