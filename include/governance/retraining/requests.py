"""Asking for a retraining: recorded always, answered under a cool-down and a daily cap.

Whoever finds that the model should learn (`model_evaluation`, `bias_audit`, the label
intake) calls `ask` and starts the run that the answer names, if it names one:

```python
outcome = ask(services, reason="degraded", evidence=report_key)
return outcome.triggers()        # for TriggerDagRunOperator.partial(
                                 #     trigger_dag_id="model_retraining",
                                 #     skip_when_already_exists=True).expand_kwargs(...)
```

A metric that flaps asks often and starts little: each request is a row of the ledger,
and only one that is accepted costs anything.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from include.contracts.errors import ConfigurationError
from include.ledger.retraining import Ask
from include.ledger.retraining_tables import RequestState, RetrainingRequest

if TYPE_CHECKING:
    from include.composition import Services

REASONS = ("degraded", "red_audit", "labels", "manual")
"""Why a model is trained again."""

_PLATFORM = "platform"


@dataclass(frozen=True, slots=True)
class AskOutcome:
    """Whether a run may start."""

    run_id: str | None
    """Run of `model_retraining` to start; None: nothing may start now."""
    why: str
    """Why nothing may start, for people; empty when a run may."""
    request_id: str
    reason: str
    evidence: str
    recipe: str

    @property
    def accepted(self) -> bool:
        """Whether a run may start."""
        return self.run_id is not None

    def triggers(self) -> list[dict[str, Any]]:
        """No entry or one, for `TriggerDagRunOperator.expand_kwargs`."""
        if self.run_id is None:
            return []
        conf = {"reason": self.reason, "evidence": self.evidence, "recipe": self.recipe}
        return [{"trigger_run_id": self.run_id, "conf": conf}]


def ask(
    services: Services,
    *,
    reason: str,
    evidence: str = "",
    recipe: str = "",
    asked_by: str = _PLATFORM,
    in_cooldown: bool = False,
    run_id: str | None = None,
) -> AskOutcome:
    """Record a request for a retraining and say whether a run may start.

    Asking again with the same reason and evidence gets the run that was accepted for
    it: a task that is repeated after a crash starts the same run, not a second one.

    Args:
        services: Where the ledger and the settings are.
        reason: One of `REASONS`.
        evidence: Lake key of the report that asks; empty when there is none.
        recipe: Name of a recipe; empty takes `FEX_RETRAINING__RECIPE`.
        asked_by: A person's name, or the platform.
        in_cooldown: A person wants it although the last run is recent; the daily cap
            and a run under way refuse all the same.
        run_id: The run that asks for itself, because a person started it.

    Raises:
        ConfigurationError: The reason is none of the known ones.
    """
    if reason not in REASONS:
        raise ConfigurationError("reason", f"{reason!r} is none of {', '.join(REASONS)}")
    settings = services.settings.retraining
    request = services.ledger.retraining.ask(
        Ask(
            reason=reason,
            evidence=evidence,
            recipe=recipe or settings.recipe,
            asked_by=asked_by,
            run_id=run_id,
            in_cooldown=in_cooldown,
        ),
        cooldown_s=settings.cooldown_s,
        daily_cap=settings.daily_cap,
    )
    return _outcome(request)


def _outcome(request: RetrainingRequest) -> AskOutcome:
    refused = request.state is RequestState.REFUSED
    return AskOutcome(
        run_id=None if refused else request.run_id,
        why=request.why if refused else "",
        request_id=request.request_id,
        reason=request.reason,
        evidence=request.evidence,
        recipe=request.recipe,
    )
