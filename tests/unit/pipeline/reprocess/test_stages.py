"""A study analysed again: what appears, what stays, who is left out, what a kill leaves."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from include.contracts.errors import ConfigurationError, PlatformError, TransientError
from include.lake import keys
from include.lake.store import Lake
from include.ledger.reanalysis import ReanalysisBook
from include.pipeline.current import current
from include.pipeline.reprocess import begin, put_in_front, report, republish
from ml.registry.protocol import VersionStatus
from tests.unit.pipeline.reprocess.support import Made, names

Build = Callable[..., Made]
FIRST = ("s/a.mp4", "s/b.mp4")


def test_new_results_lie_beside_the_old_ones_which_stay_byte_for_byte(build: Build) -> None:
    made = build()
    rows = made.drop(*FIRST)
    before = made.bytes_of("published", "analyses", "extractions")
    made.advance(1)
    found = made.reprocess("r", study="s")

    after = made.bytes_of("published", "analyses", "extractions")
    assert {key: after[key] for key in before} == before
    added = sorted(after.keys() - before.keys())
    manifests = [key for key in added if key.endswith("/manifest.json")]
    assert len(manifests) == 2
    for key, row in zip(manifests, rows, strict=True):
        content = json.loads(after[key])
        assert content["model"]["sha256"] == made.new.sha256
        assert content["extraction_id"] == row.extraction_id
        assert content["reanalysis"]["beside"] == row.result_key
        assert set(content["files"]) == {
            other.rpartition("/")[2] for other in added if other.startswith(key[:-13])
        } - {"manifest.json"}
    assert [made.services.ledger.recording(row.id) for row in rows] == rows
    assert current(made.services.lake, "s", "a.mp4").prefix == rows[0].result_key
    assert found["model"] == {
        "name": made.new.name,
        "version": "2",
        "sha256": made.new.sha256,
    }
    [study] = found["studies"]
    assert (study["recordings"], study["respondents"], study["known"]) == (2, 2, 0)
    # 12 instants, one without a face; the first eight of the story turn from sadness to surprise.
    assert study["changed"]["value"] == pytest.approx(7 / 11, abs=1e-5)
    assert [item["in_front"] for item in found["recordings"]] == [False, False]


def test_a_second_run_finds_nothing_to_do_and_reports_the_same(build: Build) -> None:
    made = build()
    made.drop(*FIRST)
    first = made.reprocess("r1", study="s")
    before = made.bytes_of("published", "analyses")
    second = made.reprocess("r2", study="s")
    assert made.bytes_of("published", "analyses") == before
    assert second["recordings"] == first["recordings"]
    assert made.services.ledger.reanalyses.of_batch(second["batch_id"]) == []


def test_a_run_is_bounded_and_the_next_one_goes_on(build: Build) -> None:
    made = build(cap=2)
    made.drop("s/a.mp4", "s/b.mp4", "s/c.mp4")
    made.services.lake.delete_prefix(
        keys.extraction(
            made.services.ledger.reanalyses.scope("s", None, None)[0].recording.extraction_id
        )
    )
    one = made.reprocess("r1", study="s")
    assert (names(one["left_out"]), names(one["recordings"])) == (["a.mp4"], ["b.mp4"])
    assert names(one["remaining"]) == ["c.mp4"]
    two = made.reprocess("r2", study="s")
    # What cannot be done comes last and keeps nothing that can be done from its turn.
    assert sorted(names(two["recordings"])) == ["b.mp4", "c.mp4"]
    assert names(two["left_out"]) == ["a.mp4"]
    assert two["remaining"] == []


def test_what_cannot_be_done_is_named_and_the_others_go_on(build: Build) -> None:
    made = build()
    erased, damaged, refused, _ = made.drop("s/a.mp4", "s/b.mp4", "s/c.mp4", "s/d.mp4")
    lake = made.services.lake
    lake.delete_prefix(keys.extraction(erased.extraction_id))
    lake.put_bytes(keys.extraction_manifest(damaged.extraction_id), b"no parquet")
    made.unanswer(refused, made.new)
    found = made.reprocess("r", study="s")
    assert names(found["recordings"]) == ["d.mp4"]
    assert names(found["left_out"]) == ["a.mp4", "b.mp4", "c.mp4"]
    first, second, third = (item["why"] for item in found["left_out"])
    assert "no longer in the lake" in first
    assert "is damaged" in second
    assert "were not answered" in third
    page = lake.get_bytes(keys.reprocess("r", report.PAGE)).decode()
    assert all(name in page for name in ("a.mp4", "d.mp4", "no longer in the lake"))


def test_a_fault_for_now_holds_up_one_and_a_retry_ends_it(
    build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = build()
    made.drop(*FIRST)
    begin.run(made.services, "r", study="s")
    real = republish.publish_recording

    def failing(services, batch, recording, *rest, **more):
        if recording.recording == "a.mp4":
            raise TransientError("the lake failed")
        return real(services, batch, recording, *rest, **more)

    monkeypatch.setattr(republish, "publish_recording", failing)
    with pytest.raises(TransientError, match=r"a\.mp4"):
        republish.run(made.services, "r")
    with pytest.raises(PlatformError, match=r"s/a\.mp4"):
        report.run(made.services, "r")
    found = made.report("r")
    assert names(found["unfinished"]) == ["a.mp4"]
    assert "the lake failed" in found["unfinished"][0]["why"]
    assert names(found["recordings"]) == ["b.mp4"]
    monkeypatch.setattr(republish, "publish_recording", real)
    assert republish.run(made.services, "r") == {"published": 1, "left_out": 0}
    report.run(made.services, "r")
    assert made.report("r")["unfinished"] == []


def test_readers_are_given_results_of_approved_versions_only(build: Build) -> None:
    made = build()
    made.drop(*FIRST)
    with pytest.raises(ConfigurationError, match="PendingManualApproval"):
        begin.run(made.services, "r", study="s", make_current=True)
    made.shelf.approve("2")
    begin.run(made.services, "r", study="s", make_current=True)
    republish.run(made.services, "r")
    made.shelf.approve("2", VersionStatus.REJECTED)
    with pytest.raises(ConfigurationError, match="Rejected"):
        put_in_front.run(made.services, "r")
    with pytest.raises(PlatformError, match="put_in_front"):
        report.run(made.services, "r")
    assert current(made.services.lake, "s", "a.mp4").model_version == "1"


def test_readers_are_given_the_new_results_and_the_old_ones_back(build: Build) -> None:
    made = build()
    made.drop(*FIRST)
    made.reprocess("r1", study="s")
    made.shelf.approve("2")
    made.advance(1)
    found = made.reprocess("r2", study="s", make_current=True)
    assert [item["in_front"] for item in found["recordings"]] == [True, True]
    lake = made.services.lake
    assert current(lake, "s", "a.mp4").model_version == "2"
    before = made.bytes_of("published")
    made.advance(1)
    back = made.reprocess("r3", study="s", model="1", make_current=True)
    after = made.bytes_of("published")
    assert current(lake, "s", "a.mp4").model_version == "1"
    assert {key: after[key] for key in before} == before
    assert all("/current/" in key for key in after.keys() - before.keys())
    assert [item["models"] for item in back["recordings"]] == [["2", "1"], ["2", "1"]]


def test_a_newer_upload_is_not_hidden(build: Build) -> None:
    made = build()
    made.drop(*FIRST)
    made.shelf.approve("2")
    begin.run(made.services, "r", study="s", make_current=True)
    republish.run(made.services, "r")
    made.advance(1)
    [newer] = made.drop("s/a.mp4", content="second")
    assert put_in_front.run(made.services, "r") == {"in_front": 1, "newer_upload": 1}
    report.run(made.services, "r")
    assert current(made.services.lake, "s", "a.mp4").prefix == newer.result_key
    assert current(made.services.lake, "s", "b.mp4").model_version == "2"


class KilledError(BaseException):
    """The process ends here."""


def test_killed_after_every_single_write_a_run_ends_the_same(
    build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = build()
    made.drop("s/a.mp4")
    made.shelf.approve("2")
    old = made.bytes_of("published", "analyses", "extractions")
    killed_after: set[tuple[str, str]] = set()

    def kill_once_after(owner: type, name: str) -> None:
        real = getattr(owner, name)

        def wrapped(self, what, *arguments, **named):
            done = real(self, what, *arguments, **named)
            if (name, what) not in killed_after:
                killed_after.add((name, what))
                raise KilledError
            return done

        monkeypatch.setattr(owner, name, wrapped)

    for name in ("put_bytes", "put_file", "put_if_absent"):
        kill_once_after(Lake, name)
    for name in ("open", "mark_published", "mark_in_front"):
        kill_once_after(ReanalysisBook, name)
    lives = 1
    while True:
        try:
            made.reprocess("r", study="s", make_current=True)
        except KilledError:
            lives += 1
            assert lives < 40
        else:
            break
    # Request, batch, predictions, five files, manifest, ledger, choice, ledger, two of the report.
    assert lives > 14
    [entry] = made.services.ledger.reanalyses.of_batch(made.report("r")["batch_id"])
    found = made.bytes_of("published", "analyses", "extractions")
    assert {key: found[key] for key in old} == old
    assert current(made.services.lake, "s", "a.mp4").prefix == entry.result_key
    choices = [key for key in found if "/current/" in key]
    assert len(choices) == 2
    assert sum(key.endswith("manifest.json") for key in found) == 2


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ({}, "name a study"),
        ({"study": "nobody"}, "studies with results: 's'"),
        ({"since": "2030-01-01"}, "nothing was published"),
        ({"since": "yesterday"}, "no day"),
        ({"since": "2026-03-02", "until": "2026-03-01"}, "before"),
        ({"study": "s", "model": "9"}, r"1 \(champion, Approved\); 2 \(challenger"),
    ],
)
def test_a_form_that_asks_for_what_is_not_there_is_refused(
    build: Build, form: dict[str, str], words: str
) -> None:
    made = build()
    made.drop("s/a.mp4")
    with pytest.raises(ConfigurationError, match=words):
        begin.run(made.services, "r", **form)
    assert made.services.ledger.reanalyses.opened("reprocess:r") is None


def test_the_window_holds_both_of_its_days(build: Build) -> None:
    made = build()
    made.drop("s/a.mp4")
    made.advance(1)
    made.drop("t/b.mp4")
    begin.run(made.services, "both", since="2026-03-02", until="2026-03-03", model="2")
    begin.run(made.services, "first", until="2026-03-02")
    begin.run(made.services, "second", since="2026-03-03")

    def chosen(run_id: str) -> list[str]:
        batch = made.services.ledger.reanalyses.opened(f"reprocess:{run_id}")
        entries = made.services.ledger.reanalyses.of_batch(batch.batch_id)
        return [entry.recording.recording for entry in entries]

    assert chosen("both") == ["a.mp4", "b.mp4"]
    assert (chosen("first"), chosen("second")) == (["a.mp4"], ["b.mp4"])


def test_respondents_are_the_unit_of_the_study(build: Build) -> None:
    made = build()
    made.drop("s/a.mp4", "s/b.mp4", "s/c.mp4")
    made.incoming("s/respondents.csv").write_text(
        "recording,respondent\na.mp4,P-0017\nb.mp4,P-0017\n"
    )
    found = made.reprocess("r", study="s")
    [study] = found["studies"]
    assert (study["respondents"], study["known"], study["changed"]["n"]) == (2, 1, 2)
    assert "P-0017" not in json.dumps(found)


def test_stages_of_a_run_that_was_not_opened_say_so(build: Build) -> None:
    made = build()
    for stage in (republish, put_in_front, report):
        with pytest.raises(PlatformError, match="begin"):
            stage.run(made.services, "r")


def test_results_from_before_there_were_choices(build: Build) -> None:
    made = build()
    [row] = made.drop("s/a.mp4")
    lake = made.services.lake
    lake.delete_prefix(keys.current_choices("s", "a.mp4"))
    assert current(lake, "s", "a.mp4").prefix == row.result_key
    made.advance(1)
    made.reprocess("r", study="s")
    assert current(lake, "s", "a.mp4").prefix == row.result_key
    assert current(lake, "s", "nobody.mp4") is None
