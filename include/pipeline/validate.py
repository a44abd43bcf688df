"""Validate: the data-quality gate between extraction and inference."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path

from include.composition import Services
from include.contracts.errors import PermanentInputError
from include.contracts.extraction import EXTRACTION
from include.contracts.reasons import QuarantineCode
from include.contracts.validation import VALIDATION, ValidationResult
from include.lake import keys
from include.ledger.ledger import Recording, State
from include.pipeline.extract import adopt_finished
from include.pipeline.outcome import for_each_recording
from include.pipeline.scratch import working_folder
from include.quality.docs_pages import INDEX, render_index
from include.quality.suite import ManifestToValidate, validate_manifests

log = logging.getLogger(__name__)

AT_A_TIME = 25
"""Manifests: about six seconds of work that a lost worker takes with it."""


def run(services: Services, batch_id: str) -> dict[str, object]:
    """Run the suite on every extracted manifest and publish its Data Docs.

    A recording that fails at the error level is quarantined; the others go on.
    """
    adopt_finished(services, batch_id)
    recordings = services.ledger.recordings(batch_id, states=(State.EXTRACTED,))
    names = {
        recording.extraction_id: recording.recording
        for recording in recordings
        if recording.extraction_id
    }
    results = _validate(services, batch_id, names)
    outcome = for_each_recording(services, recordings, lambda item: _gate(item, results))
    levels = [result.level for result in results.values()]
    return {
        **outcome.summary(),
        "warnings": levels.count("warning"),
        "data_docs": services.lake.uri(f"{keys.data_docs(batch_id)}/{INDEX}"),
    }


def read_result(services: Services, extraction_id: str) -> ValidationResult:
    """The stored outcome of the suite for one extraction.

    Raises:
        FileNotFoundError: It was never judged.
        DocumentError: What is stored is no such outcome.
    """
    return services.lake.read(VALIDATION, keys.validation_result(extraction_id))


def _validate(
    services: Services, batch_id: str, names: dict[str, str]
) -> dict[str, ValidationResult]:
    """Judge what is not yet, some at a time: a try that ends early leaves what it judged."""
    if not names:
        return {}
    results = _judged_before(services, batch_id)
    left = [identity for identity in names if identity not in results]
    with working_folder(services) as scratch:
        docs = scratch / "docs"
        for start in range(0, len(left), AT_A_TIME):
            part = [
                _item(services, scratch, identity, names[identity])
                for identity in left[start : start + AT_A_TIME]
            ]
            found = validate_manifests(part, services.settings.validation, docs)
            # Pages before results: a result is only taken again with its page.
            services.lake.put_folder(keys.data_docs(batch_id), docs)
            for result in found:
                key = keys.validation_result(result.extraction_id)
                services.lake.write(VALIDATION, key, result)
                results[result.extraction_id] = result
            shutil.rmtree(docs)
            log.info("%d of %d manifests judged", min(start + AT_A_TIME, len(left)), len(left))
    index = render_index(list(results.values()))
    services.lake.put_bytes(f"{keys.data_docs(batch_id)}/{INDEX}", index.encode())
    return results


def _judged_before(services: Services, batch_id: str) -> dict[str, ValidationResult]:
    """Return what a try before judged, what it refused too; without its page it is none."""
    pages = set(services.lake.list(f"{keys.data_docs(batch_id)}/"))
    found = {}
    for recording in services.ledger.recordings(batch_id) if pages else ():
        if recording.extraction_id is None:
            continue
        result = services.lake.find(VALIDATION, keys.validation_result(recording.extraction_id))
        if result is None or result.docs_label is None:
            continue
        if f"{keys.data_docs(batch_id)}/{result.docs_page}" in pages:
            found[result.extraction_id] = result
    return found


def _item(services: Services, scratch: Path, identity: str, name: str) -> ManifestToValidate:
    path = scratch / f"{identity}.parquet"
    path.write_bytes(services.lake.get_bytes(keys.extraction_manifest(identity)))
    extraction = services.lake.read(EXTRACTION, keys.extraction_marker(identity))
    return ManifestToValidate(
        extraction_id=identity,
        name=name,
        manifest_path=path,
        instants_expected=extraction.instants_expected,
    )


def _gate(recording: Recording, results: dict[str, ValidationResult]) -> None:
    result = results[recording.extraction_id or ""]
    if result.level == "error":
        raise PermanentInputError(
            QuarantineCode.DATA_QUALITY,
            f"{recording.recording!r} does not meet the data-quality rules: "
            + " ".join(result.failures),
            "Check that the respondent's face is visible and lit, then record or upload again.",
        )
