"""`python -m include.platform.bootstrap`: what the platform needs before its first batch.

Runs as a process of its own while the components start: MLflow takes seconds
to import, and the command that starts the platform needs none of it.
"""

from __future__ import annotations

import logging
import sys

_LOG = logging.getLogger(__name__)


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


def main() -> int:
    """Open the lake and the ledger once, and make sure that there is a champion."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    from include.composition import build_services

    build_services()
    _LOG.info("champion: version %s", ensure_champion())
    return 0


if __name__ == "__main__":
    sys.exit(main())
