"""The demonstration's own data sets: a labelled archive and an audit set.

No data set has to be downloaded: both show the posed portrait as people whom no week shows.
The archive stands for the labelled faces that a model was accepted on; beside it new labels
are learnt, so that what could be read before is not forgotten. Its people are on one side
each: most train, the others select and measure.
"""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from include.contracts.face_template import FACE_CROP_SIDE_PX
from include.contracts.labels import EXPRESSIONS
from include.made_media.posed_faces import (
    HEAD_SIDE_PX,
    LANDMARKS_PX,
    READ_IN_DAYLIGHT,
    Lighting,
    head,
)
from include.video.alignment import aligned_crop, similarity_transform
from include.video.detection import Image
from ml.data.annotations import COLUMNS, IMAGE_FOLDER, LABEL_FILE
from ml.data.annotations import NAME as ANNOTATIONS
from ml.data.duplicates import near_duplicate_groups
from ml.data.records import content_key, grey_square
from ml.data.splits import SplitManifest, SplitName

ARCHIVE_PEOPLE = 48
AUDIT_PEOPLE = 260
"""Two groups of more than the 120 people that a judged figure rests on."""
AUDIT_GROUPS = ("A", "B")
_ARCHIVE, _SPLIT, _AUDIT_SET = "archive", "archive-split.txt.gz", "audit-set.zip"
_AUDIT_SIDE_PX = 224
_HEAD_SCALE = 0.45
"""Of the archive's heads: about as large as in a recording."""
_ARCHIVE_ANNOTATORS = 2
_LIGHT_GAINS = (0.45, 1.0)


def settings_of(folder: Path) -> dict[str, str]:
    """Return the settings that name the sets of a folder."""
    return {
        "FEX_RETRAINING__BASE_SET": f"{ANNOTATIONS}={folder / _ARCHIVE}",
        "FEX_RETRAINING__BASE_SPLIT": str(folder / _SPLIT),
        "FEX_AUDIT__FIXED_SET": str(folder / _AUDIT_SET),
    }


def write_archive(folder: Path) -> Path:
    """Write the archive in the layout of `ml.data.annotations`, its split last.

    Returns:
        The split manifest.
    """
    archive, split = folder / _ARCHIVE, folder / _SPLIT
    if split.exists():
        return split
    (archive / IMAGE_FOLDER).mkdir(parents=True, exist_ok=True)
    sides: dict[str, SplitName] = {}
    pictures: list[Image] = []
    with (archive / LABEL_FILE).open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for name, side, displayed, crop in _archive_faces():
            cv2.imwrite(str(archive / IMAGE_FOLDER / name), crop)
            for who in range(_ARCHIVE_ANNOTATORS):
                writer.writerow((name, f"archive-{who}", displayed))
            sides[content_key(crop)] = side
            pictures.append(crop)
    split.write_bytes(_manifest(sides, pictures).to_bytes())
    return split


def _archive_faces() -> Iterator[tuple[str, SplitName, str, Image]]:
    """Yield file name, side, what is displayed, and the crop as the pipeline would cut it."""
    side_px = round(HEAD_SIDE_PX * _HEAD_SCALE)
    scaled = [(x * _HEAD_SCALE, y * _HEAD_SCALE) for x, y in LANDMARKS_PX]
    cut = similarity_transform(scaled, FACE_CROP_SIDE_PX)
    assert cut is not None
    for number in range(ARCHIVE_PEOPLE):
        draw = np.random.default_rng(number)
        for displayed in EXPRESSIONS:
            lighting = Lighting(gain=float(draw.uniform(*_LIGHT_GAINS)), noise=3.0)
            picture = head(f"archive/{number}", displayed, lighting)
            small = cv2.resize(picture, (side_px, side_px), interpolation=cv2.INTER_AREA)
            crop = aligned_crop(np.asarray(small, np.uint8), cut, FACE_CROP_SIDE_PX)
            yield f"{number:03d}-{displayed}.png", _side(number), displayed, crop


def _side(number: int) -> SplitName:
    """Two people of three train; of the others one in two selects, one measures."""
    if number % 3:
        return "train"
    return "validation" if number % 2 else "test"


def _manifest(sides: dict[str, SplitName], pictures: list[Image]) -> SplitManifest:
    groups = near_duplicate_groups(np.stack([grey_square(crop, 48) for crop in pictures]))
    keys = [key[:16] for key in sides]
    return SplitManifest(
        dict(zip(keys, sides.values(), strict=True)),
        dict(zip(keys, groups.tolist(), strict=True)),
    )


def write_audit_set(folder: Path) -> Path:
    """Write the fixed set of the bias audit: two groups who differ in nothing but their name.

    Returns:
        The zip, as `include.governance.bias.fixed_set` reads it.
    """
    path = folder / _AUDIT_SET
    if path.exists():
        return path
    draft = path.with_name(f".{path.name}")
    lines = io.StringIO()
    writer = csv.writer(lines)
    writer.writerow(("file", "group"))
    side = (_AUDIT_SIDE_PX, _AUDIT_SIDE_PX)
    with zipfile.ZipFile(draft, "w") as archive:
        for number in range(AUDIT_PEOPLE):
            # What a person displays does not depend on the group.
            displayed = READ_IN_DAYLIGHT[number // len(AUDIT_GROUPS) % len(READ_IN_DAYLIGHT)]
            picture = head(f"audit/{number}", displayed, Lighting())
            small = cv2.resize(picture, side, interpolation=cv2.INTER_AREA)
            name = f"{number:03d}.jpg"
            archive.writestr(f"images/{name}", cv2.imencode(".jpg", small)[1].tobytes())
            writer.writerow((name, AUDIT_GROUPS[number % len(AUDIT_GROUPS)]))
        archive.writestr("labels.csv", lines.getvalue())
    return draft.replace(path)
