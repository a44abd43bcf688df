"""Display matrices and pixels that are not square."""

from __future__ import annotations

import struct
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from include.settings import LimitSettings
from include.video.probe import probe_file
from include.video.upright import (
    Orientation,
    UnreadableColoursError,
    frame_to_bgr,
    orientation_of_matrix,
    pixel_aspect,
    square_size,
)
from tests.media.make_media import (
    DISPLAY_MATRICES,
    anamorphic,
    coloured,
    encode,
    laid,
    moving_texture,
    texture,
)

ASPECTS = [Fraction(4, 3), Fraction(10, 11), Fraction(16, 11), Fraction(64, 45), Fraction(2)]
PICTURE = texture((160, 96), 4)


def shown(path: Path) -> Any:
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        return frame_to_bgr(next(container.decode(stream)), pixel_aspect(stream))


def difference(one: Any, other: Any) -> float:
    return float(np.abs(one.astype(np.int16) - other.astype(np.int16)).mean())


@pytest.mark.parametrize("name", DISPLAY_MATRICES)
def test_every_display_matrix_shows_the_picture_as_meant(name: str, tmp_path: Path) -> None:
    path = laid(tmp_path / "clip.mp4", [PICTURE] * 3, DISPLAY_MATRICES[name])
    assert shown(path).shape == PICTURE.shape
    assert difference(shown(path), PICTURE) < 6


def test_the_probe_tells_how_a_picture_is_laid(tmp_path: Path) -> None:
    told = {}
    for name, matrix in DISPLAY_MATRICES.items():
        report = probe_file(
            laid(tmp_path / "clip.mp4", [PICTURE] * 3, matrix), "clip.mp4", LimitSettings()
        )
        assert (report.shown_width_px, report.shown_height_px) == (160, 96)
        told[name] = (report.rotation_deg, report.mirrored)
    assert told == {
        "as it is": (0, False),
        "mirrored": (0, True),
        "upside down": (180, False),
        "mirrored, upside down": (180, True),
        "quarter turn right": (-90, False),
        "quarter turn left": (90, False),
        "transposed": (90, True),
        "transposed the other way": (-90, True),
    }


@pytest.mark.parametrize("aspect", ASPECTS)
def test_pixels_become_square(aspect: Fraction, tmp_path: Path) -> None:
    path = anamorphic(tmp_path / "clip.mp4", [PICTURE] * 3, aspect)
    found = shown(path)
    assert found.shape[0] == pytest.approx(96, abs=2)
    assert found.shape[1] == pytest.approx(160, abs=2)
    height, width = (min(*pair) for pair in zip(found.shape[:2], PICTURE.shape[:2], strict=True))
    assert difference(found[:height, :width], PICTURE[:height, :width]) < 10
    report = probe_file(path, "clip.mp4", LimitSettings())
    assert (report.shown_height_px, report.shown_width_px) == found.shape[:2]


@pytest.mark.parametrize("sar", ["1000/1", "1/60000", "5/1"])
def test_a_silly_aspect_is_no_aspect(sar: str, tmp_path: Path) -> None:
    path = encode(tmp_path / "clip.mp4", moving_texture(3), **{"x264-params": f"sar={sar}"})
    assert shown(path).shape == (96, 160, 3)


def test_square_pixels_cost_no_more_memory_than_the_largest_picture() -> None:
    assert square_size(1440, 1080, Fraction(4, 3)) == (1920, 1080)
    assert square_size(720, 576, Fraction(64, 45)) == (1024, 576)
    assert square_size(704, 480, Fraction(10, 11)) == (704, 528)
    assert square_size(4096, 2304, Fraction(2)) == (4096, 1152)
    assert square_size(4096, 2304, Fraction(1, 2)) == (2048, 2304)


@pytest.mark.parametrize(
    "numbers", [(0, 0, 0, 0, 0), (0, 0, 0, 65536, 0), (65536, 0, 0, 0, 0), (0, 0, 0, 0, 65536)]
)
def test_a_matrix_that_shows_nothing_is_no_matrix(numbers: tuple[int, ...]) -> None:
    assert orientation_of_matrix(struct.pack("=5i", *numbers)) == Orientation()


@pytest.mark.parametrize("matrix", [8, 10, 11, 12, 13, 14, 16, 17])
def test_colours_that_cannot_be_undone_are_not_guessed(matrix: int, tmp_path: Path) -> None:
    path = coloured(tmp_path / "clip.ts", [PICTURE] * 2, matrix)
    with pytest.raises(UnreadableColoursError):
        shown(path)


@pytest.mark.parametrize("matrix", [1, 2, 4, 5, 6, 7, 9])
def test_colours_of_every_kind_in_use_are_read(matrix: int, tmp_path: Path) -> None:
    """They are stored as BT.601 has them: the further from it, the less alike."""
    path = coloured(tmp_path / "clip.ts", [PICTURE] * 2, matrix)
    assert difference(shown(path), PICTURE) < 12


def test_a_reserved_matrix_is_taken_as_one_not_stated() -> None:
    """VP9 has a value for it, and libswscale refuses it."""
    plain = av.VideoFrame.from_ndarray(PICTURE, format="bgr24").reformat(format="yuv420p")
    plain.colorspace = 2
    reserved = av.VideoFrame.from_ndarray(plain.to_ndarray(), format="yuv420p")
    reserved.colorspace = 3
    assert np.array_equal(frame_to_bgr(reserved), frame_to_bgr(plain))
