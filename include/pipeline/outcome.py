"""Running one stage over many recordings so that one bad video never fails its batch."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from include.composition import Services
from include.contracts.errors import PermanentInputError, TransientError
from include.ledger.ledger import Recording
from include.pipeline.quarantine import quarantine_recording

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Outcome:
    """What became of the recordings a stage worked on."""

    done: int = 0
    quarantined: int = 0
    deferred: list[str] = field(default_factory=list)
    """Recordings that met a transient fault, as sentences."""

    @classmethod
    def sum(cls, outcomes: Iterable[Outcome]) -> Outcome:
        """Return the outcome of all recordings together."""
        total = cls()
        for outcome in outcomes:
            total.done += outcome.done
            total.quarantined += outcome.quarantined
            total.deferred += outcome.deferred
        return total

    def summary(self) -> dict[str, int]:
        """Counts for XCom and the task log."""
        return {
            "done": self.done,
            "quarantined": self.quarantined,
            "deferred": len(self.deferred),
        }

    def raise_deferred(self) -> None:
        """Ask for a retry when some recordings met a transient fault.

        Raises:
            TransientError: Names every recording that is left.
        """
        if self.deferred:
            raise TransientError("; ".join(self.deferred))


def for_each_recording(
    services: Services, recordings: Iterable[Recording], work: Callable[[Recording], None]
) -> Outcome:
    """Apply `work` to each recording; quarantine permanent faults, collect all others.

    An original that is gone counts as transient: it may be uploaded again, and
    settles as failed when it is not. An unforeseen error is a defect of ours
    met on one recording: it is logged with its traceback, the others go on.
    """
    outcome = Outcome()
    for recording in recordings:
        try:
            work(recording)
        except PermanentInputError as error:
            log.warning("quarantined %r: %s", recording.key, error)
            quarantine_recording(services.lake, services.ledger, recording, error)
            outcome.quarantined += 1
        except (TransientError, FileNotFoundError) as error:
            log.warning("will retry %r: %s", recording.key, error)
            outcome.deferred.append(f"{recording.key!r}: {error}")
        except Exception as error:
            log.exception("unforeseen error on %r", recording.key)
            outcome.deferred.append(f"{recording.key!r}: {type(error).__name__}: {error}")
        else:
            outcome.done += 1
    return outcome
