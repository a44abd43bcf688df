"""The columns of what is published, each described once.

From here come the schemas of the manifest and of the predictions (`rows.py`), the spreadsheet
(`insights/tables.py`), the list of columns in each report and `docs/outputs.md`. A new column is
a row here and the line that computes it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa

from include.contracts.labels import EXPRESSIONS
from include.contracts.reasons import RowReason

TABLES_VERSION = 2
"""Raised with each change of columns, or of how they are written; new ones carry it as `since`."""
TABLES_GOLDEN = "78dd67a988e89b8680d29a7044814bfd"
"""What this version makes of a fixed input, hashed (`tests/unit/test_stage_versions.py`)."""

LANDMARKS: tuple[str, ...] = ("left_eye", "right_eye", "nose", "left_mouth", "right_mouth")
"""Landmark order of CenterFace; left and right as seen in the image."""

_LAST = 1_000


@dataclass(frozen=True, slots=True)
class Column:
    """One column.

    Attributes:
        name: In Parquet and in Arrow.
        type: Of its values.
        meaning: One sentence for readers of the files.
        unit: Empty for names and counts.
        values: Which occur, or their range; empty where any value of the type may.
        null: When it is empty; the empty text: never.
        since: The version of the tables that first had it; earlier files lack it.
        manifest: Whether extraction writes it.
        published: Whether it is in the published predictions.
        csv: Its place in the spreadsheet, smaller ones first, equal ones as declared; None:
            it is left out there.
        csv_name: Its name in the spreadsheet, where people know it by another one.
        exact: Whether its decimals are written as they are; else six significant digits.
    """

    name: str
    type: pa.DataType
    meaning: str
    unit: str = ""
    values: str = ""
    null: str = ""
    since: int = 1
    manifest: bool = True
    published: bool = True
    csv: int | None = _LAST
    csv_name: str = ""
    exact: bool = False

    @property
    def field(self) -> pa.Field:
        """The column as Arrow declares it."""
        return pa.field(self.name, self.type, nullable=bool(self.null))

    @property
    def spreadsheet_name(self) -> str:
        """What it is called in the spreadsheet."""
        return self.csv_name or self.name


_NO_FACE = "no face was found"
_UNREAD = "no expression was computed"


def _points() -> Iterator[Column]:
    for name in LANDMARKS:
        point = name.replace("_", " ").replace("mouth", "corner of the mouth")
        for axis, side in (("x", "left"), ("y", "top")):
            yield Column(
                f"{name}_{axis}_px",
                pa.float64(),
                f"Distance of the {point} from the picture's {side} edge; left and right as "
                "seen in the picture.",
                unit="px",
                null=_NO_FACE,
                csv=None,
            )


def _probabilities() -> Iterator[Column]:
    for label in EXPRESSIONS:
        yield Column(
            f"p_{label}",
            pa.float64(),
            f"Calibrated probability that the displayed expression is {label}; the seven sum to 1.",
            values="0 to 1",
            null=_UNREAD,
            manifest=False,
            csv=70,
        )


COLUMNS: tuple[Column, ...] = (
    Column(
        "row_id",
        pa.string(),
        "Name of the row, unique in a recording: the instant's number, then the face's.",
        values="0000012-00",
        csv=None,
    ),
    Column(
        "instant",
        pa.int64(),
        "Number of the sampled moment.",
        values="0, 1, 2, ...",
        csv=10,
        csv_name="frame",
        exact=True,
    ),
    Column(
        "target_s",
        pa.float64(),
        "The moment that was asked for: the first frame's time plus the moment's number divided "
        "by the sampling rate, on the recording's own clock.",
        unit="s",
        csv=90,
        exact=True,
    ),
    Column(
        "pts_s",
        pa.float64(),
        "Presentation time of the frame that was read, on the recording's own clock; behind a "
        "place where that started again, time goes on.",
        unit="s",
        null="the recording shows no frame there (reason gap)",
        csv=20,
        csv_name="timestamp",
        exact=True,
    ),
    Column(
        "scene",
        pa.int64(),
        "Number of the scene; it goes up at each cut.",
        values="0, 1, 2, ...",
        csv=100,
        exact=True,
    ),
    Column(
        "face_id",
        pa.string(),
        "Whose face it is, the same person throughout a recording; numbers are given in order of "
        "appearance and mean nothing across recordings.",
        values="f1, f2, ...; `unknown` where it cannot be told",
        null=_NO_FACE,
        csv=40,
    ),
    Column(
        "box_x_px",
        pa.float64(),
        "Left edge of the face's box in the picture as shown.",
        unit="px",
        null=_NO_FACE,
    ),
    Column(
        "box_y_px",
        pa.float64(),
        "Top edge of the face's box in the picture as shown.",
        unit="px",
        null=_NO_FACE,
    ),
    Column("box_width_px", pa.float64(), "Width of the face's box.", unit="px", null=_NO_FACE),
    Column("box_height_px", pa.float64(), "Height of the face's box.", unit="px", null=_NO_FACE),
    Column(
        "emotion",
        pa.string(),
        "The displayed expression that is most probable: what a face shows, no inner state.",
        values=", ".join(EXPRESSIONS),
        null="there is a reason",
        manifest=False,
        csv=30,
    ),
    Column(
        "confidence",
        pa.float64(),
        "Calibrated probability of the most probable expression.",
        values="0 to 1",
        null=_UNREAD,
        manifest=False,
        csv=60,
    ),
    *_probabilities(),
    Column(
        "detector_score",
        pa.float64(),
        "How sure the detector is that this is a face.",
        values="0 to 1",
        null=_NO_FACE,
    ),
    *_points(),
    Column(
        "blur",
        pa.float64(),
        "Sharpness of the face: the variance of the Laplacian of its grey crop; small is blurred.",
        null=_NO_FACE,
    ),
    Column(
        "brightness",
        pa.float64(),
        "Mean grey level of the face's crop.",
        values="0 to 255",
        null=_NO_FACE,
    ),
    Column(
        "yaw_deg",
        pa.float64(),
        "Turn of the head to the side, estimated from five points; positive to the picture's "
        "right.",
        unit="degrees",
        null=_NO_FACE,
    ),
    Column(
        "roll_deg",
        pa.float64(),
        "Tilt of the head in the picture; positive clockwise.",
        unit="degrees",
        null=_NO_FACE,
    ),
    Column(
        "change",
        pa.float64(),
        "How much the face's box changed since about a second before: mean absolute difference "
        "of grey levels, the camera's movement and the light's taken out.",
        values="0 to 255",
        null="there is nothing to compare with",
        since=2,
        csv=None,
    ),
    Column(
        "scene_change",
        pa.float64(),
        "The same outside all faces, median over the picture.",
        values="0 to 255",
        null="there is nothing to compare with",
        since=2,
        csv=None,
    ),
    Column(
        "shard",
        pa.string(),
        "The tar that holds the crop as `{row_id}.jpg`.",
        null="there is no crop",
        published=False,
    ),
    Column(
        "respondent",
        pa.string(),
        "Whose row it is among those the recording is about.",
        values="1, 2, ... or a seat that the study declares",
        null="it is nobody's of them",
        since=2,
        manifest=False,
        csv=50,
    ),
    Column(
        "reason",
        pa.string(),
        "Why the row has no expression.",
        values=", ".join(reason.value for reason in RowReason),
        null="it has one",
        csv=80,
    ),
)
"""In the order of the tables."""

CSV_COLUMNS: tuple[Column, ...] = tuple(
    sorted(
        (column for column in COLUMNS if column.published and column.csv is not None),
        key=lambda column: column.csv or 0,
    )
)
"""In the order of the spreadsheet."""

LATER_COLUMNS: frozenset[str] = frozenset(column.name for column in COLUMNS if column.since > 1)
"""Columns that tables written by earlier versions do not have: there they are null."""
