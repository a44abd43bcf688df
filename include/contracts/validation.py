"""What the data-quality gate says of one manifest: `validations/{extraction_id}/result.json`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from include.contracts.documents import Form

Level = Literal["ok", "warning", "error"]


@dataclass(frozen=True, slots=True)
class ValidationResult:
    """What the suite says about one manifest.

    Attributes:
        extraction_id: Whose manifest.
        level: "error" refuses the recording, "warning" publishes it with the sentences.
        failures: One sentence per failed rule: what was expected, what was found.
        usable_share: Instants with a usable face against instants present, 0..1.
        statistics: Counts and ranges; empty when nothing could be read.
        rules_checked: Expectations that were evaluated.
        rules_failed: How many of them were not met; None from versions that did not count.
        docs_page: Path of the page inside the Data Docs of its batch; None when none was made.
        docs_label: Name of the manifest on those pages.
    """

    extraction_id: str
    level: Level
    failures: tuple[str, ...] = ()
    usable_share: float = 0.0
    statistics: dict[str, Any] = field(default_factory=dict)
    rules_checked: int = 0
    rules_failed: int | None = None
    docs_page: str | None = None
    docs_label: str | None = None


VALIDATION = Form(ValidationResult)
