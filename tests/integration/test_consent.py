"""Consent through the real gate and stages: what is decoded, what is read, what is taken out."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from include.lake import keys
from include.ledger.ledger import State
from include.pipeline import extract, intake, open_batch, probe, published
from include.pipeline.current import current
from include.pipeline.drift import figures
from include.pipeline.erasure import stage as erasure
from include.pipeline.labelling import intake as label_intake
from include.pipeline.labelling import queue, tables
from include.pipeline.labelling.records import read_record, read_standing_draws
from include.pipeline.publish import run as publish
from tests.integration.conftest import Pipeline, make_pipeline
from tests.integration.loop_lake import answers_csv, at, drop_answers, drop_week, loop_pipeline
from tests.media.make_media import good_video

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]

FIRST = datetime(2026, 3, 2, 9, tzinfo=UTC)
DRAWN = FIRST + timedelta(days=2)
HEADER = "recording;respondent;consent;consent_at;consent_withdrawn_at\r\n"


def _declare(pipeline: Pipeline, study: str, text: str) -> None:
    (pipeline.incoming / study / "respondents.csv").write_bytes(text.encode("utf-16"))


class _Registry:
    """No model is registered: the latest results count."""

    def get_by_alias(self, *_: str) -> None:
        return None


def test_a_withdrawal_takes_a_recording_out_of_everything_that_is_read(tmp_path: Path) -> None:
    pipeline = loop_pipeline(tmp_path)
    services = at(pipeline, FIRST)
    drop_week(pipeline, "Spot ä", people=3, seconds=3)
    consented = "".join(f"R0{n};P{n};v2;01.03.2026;{{{n}}}\r\n" for n in range(3))
    _declare(pipeline, "Spot ä", HEADER + consented.format("", "", ""))
    (pipeline.incoming / "Spot ä" / "study.yaml").write_text(
        "purpose: market_research\nconsent: required\n"
    )
    batches = pipeline.run("first")
    assert {item.state for item in pipeline.recordings(batches).values()} == {State.PUBLISHED}
    services = at(pipeline, DRAWN)
    figures.collect(services, FIRST.date(), FIRST.date())
    queue_id = queue.run(services, "draw", registry=_Registry())["queue_id"]  # type: ignore[arg-type]
    draw = read_record(services.lake, queue_id)
    assert draw is not None
    assert {item.instant.recording for item in draw.selected} == {"r00.mp4", "r01.mp4", "r02.mp4"}
    drop_answers(pipeline, "answers.csv", answers_csv(draw, lambda *_: "neutral"))
    services = at(pipeline, datetime.now(UTC) + timedelta(hours=1))
    label_intake.run(services)
    assert _labelled(pipeline) == {item.instant.row_id for item in draw.selected}

    # Taken back: readers know from then on, before any run of the platform.
    _declare(pipeline, "Spot ä", HEADER + consented.format("", "02.03.2026", ""))
    window = (FIRST - timedelta(days=1), FIRST + timedelta(days=1))
    names = [item.recording for item in published.recordings(services, *window)]
    assert names == ["r00.mp4", "r02.mp4"]
    [standing] = read_standing_draws(services)
    assert {item.instant.recording for item in standing.selected} == {"r00.mp4", "r02.mp4"}
    assert len(figures.read(services, FIRST.date(), FIRST.date()).sample.values) == 3

    intake.run(services, "second")

    [withdrawn] = services.ledger.quarantined("Spot ä", ("consent_withdrawn",))
    assert withdrawn.recording == "r01.mp4"
    assert "was withdrawn (02.03.2026), says respondents.csv, line 3" in (withdrawn.reason or "")
    assert "--recording r01.mp4 --asked-by NAME" in (withdrawn.reason or "")
    assert current(services.lake, "Spot ä", "r01.mp4") is None
    assert current(services.lake, "Spot ä", "r00.mp4") is not None
    assert len(figures.read(services, FIRST.date(), FIRST.date()).sample.values) == 2
    assert _labelled(pipeline) == standing.asked
    [notice] = [
        json.loads(services.lake.get_bytes(key))
        for key in services.lake.list(keys.NOTICES)
        if "withdrawn" in key and key.endswith("notice.json")
    ]
    assert "r01" not in json.dumps(notice)
    assert not [item for item in services.ledger.published("Spot ä") if item.recording == "r01.mp4"]

    # Its line removed, it stays out; the command that was offered erases it.
    _declare(pipeline, "Spot ä", HEADER + "r00;P0;v2;;\r\nr02;P2;v2;;\r\n")
    assert intake.run(services, "third") == []
    assert [item.recording for item in published.recordings(services, *window)] == names
    request = {"study": "Spot ä", "recordings": ["r01.mp4"], "asked_by": "Anna Muster"}
    record = erasure.run(services, "erase", **request)
    # People's own file of answers names its faces: it is theirs to take away.
    [left] = record.left
    assert left.place.endswith("labels/incoming/answers.csv")
    assert not record.done
    Path(left.place).unlink()
    assert erasure.run(services, "erase", **request).done
    assert not list(services.lake.list(keys.published_recording("Spot ä", "r01.mp4")))


def _labelled(pipeline: Pipeline) -> set[str]:
    services = pipeline.services
    table = services.lake.get_bytes(f"{keys.LABEL_ANNOTATIONS}/labels.csv").decode()
    assert tables.read_summary(services.lake).faces
    return {
        line.split(",")[0].removesuffix(".png").removesuffix(".jpg")
        for line in table.splitlines()[1:]
    }


def test_bytes_that_were_probed_are_not_probed_again(tmp_path: Path) -> None:
    pipeline = make_pipeline(tmp_path)
    services = pipeline.services
    folder = pipeline.incoming / "s"
    folder.mkdir()
    good_video(folder / "r.mp4")
    [entry] = intake.run(services, "run")
    batch_id = str(entry["trigger_run_id"])
    groups = probe.run(services, batch_id)
    # Nobody could fetch it now: the try after a fault goes on where the one before it was.
    (folder / "r.mp4").unlink()
    assert probe.run(services, batch_id) == groups == [[1]]


def test_what_is_taken_back_while_it_is_in_work_is_neither_decoded_nor_published(
    tmp_path: Path,
) -> None:
    pipeline = make_pipeline(tmp_path, consent="required")
    services = pipeline.services
    folder = pipeline.incoming / "s"
    folder.mkdir()
    for name in ("early.mp4", "late.mp4", "never.mp4"):
        good_video(folder / name)
        with (folder / name).open("ab") as file:
            file.write(name.encode())  # other bytes: other extractions
    lines = "recording,respondent,consent,consent_withdrawn_at\nearly,P1,v1,{}\nlate,P2,v1,{}\n"
    (folder / "respondents.csv").write_text(lines.format("", ""))
    [entry] = intake.run(services, "run")
    batch_id = str(entry["trigger_run_id"])
    claimed = {item.recording: item for item in services.ledger.recordings(batch_id)}
    assert set(claimed) == {"early.mp4", "late.mp4"}
    open_batch.pin_packaged(services, batch_id)

    (folder / "respondents.csv").write_text(lines.format("2026-01-02", ""))
    [group] = probe.run(services, batch_id)
    assert group == [claimed["late.mp4"].id]
    early = services.ledger.recording(claimed["early.mp4"].id)
    assert (early.reason_code, early.video_id) == ("consent_withdrawn", None)

    (folder / "respondents.csv").write_text(lines.format("2026-01-02", "2026-01-02"))
    assert extract.run(services, batch_id, group)["quarantined"] == 1
    assert not list(services.lake.list(keys.EXTRACTIONS))
    assert services.ledger.recording(group[0]).state is State.QUARANTINED
    assert publish(services, batch_id) == {"done": 0, "quarantined": 0, "deferred": 0}

    # Corrected: it was a mistake. And what had no consent gets one.
    (folder / "respondents.csv").write_text(lines.format("", "") + "never,P3,v1,\n")
    done = pipeline.recordings([*pipeline.run("again"), *pipeline.run("once more")])
    assert set(done) == {"early.mp4", "late.mp4", "never.mp4"}
    assert {item.state for item in done.values()} == {State.PUBLISHED}
    table = pq.read_table(
        io.BytesIO(services.lake.get_bytes(f"{done['never.mp4'].result_key}/predictions.parquet"))
    )
    assert table.num_rows > 0
