"""The data-quality gate between extraction and inference.

One call judges a batch, because importing Great Expectations costs seconds and
judging a manifest a quarter of one. A manifest that fails, or cannot be read,
never keeps the others from being judged.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from include.contracts.validation import ValidationResult
from include.quality.docs_pages import INDEX, render_index
from include.quality.sentences import failure_sentence
from include.quality.table import prepare, read_manifest
from include.settings import ValidationSettings

log = logging.getLogger(__name__)

UNREADABLE = "The manifest cannot be read: expected a Parquet table, found"


@dataclass(frozen=True, slots=True)
class ManifestToValidate:
    """One manifest and what is expected of it.

    Attributes:
        extraction_id: Identity of the extraction; names the Data Docs page.
        name: The recording's name, for people; any text.
        manifest_path: Local Parquet file, schema `MANIFEST`.
        instants_expected: Sampling targets that the recording's duration asks for.
    """

    extraction_id: str
    name: str
    manifest_path: Path
    instants_expected: int


def validate_manifests(
    items: Sequence[ManifestToValidate], settings: ValidationSettings, docs_dir: Path | None
) -> list[ValidationResult]:
    """Judge every manifest of a batch and write its Data Docs.

    Args:
        items: The manifests, each local; an extraction listed twice is judged once.
        settings: Levels of the gate.
        docs_dir: Local folder for the Data Docs site of this batch; None: no pages.

    Returns:
        One result per item, in the same order.
    """
    if not items:
        return []
    from include.quality.runner import SuiteRunner  # imports Great Expectations: seconds

    runner = SuiteRunner(settings, docs_dir)
    by_extraction = {item.extraction_id: item for item in items}
    results = {identity: _validate(runner, item) for identity, item in by_extraction.items()}
    runner.publish()
    if docs_dir is not None:
        index = render_index(list(results.values()))
        (docs_dir / INDEX).write_text(index, encoding="utf-8")
    return [results[item.extraction_id] for item in items]


def _validate(runner: Any, item: ManifestToValidate) -> ValidationResult:
    try:
        table = read_manifest(item.manifest_path)
    except (OSError, pa.ArrowException) as error:
        log.warning("manifest of extraction %s cannot be read: %s", item.extraction_id, error)
        return ValidationResult(
            extraction_id=item.extraction_id,
            level="error",
            failures=(f"{UNREADABLE} {type(error).__name__}.",),
        )
    frame = prepare(table, item.instants_expected)
    run = runner.run(
        extraction_id=item.extraction_id,
        name=item.name,
        frame=frame,
        instants_expected=item.instants_expected,
    )
    failed = [outcome for outcome in run.outcomes if not outcome["success"]]
    refused = any(_is_critical(outcome) for outcome in failed)
    return ValidationResult(
        extraction_id=item.extraction_id,
        level="error" if refused else "warning" if failed else "ok",
        failures=(
            *(f"The table is not a manifest: {sentence}." for sentence in frame.schema_differences),
            *(failure_sentence(outcome) for outcome in failed if not frame.schema_differences),
        ),
        usable_share=float(frame.statistics.get("usable_share", 0.0)),
        statistics=frame.statistics,
        rules_checked=len(run.outcomes),
        rules_failed=len(failed),
        docs_page=run.docs_page,
        docs_label=run.docs_label,
    )


def _is_critical(outcome: Mapping[str, Any]) -> bool:
    return str(outcome["expectation_config"].get("severity", "critical")) != "warning"
