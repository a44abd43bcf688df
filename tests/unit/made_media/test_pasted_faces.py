"""Recordings made of photographs: the same each time, and the same in any company."""

from __future__ import annotations

from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from include.made_media.pasted_faces import FRAME_SIZE_PX, RATE_HZ, pose_of, write_recording


def photograph(colour: tuple[int, int, int]) -> bytes:
    picture = np.full((224, 224, 3), colour, np.uint8)
    return bytes(cv2.imencode(".png", picture)[1])


RED, BLUE = photograph((0, 0, 255)), photograph((255, 0, 0))


def frames(path: Path) -> list[np.ndarray]:
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="bgr24") for frame in container.decode(video=0)]


def test_each_face_is_shown_for_its_time_where_its_pose_says(tmp_path: Path) -> None:
    write_recording(tmp_path / "a.mp4", [RED, BLUE], seconds_each=2)
    shown = frames(tmp_path / "a.mp4")
    assert len(shown) == 2 * 2 * RATE_HZ
    assert shown[0].shape == (FRAME_SIZE_PX[1], FRAME_SIZE_PX[0], 3)
    for number, picture in enumerate((RED, BLUE)):
        x, y = (round(value) for value in pose_of(picture).centre_px)
        for frame in shown[number * 2 * RATE_HZ : (number + 1) * 2 * RATE_HZ]:
            blue, _, red = frame[y, x].astype(int)
            assert (red > 180 and blue < 60) if picture is RED else (blue > 180 and red < 60)


def test_company_and_order_change_nothing_of_a_face(tmp_path: Path) -> None:
    write_recording(tmp_path / "a.mp4", [RED, BLUE], seconds_each=1)
    write_recording(tmp_path / "b.mp4", [BLUE], seconds_each=1)
    first, second = frames(tmp_path / "a.mp4")[RATE_HZ], frames(tmp_path / "b.mp4")[0]
    assert np.abs(first.astype(int) - second).mean() < 2
    write_recording(tmp_path / "c.mp4", [RED, BLUE], seconds_each=1)
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "c.mp4").read_bytes()


def test_a_damaged_photograph_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="picture 1"):
        write_recording(tmp_path / "a.mp4", [RED, b"no picture"], seconds_each=1)
