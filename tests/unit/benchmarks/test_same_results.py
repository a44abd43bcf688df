"""Two builds' files are held against each other by what a reader takes from them."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from benchmarks.same_results.__main__ import PAGE, read_outcome
from benchmarks.same_results.accepted import Accepted
from benchmarks.same_results.differences import MISSING, Compared, Difference, compare
from benchmarks.same_results.judging import Outcome, judge
from benchmarks.same_results.naming import files_of
from benchmarks.same_results.page import page

WHY = Accepted("rounded to five decimals", "*.json", place=r"rows\[\*\]\.share", within=1e-5)


def differences(tmp_path: Path, name: str, before: str, after: str) -> tuple[Difference, ...]:
    paths = []
    for build, text in (("before", before), ("after", after)):
        (tmp_path / build).mkdir(exist_ok=True)
        (tmp_path / build / name).write_text(text, encoding="utf-8")
        paths.append(files_of(tmp_path / build))
    (found,) = compare(*paths)
    return found.differences


def test_json_differs_by_path_and_not_by_order(tmp_path: Path) -> None:
    before = '{"a": 1, "rows": [{"x": 1.0}, {"x": 2.0}], "flag": true}'
    assert not differences(
        tmp_path, "a.json", before, '{"flag": true, "rows": [{"x": 1}, {"x": 2}], "a": 1}'
    )
    found = differences(tmp_path, "a.json", before, '{"a": 1, "rows": [{"x": 1.5}, {}], "flag": 1}')
    assert {(item.place, item.before, item.after) for item in found} == {
        ("rows[*].x", 1.0, 1.5),
        ("rows[*].x", 2.0, MISSING),
        ("rows[*]", MISSING, "{}"),
        ("flag", True, 1),
    }


def test_a_spreadsheet_differs_by_cell_and_column(tmp_path: Path) -> None:
    found = differences(
        tmp_path, "a.csv", "time,face\n1,f1\n2,f1\n", "time,face,who\n1,f1,A\n2,f2,\n"
    )
    places = sorted(item.place for item in found)
    assert places == ["columns", "rows[*].face", "rows[*].who", "rows[*].who"]


def test_a_table_differs_by_value_and_type(tmp_path: Path) -> None:
    for build, table in (
        ("before", {"x": pa.array([1.0, float("nan")]), "n": pa.array([1, 2], pa.int32())}),
        ("after", {"x": pa.array([1.0, float("nan")]), "n": pa.array([1, 3], pa.int64())}),
    ):
        (tmp_path / build).mkdir()
        pq.write_table(pa.table(table), tmp_path / build / "a.parquet")
    (found,) = compare(files_of(tmp_path / "before"), files_of(tmp_path / "after"))
    assert sorted((item.place, item.before) for item in found.differences) == [
        ("rows[*].n", 2),
        ("type of n", "int32"),
    ]


def test_a_page_is_compared_by_the_words_people_see(tmp_path: Path) -> None:
    before = "<style>p{}</style><h1>Report</h1><p>Share <b>12 %</b> of 40 rows</p><p>End</p>"
    restyled = (
        "<script>x()</script><main><h1 class=a>Report</h1><div>Share</div>"
        "<div>12&nbsp;% of <i>40</i> rows</div><footer>End</footer></main>"
    )
    assert not differences(tmp_path, "a.html", before, restyled)
    (found,) = differences(tmp_path, "a.html", before, restyled.replace("12", "13"))
    assert (found.place, found.before, found.after) == ("text", "12", "13")


def test_a_file_that_only_one_build_wrote_differs(tmp_path: Path) -> None:
    (tmp_path / "a.bin").write_bytes(b"1")
    (found,) = compare({}, files_of(tmp_path))
    assert found.differences == (Difference("the whole file", MISSING, "written"),)


def test_files_are_found_again_whatever_hash_they_lie_under(tmp_path: Path) -> None:
    for build, extraction, analysis in (
        ("before", "a1" * 16, "b2" * 16),
        ("after", "cd" * 16, "ef" * 16),
    ):
        folder = tmp_path / build / "extractions" / extraction
        folder.mkdir(parents=True)
        marker = {"extraction_id": extraction, "video_id": "9f" * 32}
        (folder / "extraction.json").write_text(json.dumps(marker))
        folder = tmp_path / build / "published" / "film" / analysis
        folder.mkdir(parents=True)
        marker = {"analysis_id": analysis, "recording": "anna.mp4"}
        (folder / "manifest.json").write_text(json.dumps(marker))
    assert set(files_of(tmp_path / "before")) == {
        "extractions/extraction of 9f9f9f9f/extraction.json",
        "published/film/analysis of anna.mp4/manifest.json",
    }


def test_two_files_of_one_name_are_not_mixed_up(tmp_path: Path) -> None:
    for number in "12":
        (tmp_path / (number * 32)).write_text("a")
    with pytest.raises(ValueError, match="both be compared as ID"):
        files_of(tmp_path)


def test_what_nobody_gave_a_reason_for_is_refused() -> None:
    near = Difference("rows[*].share", 0.1234567, 0.12346)
    far = Difference("rows[*].share", 0.1234567, 0.2)
    found = judge(
        [Compared("a.json", (near,)), Compared("b.json", (near, far)), Compared("c.json", ())],
        before="1",
        after="2",
        people=0,
        accepted=(WHY, Accepted("words", "*.html", text="a -> .*")),
    )
    assert [(group.before, group.reason) for group in found.refused] == [("0.1234567", None)]
    assert [(kind.equal, kind.changed, kind.refused) for kind in found.kinds] == [
        (0, 1, 0),
        (0, 0, 1),
        (1, 0, 0),
    ]
    assert found.unseen == ("words",)
    assert Outcome.of(json.loads(json.dumps(found, default=vars_of))) == found


def test_words_are_accepted_by_what_they_became() -> None:
    words = Accepted("brackets", "*.html", text=r"\[(.+), (.+)\] -> \(\1 to \2\)")
    changed = [
        Compared("report/a.html", (Difference("text", "[1, 2]", "(1 to 2)"),)),
        Compared("report/b.html", (Difference("text", "[1, 2]", "(1 to 3)"),)),
    ]
    found = judge(changed, before="1", after="2", people=0, accepted=(words,))
    assert [(group.kind, group.after) for group in found.refused] == [("report/b.html", "(1 to 3)")]


def test_a_field_with_words_is_accepted_by_both() -> None:
    version = Accepted("raised", "*.json", "version", "2 -> 3")
    changed = [
        Compared("audit/a.json", (Difference("version", 2, 3),)),
        Compared("audit/b.json", (Difference("version", 2, 4),)),
    ]
    found = judge(changed, before="1", after="2", people=0, accepted=(version,))
    assert [(group.kind, group.after) for group in found.refused] == [("audit/b.json", "4")]


def test_the_page_says_what_was_found_last() -> None:
    assert PAGE.read_text() == page(read_outcome())


def vars_of(item: object) -> object:
    return {name: getattr(item, name) for name in item.__slots__}  # type: ignore[attr-defined]
