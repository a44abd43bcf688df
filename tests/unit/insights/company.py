"""Recordings with several faces, as extraction writes them: who is where, when, and moving."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from include.contracts.columns import LANDMARKS
from include.contracts.rows import MANIFEST, row_id
from include.insights.moments import Moments, read_moments
from tests.unit.insights.recordings import empty_row, predictions

PICTURE_PX = (640, 360)
SCENE_CHANGE = 0.5


@dataclass(frozen=True)
class Face:
    """One face.

    Attributes:
        face_id: Its id; several entries may be "unknown".
        x: Middle, share of the picture's width.
        side_px: Width of the box.
        change: Grey levels by which it changes; None: not measured.
        at: Whether it is there at an instant.
        sways_px: How far it moves to and fro: (x, y) offsets by instant.
    """

    face_id: str
    x: float = 0.5
    side_px: float = 120.0
    change: float | None = 12.0
    at: Callable[[int], bool] = lambda instant: True
    sways_px: Callable[[int], tuple[float, float]] = lambda instant: (0.0, 0.0)


def manifest_of(faces: Sequence[Face], instants: int = 20) -> pa.Table:
    """A manifest of some faces, one instant a second; the largest of an instant comes first."""
    rows: list[dict[str, Any]] = []
    for instant in range(instants):
        there = [face for face in faces if face.at(instant)]
        there.sort(key=lambda face: -face.side_px)
        if not there:
            rows.append(empty_row(instant, "no_face", rate_hz=1.0))
        rows += [_row(instant, number, face) for number, face in enumerate(there)]
    return pa.Table.from_pylist(rows, schema=MANIFEST)


def moments_of(faces: Sequence[Face], instants: int = 20) -> Moments:
    """The same, with answers, as arrays."""
    return read_moments(
        predictions(manifest_of(faces, instants)), sample_rate_hz=1.0, duration_s=float(instants)
    )


def _row(instant: int, number: int, face: Face) -> dict[str, Any]:
    draw = np.random.default_rng([instant, number])
    sway_x, sway_y = face.sways_px(instant)
    width, height = face.side_px, 1.25 * face.side_px
    left = face.x * PICTURE_PX[0] - width / 2 + sway_x
    top = 150 - height / 2 + sway_y
    measured = face.change is not None and instant > 0
    row: dict[str, Any] = {
        "row_id": row_id(instant, number),
        "instant": instant,
        "target_s": float(instant),
        "pts_s": instant + 0.01,
        "scene": 0,
        "face_id": face.face_id,
        "box_x_px": left,
        "box_y_px": top,
        "box_width_px": width,
        "box_height_px": height,
        "detector_score": 0.9,
        "blur": 150.0,
        "brightness": 120.0,
        "yaw_deg": 0.0,
        "roll_deg": 0.0,
        "change": face.change * float(draw.uniform(0.6, 1.4)) if measured else None,
        "scene_change": SCENE_CHANGE if measured else None,
        "shard": "0123-00000.tar",
        "reason": None,
    }
    for name in LANDMARKS:
        row[f"{name}_x_px"], row[f"{name}_y_px"] = left + width / 2, top + height / 2
    return row
