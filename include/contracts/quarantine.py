"""Why something was set aside: written for whoever dropped it."""

from __future__ import annotations

from dataclasses import dataclass

from include.contracts.documents import Form
from include.contracts.errors import PermanentInputError


@dataclass(frozen=True, slots=True)
class Original:
    """What was dropped, as it lies there still.

    Attributes:
        uri: Absolute.
        key: In the lake, as people chose it.
        version: Which version of it.
        size_bytes: Of that version.
        first_seen_at: ISO 8601, aware; None for a file of labels.
    """

    uri: str
    key: str
    version: str
    size_bytes: int
    first_seen_at: str | None = None


@dataclass(frozen=True, slots=True)
class QuarantineReason:
    """Why, and what to do.

    Attributes:
        code: A `QuarantineCode`.
        sentence: What is wrong.
        what_to_do: In one sentence.
        original: What was dropped.
        quarantined_at: ISO 8601, aware.
        study: Of a recording, as people wrote it; None for a file of labels.
        recording: Likewise.
    """

    code: str
    sentence: str
    what_to_do: str
    original: Original
    quarantined_at: str
    study: str | None = None
    recording: str | None = None

    @classmethod
    def of(
        cls,
        error: PermanentInputError,
        original: Original,
        at: str,
        *,
        study: str | None = None,
        recording: str | None = None,
    ) -> QuarantineReason:
        """Return what a refusal says."""
        return cls(str(error.code), error.sentence, error.remedy, original, at, study, recording)


QUARANTINE_REASON = Form(QuarantineReason)
