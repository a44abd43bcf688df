"""Validate: the data-quality gate between extraction and inference."""

from __future__ import annotations

import json

from include.composition import Services
from include.contracts.errors import PermanentInputError
from include.contracts.extraction import EXTRACTION
from include.contracts.reasons import QuarantineCode
from include.lake import keys
from include.ledger.ledger import Recording, State
from include.pipeline.extract import adopt_finished
from include.pipeline.outcome import for_each_recording
from include.pipeline.scratch import working_folder
from include.quality.suite import ManifestToValidate, ValidationResult, validate_manifests


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
        "data_docs": services.lake.uri(f"{keys.data_docs(batch_id)}/index.html"),
    }


def read_result(services: Services, extraction_id: str) -> dict[str, object]:
    """The stored outcome of the suite for one extraction."""
    result: dict[str, object] = json.loads(
        services.lake.get_bytes(keys.validation_result(extraction_id))
    )
    return result


def _validate(
    services: Services, batch_id: str, names: dict[str, str]
) -> dict[str, ValidationResult]:
    if not names:
        return {}
    settings = services.settings
    with working_folder(services) as scratch:
        items = []
        for identity, name in names.items():
            path = scratch / f"{identity}.parquet"
            path.write_bytes(services.lake.get_bytes(keys.extraction_manifest(identity)))
            key = keys.extraction_marker(identity)
            extraction = EXTRACTION.read(services.lake.get_bytes(key), key)
            items.append(
                ManifestToValidate(
                    extraction_id=identity,
                    name=name,
                    manifest_path=path,
                    instants_expected=extraction.instants_expected,
                )
            )
        docs = scratch / "docs"
        results = validate_manifests(items, settings.validation, docs)
        services.lake.put_folder(keys.data_docs(batch_id), docs)
    for result in results:
        services.lake.put_bytes(
            keys.validation_result(result.extraction_id),
            json.dumps(result.to_json(), sort_keys=True).encode(),
        )
    return {result.extraction_id: result for result in results}


def _gate(recording: Recording, results: dict[str, ValidationResult]) -> None:
    result = results[recording.extraction_id or ""]
    if result.level == "error":
        raise PermanentInputError(
            QuarantineCode.DATA_QUALITY,
            f"{recording.recording!r} does not meet the data-quality rules: "
            + " ".join(result.failures),
            "Check that the respondent's face is visible and lit, then record or upload again.",
        )
