"""The drift monitor's stages, on a real lake: tables of days, references, episodes, notices."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from benchmarks.simulations.traffic import Traffic, darker, make
from include.composition import Services
from include.contracts.errors import ConfigurationError
from include.contracts.labels import EXPRESSIONS
from include.contracts.rows import PREDICTIONS
from include.insights.tables import PARQUET
from include.lake import keys
from include.monitoring.alarm import State
from include.monitoring.metrics import Family
from include.monitoring.watched import COLUMNS
from include.observability import catalogue
from include.observability.embedded import read_metrics
from include.pipeline.drift import days, figures, stage
from include.settings import DriftSettings
from include.statistics.arrays import FloatArray
from tests.fakes.home import services_in

LAST = date(2026, 11, 19)
DAYS = 80
FIRST = LAST - timedelta(days=DAYS - 1)
REFERENCE = (FIRST.isoformat(), (FIRST + timedelta(days=20)).isoformat())


class Clock:
    """After midnight of the last day; a second later each time."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 20, 2, 30, tzinfo=UTC)

    def __call__(self) -> datetime:
        self.now += timedelta(seconds=1)
        return self.now


def make_services(folder: Path, **drift: object) -> Services:
    return services_in(folder, clock=Clock(), drift=DriftSettings(**drift))


def fill(
    services: Services, shift: Callable[[FloatArray], None] | None = None, shifted_days: int = 0
) -> None:
    """Write the tables of made-up traffic, the last days shifted."""
    sample = make(Traffic(recordings_per_day=25), days=DAYS, rng=np.random.default_rng(3))
    values = sample.values
    if shift is not None:
        later = sample.days > DAYS - shifted_days
        changed = values[later]
        shift(changed)
        values[later] = changed
    for number in range(1, DAYS + 1):
        mask = sample.days == number
        rows = [
            {
                "analysis_id": f"a{number}-{index}",
                "study_id": str(study),
                "model_version": "3",
                "model_sha256": "0" * 64,
                **dict(zip(COLUMNS, line.tolist(), strict=True)),
            }
            for index, (study, line) in enumerate(
                zip(sample.studies[mask], values[mask], strict=True)
            )
        ]
        sink = pa.BufferOutputStream()
        pq.write_table(pa.Table.from_pylist(rows, schema=figures.SCHEMA), sink)
        day = FIRST + timedelta(days=number - 1)
        services.lake.put_bytes(keys.drift_figures(day), sink.getvalue().to_pybytes())


def publish(
    services: Services,
    recording: str,
    at: datetime,
    *,
    study: str = "study",
    analysis_id: str = "first",
    brightness: float = 120.0,
    model: str = "3",
) -> None:
    """Publish results as the pipeline does: tables first, the manifest last."""
    rows = [
        {
            "row_id": f"{index:07d}-00",
            "instant": index,
            "target_s": float(index),
            "scene": 0,
            "box_width_px": 90.0,
            "box_height_px": 110.0,
            "brightness": brightness,
            "blur": 200.0,
            "yaw_deg": 5.0,
            "emotion": "happiness",
            "confidence": 0.8,
            **{f"p_{label}": 1 / 7 for label in EXPRESSIONS},
        }
        for index in range(3)
    ]
    sink = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pylist(rows, schema=PREDICTIONS), sink)
    prefix = keys.published(study, recording, analysis_id)
    services.lake.put_bytes(f"{prefix}/{PARQUET}", sink.getvalue().to_pybytes())
    manifest = {
        "study": study,
        "recording": recording,
        "video_id": f"bytes of {recording}",
        "extraction_id": "e",
        "analysis_id": analysis_id,
        "published_at": at.isoformat(),
        "model": {"name": "m", "version": model, "sha256": "0" * 64},
    }
    content = json.dumps(manifest).encode()
    services.lake.put_bytes(f"{prefix}/{keys.PUBLISHED_MANIFEST}", content)


def noon(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 12, tzinfo=UTC)


def notices(services: Services) -> list[dict[str, str]]:
    return [
        json.loads(services.lake.get_bytes(key))
        for key in services.lake.list("watch/notices")
        if key.endswith("notice.json")
    ]


# --- tables of days ---


def test_each_recording_is_one_line_of_the_day_it_was_published(tmp_path: Path) -> None:
    services = make_services(tmp_path)
    publish(services, "a", noon(LAST - timedelta(days=1)), brightness=80.0)
    publish(services, "b", noon(LAST), brightness=90.0)
    assert figures.collect(services, LAST - timedelta(days=2), LAST) == 3
    found = figures.read(services, LAST - timedelta(days=2), LAST)
    brightness = found.sample.values[:, COLUMNS.index("brightness")].tolist()
    assert dict(zip(found.sample.days.tolist(), brightness, strict=True)) == {
        LAST.toordinal() - 1: 80.0,
        LAST.toordinal(): 90.0,
    }
    assert found.model_versions == {"3": 2}


def test_a_day_that_is_written_stays_as_it_is(tmp_path: Path) -> None:
    services = make_services(tmp_path)
    publish(services, "a", noon(LAST))
    figures.collect(services, LAST, LAST)
    publish(services, "late", noon(LAST))
    assert figures.collect(services, LAST, LAST) == 0
    assert len(figures.read(services, LAST, LAST).sample) == 1


def test_a_second_analysis_of_the_same_recording_is_no_new_recording(tmp_path: Path) -> None:
    services = make_services(tmp_path)
    publish(services, "a", noon(LAST - timedelta(days=40)))
    publish(services, "a", noon(LAST), analysis_id="again", model="4")
    publish(services, "b", noon(LAST), model="4")
    figures.collect(services, LAST, LAST)
    found = figures.read(services, LAST, LAST)
    assert len(found.sample) == 1
    assert found.model_versions == {"4": 1}


def test_tables_name_neither_recordings_nor_studies(tmp_path: Path) -> None:
    services = make_services(tmp_path)
    publish(services, "Erika Mustermann.mp4", noon(LAST), study="Panel Mustermann")
    figures.collect(services, LAST, LAST)
    content = services.lake.get_bytes(keys.drift_figures(LAST))
    table = pq.read_table(pa.BufferReader(content))
    assert table.num_rows == 1
    assert "ustermann" not in str(table.to_pylist())


def test_results_that_were_removed_are_left_out(tmp_path: Path) -> None:
    services = make_services(tmp_path)
    publish(services, "a", noon(LAST))
    publish(services, "b", noon(LAST))
    services.lake.delete(f"{keys.published('study', 'a', 'first')}/{PARQUET}")
    figures.collect(services, LAST, LAST)
    assert len(figures.read(services, LAST, LAST).sample) == 1


@pytest.mark.parametrize("day", ["2026-11-20", "2026-12-24", "yesterday"])
def test_a_day_that_is_not_over_is_refused(tmp_path: Path, day: str) -> None:
    with pytest.raises(ConfigurationError, match=day):
        stage.judge(make_services(tmp_path), day)


# --- references ---


def test_freezing_needs_both_days_in_order_over_and_filled(tmp_path: Path) -> None:
    services = make_services(tmp_path)
    fill(services)
    for first, last in (
        ("2026-11-01", ""),
        ("2026-11-10", "2026-11-01"),
        ("2026-11-01", "2026-11-20"),
        ("2020-01-01", "2026-11-01"),
        ("2025-01-01", "2025-01-31"),  # nothing was published then
    ):
        with pytest.raises(ConfigurationError, match="reference"):
            stage.freeze(services, first, last)
    assert stage.freeze(services, "", "") is None


def test_freezing_the_same_days_again_changes_nothing(tmp_path: Path) -> None:
    services = make_services(tmp_path)
    fill(services)
    frozen = stage.freeze(services, *REFERENCE)
    assert stage.freeze(services, *REFERENCE) == frozen
    assert stage.freeze(services, "", "") == frozen
    (key,) = services.lake.list(keys.DRIFT_REFERENCES)
    content = json.loads(services.lake.get_bytes(key))
    thresholds = {
        feature["name"]: feature["distribution_constraints"]["comparison_threshold"]
        for feature in content["constraints"]["features"]
    }
    assert thresholds["brightness"] == 0.30
    assert content["statistics"]["dataset"]["item_count"] > 400


# --- judging and telling ---


@pytest.fixture(scope="module")
def shifted(tmp_path_factory: pytest.TempPathFactory) -> Services:
    """Six dark days at the end; the monitor first ran before them, then only on the last day."""
    services = make_services(tmp_path_factory.mktemp("shifted"))
    fill(services, darker, shifted_days=6)
    stage.freeze(services, *REFERENCE)
    stage.judge(services, (LAST - timedelta(days=7)).isoformat())
    stage.judge(services, LAST.isoformat())
    return services


def test_a_shift_opens_an_episode_on_the_day_it_became_plain(shifted: Services) -> None:
    judged = days.load(shifted, LAST)
    assert judged.days == tuple(LAST - timedelta(days=back) for back in range(7, -1, -1))
    states = [step.state for step in judged.episodes[Family.INPUT]]
    assert states[0] is State.QUIET
    assert states[-1] is State.OPEN
    assert judged.episodes[Family.CONFIDENCE][-1].state is State.QUIET


def test_an_episode_is_told_once_although_its_day_was_judged_later(shifted: Services) -> None:
    assert stage.tell(shifted, LAST.isoformat()) == 1
    assert stage.tell(shifted, LAST.isoformat()) == 0
    (notice,) = notices(shifted)
    assert notice["title"] == "Drift: the quality of the faces has changed"
    assert "brightness against the reference" in notice["body"]
    assert notice["link"].endswith("/index.html")
    page = notice["link"].partition("/lake/")[2]
    assert b"Open episode" in shifted.lake.get_bytes(page)


def test_figures_of_the_day_go_to_the_sink(shifted: Services) -> None:
    stage.tell(shifted, LAST.isoformat())
    found = {(m.name, *m.dimensions.values()): m for m in read_metrics(shifted.lake, LAST)}
    assert {name for name, *_ in found} == {figure.name for figure in catalogue.DRIFT}
    assert found[("DriftEpisode", "input_quality")].value == 2.0
    assert found[("DriftEpisode", "confidence")].value == 0.0
    assert found[("DriftEffect", "reference", "brightness")].value > 1.0
    assert found[("DriftEffect", "reference", "sharpness")].value < 1.0


def test_a_report_speaks_model_monitors_words(shifted: Services) -> None:
    prefix = days.load(shifted, LAST).prefix
    violations = json.loads(shifted.lake.get_bytes(f"{prefix}/constraint_violations.json"))
    assert {
        (entry["feature_name"], entry["constraint_check_type"])
        for entry in violations["violations"]
    } == {("brightness", "baseline_drift_check")}
    statistics = json.loads(shifted.lake.get_bytes(f"{prefix}/statistics.json"))
    (brightness,) = [f for f in statistics["features"] if f["name"] == "brightness"]
    assert 60 < brightness["numerical_statistics"]["mean"] < 100


def test_a_judged_day_is_not_judged_again(shifted: Services) -> None:
    prefix = days.load(shifted, LAST).prefix
    before = shifted.lake.get_bytes(f"{prefix}/report.json")
    listed = sorted(shifted.lake.list("monitoring"))
    stage.judge(shifted, LAST.isoformat())
    assert shifted.lake.get_bytes(f"{prefix}/report.json") == before
    assert sorted(shifted.lake.list("monitoring")) == listed


def test_a_new_reference_starts_the_episodes_anew(shifted: Services) -> None:
    last = LAST.isoformat()
    stage.freeze(shifted, (LAST - timedelta(days=5)).isoformat(), last)
    summary = stage.judge(shifted, last)
    judged = days.load(shifted, LAST)
    assert judged.days == (LAST,)
    assert summary["episodes"]["input_quality"] in ("quiet", "suspected")
    # The weeks before are brighter still; the reference is not.
    (entry,) = [
        e
        for e in judged.report.comparisons
        if (e.metric, e.baseline) == ("brightness", "reference")
    ]
    assert entry.outcome == "stable"


def test_without_a_reference_the_weeks_before_are_compared(tmp_path: Path) -> None:
    services = make_services(tmp_path)
    fill(services)
    summary = stage.judge(services, LAST.isoformat())
    assert set(summary["outcomes"].values()) == {"stable"}
    page = services.lake.get_bytes(keys.DRIFT_PAGE).decode()
    assert "none frozen yet" in page
    assert "Freeze a reference when the model has been accepted" in page


def test_an_empty_lake_says_too_little(tmp_path: Path) -> None:
    services = make_services(tmp_path)
    summary = stage.judge(services, LAST.isoformat())
    assert summary["recordings"] == 0
    assert set(summary["outcomes"].values()) == {"insufficient"}
    assert "Too little to compare" in services.lake.get_bytes(keys.DRIFT_PAGE).decode()
    assert stage.tell(services, LAST.isoformat()) == 0


def test_the_command_names_what_is_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from include.pipeline.drift.__main__ import main

    monkeypatch.setenv("FEX_STORAGE__LAKE_URL", (tmp_path / "lake").as_uri())
    monkeypatch.setenv("FEX_STORAGE__LEDGER_URL", f"sqlite:///{tmp_path}/l.sqlite")
    assert main(["freeze", "2025-01-01", "2025-01-31"]) == 2
    assert "name more days" in capsys.readouterr().err


def test_a_day_of_figures_is_tidied(tmp_path: Path) -> None:
    services = make_services(tmp_path)
    stage.judge(services, LAST.isoformat())
    stage.tell(services, LAST.isoformat())
    assert stage.tidy(services, LAST.isoformat()) == 1
    assert list(services.lake.list("watch/metrics")) == [keys.metrics_whole(LAST)]
