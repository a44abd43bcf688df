"""Validate: the data-quality gate between extraction and inference."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
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
from include.pipeline.parts import of_part
from include.pipeline.scratch import working_folder
from include.quality.docs_pages import INDEX, render_index
from include.quality.suite import ManifestToValidate, validate_manifests


def run(
    services: Services, batch_id: str, part: Collection[int] | None = None
) -> dict[str, object]:
    """Run the suite on every extracted manifest of a part and publish its Data Docs.

    A recording that fails at the error level is quarantined; the others go on.
    """
    adopt_finished(services, batch_id, part)
    recordings = of_part(services, batch_id, part, State.EXTRACTED)
    results = _validate(services, batch_id, recordings)
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
    services: Services, batch_id: str, recordings: Sequence[Recording]
) -> dict[str, ValidationResult]:
    """Judge what no try before has; a try that ends early leaves all it judged, or nothing."""
    names = {item.extraction_id: item.recording for item in recordings if item.extraction_id}
    results: dict[str, ValidationResult] = {}
    _add_judged(services, batch_id, names, results)
    with working_folder(services) as scratch:
        items = [
            _item(services, scratch, identity, name)
            for identity, name in names.items()
            if identity not in results
        ]
        found = validate_manifests(items, services.settings.validation, scratch / "docs")
        # Pages before results: a result is only taken again with its page.
        if found:
            services.lake.put_folder(keys.data_docs(batch_id), scratch / "docs")
        for result in found:
            key = keys.validation_result(result.extraction_id)
            services.lake.write(VALIDATION, key, result)
            results[result.extraction_id] = result
    if results:
        _write_index(services, batch_id, dict(results))
    return results


def _write_index(services: Services, batch_id: str, listed: dict[str, ValidationResult]) -> None:
    """List what all parts of the batch judged so far, by name.

    Parts end side by side: whoever wrote looks again, so that the last to write has seen all.
    """
    batch = [item.extraction_id for item in services.ledger.recordings(batch_id)]
    _add_judged(services, batch_id, batch, listed)
    written = 0
    while len(listed) > written:
        written = len(listed)
        index = render_index(sorted(listed.values(), key=lambda result: result.docs_label or ""))
        services.lake.put_bytes(f"{keys.data_docs(batch_id)}/{INDEX}", index.encode())
        _add_judged(services, batch_id, batch, listed)


def _add_judged(
    services: Services,
    batch_id: str,
    identities: Iterable[str | None],
    known: dict[str, ValidationResult],
) -> None:
    """Add what was judged of these, what was refused too; without its page it is none."""
    docs = keys.data_docs(batch_id)
    pages = set(services.lake.list(f"{docs}/"))
    for identity in identities:
        if not pages or identity is None or identity in known:
            continue
        result = services.lake.find(VALIDATION, keys.validation_result(identity))
        if result and result.docs_label and f"{docs}/{result.docs_page}" in pages:
            known[identity] = result


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
