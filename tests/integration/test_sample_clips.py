"""The clips people know, through the whole pipeline, beside one made by the project."""

from __future__ import annotations

import io
import json
import shutil
from pathlib import Path

import av
import pandas as pd
import pytest

from include.ledger.ledger import State
from include.made_media.demo_video import make_demo_video
from include.pipeline import analyze
from include.settings import ReportSettings
from tests.integration.conftest import Pipeline, make_pipeline

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def clips(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, pd.DataFrame]:
    """Predictions of each sample clip."""
    pipeline = make_pipeline(tmp_path_factory.mktemp("clips"))
    shutil.copytree(shared_data / "videos", pipeline.incoming / "clips")
    recordings = pipeline.recordings(pipeline.run())
    assert {item.state for item in recordings.values()} == {State.PUBLISHED}
    return {
        name: pd.read_parquet(
            io.BytesIO(pipeline.services.lake.get_bytes(f"{item.result_key}/predictions.parquet"))
        )
        for name, item in recordings.items()
    }


def test_sadness_shows_in_the_first_half_and_the_last_third_is_happiness(
    clips: dict[str, pd.DataFrame],
) -> None:
    rows = clips["WolfgangLanger_Pexels.mp4"]
    first_half = rows[rows["instant"] < len(rows) / 2]
    last_third = rows[rows["instant"] >= len(rows) * 2 / 3]
    assert (first_half["emotion"] == "sadness").any()
    assert set(last_third["emotion"]) == {"happiness"}


def test_after_the_cut_there_is_no_face_and_the_rows_say_so(
    clips: dict[str, pd.DataFrame],
) -> None:
    rows = clips["face_noface.mov"]
    after = rows[rows["pts_s"] > 2.9]
    assert len(after) >= 3
    assert set(after["reason"]) == {"no_face"}
    assert after["emotion"].isna().all()
    assert rows[rows["pts_s"] < 2.4]["face_id"].eq("f1").all()


def test_a_clip_without_a_face_is_all_reasons(clips: dict[str, pd.DataFrame]) -> None:
    assert set(clips["no_face.mp4"]["reason"]) == {"no_face"}


def test_every_time_is_a_presentation_time_of_the_file(
    clips: dict[str, pd.DataFrame], shared_data: Path
) -> None:
    for name, rows in clips.items():
        with av.open(str(shared_data / "videos" / name)) as container:
            times = [float(frame.time) for frame in container.decode(video=0)]
        for pts_s in rows["pts_s"].dropna():
            assert min(abs(pts_s - time) for time in times) < 1e-6, (name, pts_s)


def test_the_share_safe_copy_is_published_when_it_is_asked_for(tmp_path: Path) -> None:
    pipeline: Pipeline = make_pipeline(tmp_path, report=ReportSettings(annotated_video=True))
    folder = pipeline.incoming / "spot"
    folder.mkdir(parents=True)
    make_demo_video(folder / "respondent.mp4", seconds=6)
    [recording] = pipeline.recordings(pipeline.run()).values()
    lake = pipeline.services.lake
    manifest = json.loads(lake.get_bytes(f"{recording.result_key}/manifest.json"))
    assert "annotated.mp4" in manifest["files"]
    assert b"annotated.mp4" in lake.get_bytes(f"{recording.result_key}/report.html")
    copy = tmp_path / "copy.mp4"
    copy.write_bytes(lake.get_bytes(f"{recording.result_key}/annotated.mp4"))
    with av.open(str(copy)) as container:
        assert sum(1 for _ in container.decode(video=0)) >= 50


def test_analyze_leaves_the_results_in_a_folder_and_fails_with_the_reason(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good, bad = tmp_path / "respondent.mp4", tmp_path / "letter.mp4"
    make_demo_video(good, seconds=6)
    bad.write_text("Dear respondent, ...")
    assert analyze.main([str(good), str(tmp_path / "out")]) == 0
    assert (tmp_path / "out" / "respondent" / "report.html").exists()
    rows = pd.read_csv(tmp_path / "out" / "respondent" / "emotion_predictions_with_timestamps.csv")
    assert list(rows.columns[:3]) == ["frame", "timestamp", "emotion"]
    capsys.readouterr()
    assert analyze.main([str(bad), str(tmp_path / "out")]) == 1
    assert "letter.mp4" in capsys.readouterr().err
    missing = tmp_path / ("nothing [bold]" + 80 * "-" + ".mp4")
    assert analyze.main([str(missing), str(tmp_path / "out")]) == 1
    assert str(missing) in capsys.readouterr().err
