"""The gate of a batch: what a try before judged is kept, and every manifest is on its index."""

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
from include.pipeline import validate
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


def _judged_twice(services: Services, batch_id: str, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Let the store fail after the second part of two, then try again; sizes judged each time."""
    sizes: list[int] = []
    real, put_folder = validate.validate_manifests, services.lake.put_folder

    def counted(items: list[object], *rest: object) -> list[ValidationResult]:
        sizes.append(len(items))
        return real(items, *rest)  # type: ignore[arg-type]

    def failing(prefix: str, folder: Path) -> None:
        if len(sizes) == 2:
            raise TransientError("the store is away")
        put_folder(prefix, folder)

    monkeypatch.setattr(validate, "AT_A_TIME", 2)
    monkeypatch.setattr(validate, "validate_manifests", counted)
    monkeypatch.setattr(type(services.lake), "put_folder", lambda _, *rest: failing(*rest))
    with pytest.raises(TransientError, match="away"):
        validate.run(services, batch_id)
    validate.run(services, batch_id)
    return sizes


def test_a_try_again_judges_only_what_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    services, batch_id = _batch(tmp_path)
    # Two and two judged, the second two lost; then these two and the one that is left.
    assert _judged_twice(services, batch_id, monkeypatch) == [2, 2, 2, 1]
    states = [item.state for item in services.ledger.recordings(batch_id)]
    assert states == [State.QUARANTINED, *[State.EXTRACTED] * (COUNT - 1)]


def test_the_index_lists_what_any_try_judged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    services, batch_id = _batch(tmp_path)
    _judged_twice(services, batch_id, monkeypatch)
    validate.run(services, batch_id)  # once more, when one is quarantined already
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
