"""Schemas of the two tables that travel between stages.

`MANIFEST` is what extraction writes: one row per sampled instant and face, or
one row per instant with a reason when there is no usable face. `PREDICTIONS`
is what publishing writes: the same rows with the expression joined on.
"""

from __future__ import annotations

import pyarrow as pa

from include.contracts.labels import EXPRESSIONS

UNKNOWN_FACE = "unknown"
"""The `face_id` of a face of which it cannot be told whose it is."""

LANDMARKS: tuple[str, ...] = ("left_eye", "right_eye", "nose", "left_mouth", "right_mouth")
"""Landmark order of CenterFace; left and right as seen in the image."""

_INSTANT = [
    pa.field("row_id", pa.string(), nullable=False),  # "{instant:07d}-{face:02d}", unique per video
    pa.field("instant", pa.int64(), nullable=False),  # 0, 1, 2, ... index of the sampling target
    pa.field("target_s", pa.float64(), nullable=False),  # first frame's time + instant / rate
    pa.field("pts_s", pa.float64()),  # presentation time of the frame shown; null in a gap
]
_FACE = [
    pa.field("face_id", pa.string()),  # "f1", "f2", ... stable within a video; "unknown" allowed
    pa.field("box_x_px", pa.float64()),
    pa.field("box_y_px", pa.float64()),
    pa.field("box_width_px", pa.float64()),
    pa.field("box_height_px", pa.float64()),
]
_DETECTION = [
    pa.field("detector_score", pa.float64()),  # 0..1
    *[pa.field(f"{name}_{axis}_px", pa.float64()) for name in LANDMARKS for axis in "xy"],
    pa.field("blur", pa.float64()),  # variance of the Laplacian of the aligned grey crop
    pa.field("brightness", pa.float64()),  # mean grey level of the crop, 0..255
    pa.field("yaw_deg", pa.float64()),  # head turn, positive to the image right
    pa.field("roll_deg", pa.float64()),  # in-plane rotation, positive clockwise in the image
]
_MOVEMENT = [
    # Mean absolute difference to the picture about a second before, grey levels 0..255, after
    # the camera's movement and the light's are taken out; null: nothing to compare with.
    pa.field("change", pa.float64()),  # in the face's box
    pa.field("scene_change", pa.float64()),  # outside all faces, median over the picture
]

MANIFEST = pa.schema(
    [
        *_INSTANT,
        pa.field("scene", pa.int64(), nullable=False),  # 0, 1, ... increases at each cut
        *_FACE,
        *_DETECTION,
        *_MOVEMENT,
        pa.field("shard", pa.string()),  # tar that holds "{row_id}.jpg"; null: no crop
        pa.field("reason", pa.string()),  # RowReason, or null for a usable face
    ]
)

PREDICTIONS = pa.schema(
    [
        *_INSTANT,
        pa.field("scene", pa.int64(), nullable=False),
        *_FACE,
        pa.field("emotion", pa.string()),  # one of EXPRESSIONS; null where there is a reason
        pa.field("confidence", pa.float64()),  # calibrated probability of the top expression, 0..1
        *[pa.field(f"p_{label}", pa.float64()) for label in EXPRESSIONS],
        *_DETECTION,
        *_MOVEMENT,
        pa.field("respondent", pa.string()),  # whose row it is: "1", ... or a seat; null: nobody's
        pa.field("reason", pa.string()),
    ]
)

LATER_COLUMNS: frozenset[str] = frozenset({"change", "scene_change", "respondent"})
"""Columns that tables written by earlier versions do not have: there they are null."""


def with_later_columns(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """Return a table with the columns of `schema` that its writer did not know yet, as nulls.

    Other columns and the order of those there are stay as they are.
    """
    for index, field in enumerate(schema):
        if field.name in LATER_COLUMNS and field.name not in table.schema.names:
            place = min(index, table.num_columns)
            table = table.add_column(place, field, pa.nulls(table.num_rows, field.type))
    return table


def row_id(instant: int, face: int) -> str:
    """Return the id of face number `face` (0-based, 0 when there is none) at `instant`."""
    return f"{instant:07d}-{face:02d}"
