"""Where the ledger and the store say different things about recordings."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING

from include.contracts.documents import DocumentError
from include.contracts.identity import slug
from include.contracts.published import PUBLISHED_MANIFEST
from include.lake import keys
from include.ledger.models import FINAL, Recording, State

if TYPE_CHECKING:
    from include.composition import Services

_ANALYSIS_PARTS = 4
"""published/{study}/{recording}/{analysis}"""
_CURRENT = "current"
"""Beside the analyses: which of them readers take."""


def contradictions(services: Services, recording_ids: Collection[int]) -> list[str]:
    """Return what is wrong with recordings that have reached an end, in words; empty is right.

    A published recording has exactly one result, the one that the ledger names, with every
    file of its manifest. Any other has none, and says why.
    """
    rows = [row for row in services.ledger.with_ids(recording_ids) if row.state in FINAL]
    by_study: dict[str, list[Recording]] = defaultdict(list)
    for row in rows:
        by_study[row.study].append(row)
    told: list[str] = []
    for study, found in by_study.items():
        stored = _stored(services, study)
        for row in found:
            results = stored.get(f"{keys.PUBLISHED}/{slug(study)}/{slug(row.recording)}", {})
            told += [f"{study}/{row.recording} {words}" for words in _wrong(services, row, results)]
    return told


def _stored(services: Services, study: str) -> Mapping[str, Mapping[str, set[str]]]:
    """Return file names by result and recording."""
    found: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for key in services.lake.list(f"{keys.PUBLISHED}/{slug(study)}"):
        parts = key.split("/")
        if len(parts) == _ANALYSIS_PARTS + 1 and parts[3] != _CURRENT:
            found["/".join(parts[:3])]["/".join(parts[:4])].add(parts[4])
    return found


def _wrong(
    services: Services, row: Recording, results: Mapping[str, Collection[str]]
) -> Iterator[str]:
    whole = [prefix for prefix, names in results.items() if keys.PUBLISHED_MANIFEST in names]
    yield from (f"has half a result: {prefix}" for prefix in results.keys() - set(whole))
    if row.state is not State.PUBLISHED:
        if whole:
            yield f"is {row.state} and has results: {', '.join(sorted(whole))}"
        if not row.reason_code:
            yield f"is {row.state} and does not say why"
        return
    if whole != [row.result_key]:
        yield f"has the results {sorted(whole)}, the ledger names {row.result_key}"
        return
    key = f"{whole[0]}/{keys.PUBLISHED_MANIFEST}"
    try:
        manifest = services.lake.read(PUBLISHED_MANIFEST, key)
    except DocumentError as error:
        yield f"has a manifest that is none: {error}"
        return
    for name in manifest.files.keys() - set(results[whole[0]]):
        yield f"lacks {name}"
    source = manifest.source
    if source is None or (source.uri, source.version) != (row.uri, row.version):
        yield "was published from other bytes"
