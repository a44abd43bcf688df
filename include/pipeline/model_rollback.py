"""Roll back: the champion before this one answers again."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

from include.composition import Services, build_registry
from include.contracts.documents import Content, Form
from include.lake import keys
from include.ledger.audit_tables import Deed
from ml.registry.promotion import Rollback, move_back, plan_rollback

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RolledBack:
    """From which version to which.

    Attributes:
        name: Of the model.
        source: Version that answered.
        target: Version that answers then.
        approved_by: Who answers for it.
        why: In that person's words.
        at: When it was decided, ISO 8601, aware.
    """

    name: str
    source: str
    target: str
    approved_by: str
    why: str
    at: str


def _named(content: Content) -> Content:
    """Schema 1 called the versions `from` and `to`."""
    return {"source": content.pop("from"), "target": content.pop("to"), **content}


ROLLBACK = Form(RolledBack, schema=2, upgrades={1: _named})


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
    recorded = services.lake.find(ROLLBACK, key)
    if recorded is None:
        plan = plan_rollback(registry, name)
        at = services.ledger.clock().isoformat()
        wanted = RolledBack(name, plan.source, plan.target, approved_by, why, at)
        recorded = services.lake.write_once(ROLLBACK, key, wanted)
    restored = move_back(
        registry,
        name,
        Rollback(recorded.source, recorded.target),
        approved_by=recorded.approved_by,
        now=services.ledger.clock,
    )
    services.ledger.audit.append(
        Deed.APPROVAL,
        who=recorded.approved_by,
        what=f"{name} version {restored.version}",
        detail={"approved": True, "rolled_back_from": recorded.source},
        once=f"rollback/{run_id}",
    )
    log.info("version %s answers again, %s before", restored.version, recorded.source)
    return {"from": recorded.source, "to": restored.version, "approved_by": approved_by}
