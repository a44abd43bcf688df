"""The data-quality gate on real manifests: what passes, what fails, and what it says."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from include.contracts.rows import MANIFEST
from include.contracts.validation import VALIDATION, ValidationResult
from include.quality.suite import ManifestToValidate, validate_manifests
from include.settings import ValidationSettings
from tests.unit.insights.recordings import manifest

INSTANTS = 40
Rows = list[dict[str, Any]]


def _set(index: int, **values: Any) -> Callable[[Rows], None]:
    return lambda rows: rows[index].update(values)


def _without(*indices: int) -> Callable[[Rows], None]:
    def change(rows: Rows) -> None:
        for index in sorted(indices, reverse=True):
            del rows[index]

    return change


def _second_face(**values: Any) -> Callable[[Rows], None]:
    return lambda rows: rows.insert(8, {**rows[7], "row_id": "0000007-01", **values})


BROKEN: dict[str, tuple[Callable[[Rows], None], str]] = {
    "row id twice": (_set(9, row_id="0000008-00"), "own row id"),
    "row id of another form": (_set(9, row_id="row 9"), "Row ids are the instant"),
    "instants go backwards": (_set(9, instant=3, target_s=3.0), "Instants do not go backwards"),
    "instant negative": (_set(0, instant=-1), "numbered from 0"),
    "targets repeat": (_set(9, target_s=8.0), "Target times rise"),
    "pts goes backwards": (_set(9, pts_s=7.9), "Presentation times do not go backwards"),
    "pts before its target": (_set(9, pts_s=8.9), "never earlier than its target"),
    "scene goes backwards": (_set(5, scene=2), "Scene numbers do not go backwards"),
    "half the targets missing": (_without(*range(20, 40)), "Every sampling target"),
    "unknown reason": (_set(9, reason="tired", shard=None), "one of the known codes"),
    "reason of the model": (_set(9, reason="low_confidence", shard=None), "known codes"),
    "crop in spite of a reason": (_set(9, reason="face_blurred"), "crop exactly when"),
    "no crop and no reason": (_set(9, shard=None), "crop exactly when"),
    "usable face without a box": (_set(9, box_x_px=None), "landmarks and measurements"),
    "usable face without landmarks": (_set(9, nose_x_px=None), "landmarks and measurements"),
    "usable face without a time": (_set(9, pts_s=None), "landmarks and measurements"),
    "box without width": (_set(9, box_width_px=0.0), "positive width"),
    "box with negative height": (_set(9, box_height_px=-2.0), "positive height"),
    "score above one": (_set(9, detector_score=1.2), "Detector scores"),
    "brightness above white": (_set(9, brightness=256.0), "Brightness"),
    "negative sharpness": (_set(9, blur=-1.0), "sharpness"),
    "turned further than a head": (_set(9, yaw_deg=120.0), "Head turn"),
    "roll of two turns": (_set(9, roll_deg=-700.0), "Roll is"),
    "the same face twice": (_second_face(), "list a face once"),
    "two times in one instant": (_second_face(face_id="f2", pts_s=7.9), "share its times"),
    "no face beside a face": (
        _second_face(face_id=None, reason="no_face", shard=None),
        "about the whole instant is alone",
    ),
}


@pytest.fixture(scope="module")
def docs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("docs")


def _item(folder: Path, table: pa.Table, *, number: int = 0, **changes: Any) -> ManifestToValidate:
    path = folder / f"{number}.parquet"
    pq.write_table(table, path)
    values = {"extraction_id": f"{number:032x}", "name": f"{number}.mp4", "manifest_path": path}
    return ManifestToValidate(**{**values, "instants_expected": INSTANTS, **changes})


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory, docs: Path) -> dict[str, ValidationResult]:
    """Every broken manifest, an unreadable one and a good one, judged in one call."""
    folder = tmp_path_factory.mktemp("broken")
    items = {}
    for number, (name, (change, _)) in enumerate(BROKEN.items()):
        rows = manifest(INSTANTS).to_pylist()
        change(rows)
        table = pa.Table.from_pylist(rows, schema=MANIFEST)
        items[name] = _item(folder, table, number=number, name=name)
    (folder / "text.parquet").write_text("not a table")
    items["unreadable"] = _item(
        folder, manifest(1), number=900, manifest_path=folder / "text.parquet"
    )
    items["missing file"] = _item(
        folder, manifest(1), number=901, manifest_path=folder / "nowhere.parquet"
    )
    items["good"] = _item(folder, manifest(INSTANTS, faces=2), number=902)
    results = validate_manifests(list(items.values()), ValidationSettings(), docs)
    return dict(zip(items, results, strict=True))


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_rule_refuses_the_recording_and_is_named(
    broken: dict[str, ValidationResult], name: str
) -> None:
    result = broken[name]
    assert result.level == "error"
    sentences = [sentence for sentence in result.failures if BROKEN[name][1] in sentence]
    assert len(sentences) == 1, result.failures
    assert re.search(r"expected .+, found .+\.$", sentences[0])


@pytest.mark.parametrize("name", ["unreadable", "missing file"])
def test_an_unreadable_manifest_is_an_error_of_its_own(
    broken: dict[str, ValidationResult], name: str
) -> None:
    assert broken[name].level == "error"
    assert "cannot be read" in broken[name].failures[0]


def test_failures_do_not_spread(broken: dict[str, ValidationResult]) -> None:
    good = broken["good"]
    assert (good.level, good.failures, good.usable_share) == ("ok", (), 1.0)
    assert good.statistics["faces"] == 2
    assert good.statistics["instants_present"] == INSTANTS


def test_results_are_written_and_read(broken: dict[str, ValidationResult]) -> None:
    for result in broken.values():
        assert VALIDATION.read(VALIDATION.write(result), "k") == result


def test_each_manifest_has_a_data_docs_page(
    broken: dict[str, ValidationResult], docs: Path
) -> None:
    index = (docs / "index.html").read_text()
    for name in BROKEN:
        page = broken[name].docs_page
        assert page is not None
        html = (docs / page).read_text()
        assert "Failed" in html
        assert Path(page).name.removesuffix(".html") in index
    assert broken["unreadable"].docs_page is None


def test_validating_again_replaces_the_same_page(tmp_path: Path) -> None:
    item = _item(tmp_path, manifest(INSTANTS))
    first = validate_manifests([item], ValidationSettings(), tmp_path / "docs")
    pages = sorted((tmp_path / "docs").rglob("*.html"))
    second = validate_manifests([item], ValidationSettings(), tmp_path / "docs")
    assert first == second
    assert sorted((tmp_path / "docs").rglob("*.html")) == pages


def _schema_cases() -> dict[str, tuple[pa.Table, str]]:
    table = manifest(5)
    as_text = table.set_column(
        table.schema.get_field_index("blur"), "blur", table["blur"].cast(pa.string())
    )
    reordered = table.select([*table.column_names[1:], table.column_names[0]])
    scene = table.schema.get_field_index("scene")
    holes = table.set_column(scene, "scene", pa.array([0, None, 0, 0, None], pa.int64()))
    return {
        "empty values": (holes, "column scene has 2 empty values"),
        "column missing": (table.drop_columns(["roll_deg"]), "columns are missing: roll_deg"),
        "column unknown": (table.append_column("mood", table["blur"]), "columns are unknown"),
        "type differs": (as_text, "column blur has type string, expected double"),
        "order differs": (reordered, "not in the agreed order"),
    }


def test_a_wrong_schema_is_the_one_thing_said(tmp_path: Path) -> None:
    cases = _schema_cases()
    items = [
        _item(tmp_path, table, number=number, instants_expected=5)
        for number, (table, _) in enumerate(cases.values())
    ]
    results = validate_manifests(items, ValidationSettings(), None)
    for result, (_, sentence) in zip(results, cases.values(), strict=True):
        assert result.level == "error"
        assert len(result.failures) == 1
        assert sentence in result.failures[0]
        assert result.docs_page is None


def test_levels_of_the_usable_share(tmp_path: Path) -> None:
    none = manifest(20, faces=0)
    some = manifest(20, faces=lambda instant: int(instant < 8))
    items = [
        _item(tmp_path, none, number=0, instants_expected=20),
        _item(tmp_path, some, number=1, instants_expected=20),
    ]
    lenient = validate_manifests(items, ValidationSettings(), None)
    assert [result.level for result in lenient] == ["warning", "warning"]
    assert [result.usable_share for result in lenient] == [0.0, 0.4]
    assert "at least 0.6, found 0.4" in lenient[1].failures[0]
    strict = ValidationSettings(usable_share_warning=0.3, usable_share_error=0.1)
    results = validate_manifests(items, strict, None)
    assert [result.level for result in results] == ["error", "ok"]
    # At the error level itself the recording is refused.
    edge = ValidationSettings(usable_share_warning=0.3, usable_share_error=0.4)
    assert validate_manifests(items[1:], edge, None)[0].level == "error"


def test_times_that_real_files_have_pass(tmp_path: Path) -> None:
    """A clock that begins at 1.4 s, gaps, a damaged frame, a frame more than promised."""
    rows = manifest(21, reasons={3: "gap", 7: "unreadable_frame", 9: "no_face"}).to_pylist()
    for row in rows:
        row["target_s"] += 1.4
        if row["pts_s"] is not None:
            row["pts_s"] += 1.4
    late = pa.Table.from_pylist(rows, schema=MANIFEST)
    items = [
        _item(tmp_path, late, number=0, instants_expected=20),
        _item(tmp_path, manifest(30), number=1, instants_expected=20),
        _item(tmp_path, manifest(0), number=2, instants_expected=1),
    ]
    results = validate_manifests(items, ValidationSettings(), None)
    assert [result.level for result in results] == ["ok", "warning", "error"]
    assert "no longer than its header says" in results[1].failures[0]


def test_hostile_names_stay_text(tmp_path: Path) -> None:
    name = "<script>alert(1)</script>/../../x\n.mp4"
    items = [
        _item(tmp_path, manifest(INSTANTS), number=0, name=name),
        _item(tmp_path, manifest(INSTANTS), number=1, name=name),
        _item(tmp_path, manifest(INSTANTS), number=1, name=name),
    ]
    docs = tmp_path / "docs"
    results = validate_manifests(items, ValidationSettings(), docs)
    assert len({result.docs_page for result in results}) == 2
    for page in docs.rglob("*.html"):
        assert page.resolve().is_relative_to(docs.resolve())
        assert "alert(1)" not in page.read_text()


def test_nothing_to_judge_costs_no_import() -> None:
    code = (
        "import sys; from include.quality.suite import validate_manifests;"
        "from include.settings import ValidationSettings;"
        "assert validate_manifests([], ValidationSettings(), None) == [];"
        "assert 'great_expectations' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
