"""The annotated copy shows what was read and nobody's face."""

from __future__ import annotations

from pathlib import Path

import av
import pytest

from include.contracts.errors import PermanentInputError
from include.settings import LimitSettings
from include.video.annotate import FaceLabel, annotate_file, labels_from_predictions
from include.video.detection import FaceDetector
from tests.media.make_media import coloured, face_pictures


def row(**changes: object) -> dict[str, object]:
    box = {f"box_{name}_px": 10.0 for name in ("x", "y", "width", "height")}
    base = {"pts_s": 1.0, "face_id": "f1", "emotion": "happiness", "confidence": 0.914, **box}
    base["respondent"] = "1"
    return {**base, **changes}


def test_labels_say_what_was_read() -> None:
    labels = labels_from_predictions(
        [
            row(),
            row(emotion=None, confidence=None),
            row(box_x_px=None),
            row(pts_s=None),
            row(face_id="f2", respondent=None),
        ]
    )
    told = ["f1: happiness 91%", "f1: not read", "f2: not reported"]
    assert [label.text for label in labels] == told


def test_no_face_is_left_to_see(media: dict[str, Path], tmp_path: Path) -> None:
    source, output = media["two-people.mp4"], tmp_path / "annotated.mp4"
    labels = [
        FaceLabel(float(second), "f1: happiness 91%", 70, 60, 120, 150) for second in range(5)
    ]
    annotate_file(source, "clip.mp4", labels, output, limits=LimitSettings())
    detector = FaceDetector(width_px=320, score_min=0.5)
    with av.open(str(output)) as container:
        pictures = [frame.to_ndarray(format="bgr24") for frame in container.decode(video=0)]
    assert len(pictures) == 50
    assert not any(detector.detect(picture) for picture in pictures[::7])


def test_what_cannot_be_decoded_is_refused(media: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(PermanentInputError) as error:
        annotate_file(
            media["nothing-decodable.mp4"],
            "clip.mp4",
            [],
            tmp_path / "annotated.mp4",
            limits=LimitSettings(),
        )
    assert error.value.code == "undecodable"


def test_pictures_of_colours_that_are_not_read_are_left_out(tmp_path: Path) -> None:
    source = coloured(tmp_path / "clip.ts", face_pictures(40), 1, 8)
    annotate_file(source, "clip.ts", [], tmp_path / "annotated.mp4", limits=LimitSettings())
    with av.open(str(tmp_path / "annotated.mp4")) as container:
        assert len(list(container.decode(video=0))) == 20
