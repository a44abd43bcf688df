"""The gate of a batch in parts: what was judged is kept, and every manifest is on its index."""

from __future__ import annotations

import io
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from include.composition import Services
from include.contracts.errors import TransientError
from include.contracts.identity import stable_hash
from include.contracts.reasons import RowReason
from include.contracts.validation import ValidationResult
from include.lake import keys
from include.ledger.models import State
from include.pipeline import parts, validate
from include.settings import DiscoverySettings, ValidationSettings
from tests.fakes.home import services_in
from tests.fakes.manifests import extraction_bytes
from tests.unit.insights.recordings import manifest

SECONDS = 12
COUNT = 5


def _batch(home: Path) -> tuple[Services, str]:
    """A batch of five extractions; the face of the first is never usable."""
    services = services_in(
        home,
        discovery=DiscoverySettings(stable_for_s=0.0),
        validation=ValidationSettings(usable_share_error=0.1),
    )
    folder = Path(services.lake.uri(keys.INCOMING).removeprefix("file://")) / "study"
    folder.mkdir(parents=True)
    for number in range(COUNT):
        (folder / f"{number}.mp4").write_text(f"{number}")
    ledger, lake = services.ledger, services.lake
    ledger.observe(lake.list_incoming(), ledger.clock())
    [batch_id] = ledger.claim("run", ledger.clock(), services.settings.discovery)
    for number, item in enumerate(ledger.recordings(batch_id)):
        identity = stable_hash({"key": item.key})
        reasons = dict.fromkeys(range(SECONDS), RowReason.NO_FACE.value) if not number else {}
        sink = io.BytesIO()
        pq.write_table(manifest(SECONDS, reasons=reasons), sink)
        lake.put_bytes(keys.extraction_manifest(identity), sink.getvalue())
        lake.put_bytes(
            keys.extraction_marker(identity),
            extraction_bytes(float(SECONDS), instants_expected=SECONDS),
        )
        ledger.identify(item.id, video_id=identity * 2, extraction_id=identity)
        ledger.mark_extracted(item.id)
    return services, batch_id


def _in_parts(
    services: Services, batch_id: str, monkeypatch: pytest.MonkeyPatch
) -> tuple[list[list[int]], list[int]]:
    """Judge five in parts of one, two and two; the store fails the second part's first try.

    Returns:
        The parts, and how many were judged at each try.
    """
    sizes: list[int] = []
    real, put_folder = validate.validate_manifests, services.lake.put_folder

    def counted(items: list[object], *rest: object) -> list[ValidationResult]:
        sizes.append(len(items))
        return real(items, *rest)  # type: ignore[arg-type]

    def failing(prefix: str, folder: Path) -> None:
        if len(sizes) == 2:
            raise TransientError("the store is away")
        put_folder(prefix, folder)

    monkeypatch.setattr(parts, "PART_LENGTH", 2)
    monkeypatch.setattr(validate, "validate_manifests", counted)
    monkeypatch.setattr(type(services.lake), "put_folder", lambda _, *rest: failing(*rest))
    divided = parts.parts_of(services, batch_id)
    validate.run(services, batch_id, divided[0])
    with pytest.raises(TransientError, match="away"):
        validate.run(services, batch_id, divided[1])
    for part in divided[1:]:
        validate.run(services, batch_id, part)
    return divided, sizes


def _check_index(services: Services, batch_id: str) -> None:
    docs = keys.data_docs(batch_id)
    index = services.lake.get_bytes(f"{docs}/index.html").decode()
    results = [
        validate.read_result(services, item.extraction_id or "")
        for item in services.ledger.recordings(batch_id)
    ]
    assert [result.level for result in results] == ["error", *["ok"] * (COUNT - 1)]
    for result in results:
        assert f'<a href="{result.docs_page}">{result.docs_label}</a>' in index
        assert services.lake.exists(f"{docs}/{result.docs_page}")
    for suite in ("manifest", "manifest_schema"):
        assert f"expectations/{suite}.html" in index
        assert services.lake.exists(f"{docs}/expectations/{suite}.html")


def test_a_part_judges_its_own_and_a_try_again_what_was_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    services, batch_id = _batch(tmp_path)
    divided, sizes = _in_parts(services, batch_id, monkeypatch)
    assert [len(part) for part in divided] == [1, 2, 2]
    assert [number for part in divided for number in part] == [
        item.id for item in services.ledger.recordings(batch_id)
    ]
    assert sizes == [1, 2, 2, 2]
    states = [item.state for item in services.ledger.recordings(batch_id)]
    assert states == [State.QUARANTINED, *[State.EXTRACTED] * (COUNT - 1)]
    validate.run(services, batch_id, divided[1])  # cleared and run again
    assert sizes[4:] == [0]


def test_the_index_lists_what_any_part_judged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    services, batch_id = _batch(tmp_path)
    _in_parts(services, batch_id, monkeypatch)
    _check_index(services, batch_id)


def test_an_index_that_another_part_wrote_meanwhile_is_not_put_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first part is about to write its index; the second ends in between."""
    services, batch_id = _batch(tmp_path)
    monkeypatch.setattr(parts, "PART_LENGTH", 3)
    divided = parts.parts_of(services, batch_id)
    put_bytes, waiting = services.lake.put_bytes, [divided[1]]

    def overtaken(key: str, data: bytes) -> None:
        if key.endswith("index.html") and waiting:
            validate.run(services, batch_id, waiting.pop())
        put_bytes(key, data)

    monkeypatch.setattr(type(services.lake), "put_bytes", lambda _, *rest: overtaken(*rest))
    validate.run(services, batch_id, divided[0])
    assert not waiting
    _check_index(services, batch_id)


def test_a_batch_is_divided_evenly_and_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    services, batch_id = _batch(tmp_path)
    for length, expected in {20: [5], 5: [5], 4: [2, 3], 1: [1] * 5}.items():
        monkeypatch.setattr(parts, "PART_LENGTH", length)
        assert [len(part) for part in parts.parts_of(services, batch_id)] == expected
    assert parts.parts_of(services, "no such batch") == []
