"""Loader for ExpW, Expression in-the-Wild (Zhang et al. 2018).

`label.lst` has one row per face: image name, face number in it, box (top, left,
right, bottom, pixels), detector confidence, label 0 to 6 in FER2013's order. The
pictures are the web images as found, in a folder `origin` as the archive makes it
(or `image`, `images`, or beside the list).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ml.data.fer2013 import CODES
from ml.data.records import FaceRecord, ImageArray, votes_for
from ml.data.sources import DataSource, label_code, open_source

NAME = "expw"
LABEL_FILE = "label.lst"
MARGIN = 0.10
"""Share of the box's width and height added on each side."""
MIN_CONFIDENCE = 0.0
"""Detector scores of the release run to about 100; boxes are not filtered by default."""

_LABEL_FOLDERS = ("label/", "data/label/", "")
_IMAGE_FOLDERS = ("image/origin/", "data/image/origin/", "origin/", "image/", "images/", "")


def load_expw(
    path: Path, *, margin: float = MARGIN, min_confidence: float = MIN_CONFIDENCE
) -> Iterator[FaceRecord]:
    """Yield the faces of ExpW in colour, cut out of their pictures one at a time.

    Args:
        path: Folder or zip that holds `label.lst` and the pictures.
        margin: Share of the box added on each side; the crop ends at the picture's edge.
        min_confidence: Faces whose detector score is lower are left out.

    Raises:
        ConfigurationError: A file is missing, a row is malformed, or a box lies outside
            its picture; the message names it.
    """
    with open_source(NAME, path) as source:
        sheet = _first(source, _LABEL_FOLDERS, LABEL_FILE)
        folder: str | None = None
        last_name, last_picture = "", None
        for number, cells in source.rows(sheet, delimiter=" ", columns=8):
            where = f"{sheet} row {number}"
            name = cells[0]
            label = label_code(source, where, cells[7], CODES, 0)
            box, confidence = _numbers(source, where, cells[2:7])
            if confidence < min_confidence:
                continue
            if folder is None:
                folder = _first(source, _IMAGE_FOLDERS, name).removesuffix(name)
            # The faces of one picture follow each other: decode it once.
            if name != last_name or last_picture is None:
                last_name, last_picture = name, source.picture(folder + name, colour=True)
            face = _crop(source, where, last_picture, box, margin)
            yield FaceRecord(f"{name}#{cells[1]}", face, votes_for(label), NAME)


def _first(source: DataSource, folders: tuple[str, ...], name: str) -> str:
    for folder in folders:
        if source.has(folder + name):
            return folder + name
    wanted = " or ".join(folder or "./" for folder in folders)
    raise source.error(name, "is not there", f"it is looked for in {wanted}")


def _numbers(
    source: DataSource, where: str, cells: list[str]
) -> tuple[tuple[int, int, int, int], float]:
    try:
        top, left, right, bottom = (round(float(cell)) for cell in cells[:4])
        confidence = float(cells[4])
    except ValueError as error:
        raise source.error(
            where, f"has a box or confidence that is no number ({error})", "compare its neighbours"
        ) from error
    return (top, left, right, bottom), confidence


def _crop(
    source: DataSource,
    where: str,
    picture: ImageArray,
    box: tuple[int, int, int, int],
    margin: float,
) -> ImageArray:
    top, left, right, bottom = box
    height, width = picture.shape[:2]
    if not (left < right and top < bottom and left < width and top < height):
        raise source.error(
            where, f"has a box {box} outside its {width}x{height} picture", "drop the row"
        )
    more_x, more_y = round(margin * (right - left)), round(margin * (bottom - top))
    face = picture[
        max(0, top - more_y) : min(height, bottom + more_y),
        max(0, left - more_x) : min(width, right + more_x),
    ]
    if not face.size:
        raise source.error(
            where, f"has a box {box} outside its {width}x{height} picture", "drop the row"
        )
    # A copy lets go of the whole picture.
    return face.copy()
