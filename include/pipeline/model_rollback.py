"""Roll back: the champion before this one answers again."""

from __future__ import annotations

import json
import logging
from typing import Any

from include.composition import Services, build_registry
from include.lake import keys
from include.ledger.audit_tables import Deed
from ml.registry.promotion import Rollback, move_back, plan_rollback

log = logging.getLogger(__name__)


def run(services: Services, run_id: str, *, approved_by: str, why: str = "") -> dict[str, Any]:
    """Exchange champion and previous version; return from where to where.

    What is to be done is written down before anything moves: a task that was killed in
    the middle ends the same rollback instead of undoing it.

    Args:
        services: Collaborators.
        run_id: The Airflow run.
        approved_by: Who answers for it.
        why: For the record.

    Raises:
        RegistryError: There is no version to go back to, or another one was promoted since
            the rollback began.
        ConfigurationError: `approved_by` is empty, or holds what cannot be kept.
    """
    registry, name = build_registry(services.settings), services.settings.model.name
    key = keys.rollback_record(run_id)
    try:
        recorded = json.loads(services.lake.get_bytes(key))
    except FileNotFoundError:
        plan = plan_rollback(registry, name)
        recorded = {
            "name": name,
            "from": plan.source,
            "to": plan.target,
            "approved_by": approved_by,
            "why": why,
            "at": services.ledger.clock().isoformat(),
        }
        services.lake.put_if_absent(key, json.dumps(recorded, indent=1).encode())
        recorded = json.loads(services.lake.get_bytes(key))
    restored = move_back(
        registry,
        name,
        Rollback(recorded["from"], recorded["to"]),
        approved_by=recorded["approved_by"],
        now=services.ledger.clock,
    )
    services.ledger.audit.append(
        Deed.APPROVAL,
        who=recorded["approved_by"],
        what=f"{name} version {restored.version}",
        detail={"approved": True, "rolled_back_from": recorded["from"]},
        once=f"rollback/{run_id}",
    )
    log.info("version %s answers again, %s before", restored.version, recorded["from"])
    return {"from": recorded["from"], "to": restored.version, "approved_by": approved_by}
