"""The decision over a challenger: recorded once, then carried out, however often it is killed.

The record is written by a conditional put before anything moves. Whoever carries it out
after that, in the first run or in a repeated one, does what the record says: there is one
decision, one champion, and never one that nobody approved.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from include.contracts.documents import Form
from ml.registry.promotion import promote, withdraw
from ml.registry.protocol import CHAMPION, ModelRegistry, ModelVersion

if TYPE_CHECKING:
    from datetime import datetime


_MAX_COMMENT = 1000
_KEPT_IN_NAMES = re.compile(r"[^\w .:/=+\-@]")


@dataclass(frozen=True, slots=True)
class Decision:
    """Who decided what over which version.

    Attributes:
        approved: Whether the version becomes the champion.
        by: The person's name, or what decided in place of one (`time-out`, `gates`).
        why: For people.
        name: The model.
        version: The challenger.
        champion: Version of the champion it was compared with.
        at: When, ISO 8601 in UTC.
    """

    approved: bool
    by: str
    why: str
    name: str
    version: str
    champion: str
    at: str


DECISION = Form(Decision)


def person(name: str) -> str:
    """Return a person's name as every registry can keep it."""
    return _KEPT_IN_NAMES.sub("_", name.strip())[:256]


def carry_out(registry: ModelRegistry, decision: Decision, *, now: datetime) -> ModelVersion:
    """Make the registry what the decision says; safe to repeat after a kill at any point.

    Raises:
        RegistryError: The version or its bytes are not what was compared.
    """
    if not decision.approved:
        return withdraw(
            registry,
            decision.name,
            decision.version,
            comment=f"{decision.by}: {decision.why}"[:_MAX_COMMENT],
        )
    return promote(
        registry,
        decision.name,
        decision.version,
        approved_by=decision.by,
        comment=decision.why[:_MAX_COMMENT],
        now=lambda: now,
        repeated=True,
    )


def champion_changed(registry: ModelRegistry, decision: Decision) -> bool:
    """Tell whether another version was promoted since the comparison."""
    champion = registry.get_by_alias(decision.name, CHAMPION)
    held = None if champion is None else champion.version
    return held not in (decision.champion, decision.version)
