"""The people of the made recordings: photographs, where the face is in them, and their half.

`people.csv` names the photographs of FairFace's audit set that are used: adults and
adolescents, one face, found upright and nearly frontal, sharp and neither dark nor
glaring. `python -m benchmarks.identity.select` writes it. The list is committed, so that
another detector does not make another benchmark.

`lookalikes.csv` pairs people of one half, of the same annotated age band, gender and group, who
are nearest to each other by the face descriptor of dlib (`dlib_face_recognition_resnet_model_v1`,
150x150 chips aligned by five points; distance 0.40 to 0.52, while the median of any two is 0.79
and 1 % are under 0.54). Nobody is in two pairs. All were looked at: three more pairs were
photographs of one and the same person, or might be. `same_person.csv` names those, and they
count as one.
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import cv2
import numpy as np

from include.contracts.errors import ConfigurationError
from include.governance.bias.fixed_set import open_fixed_set
from include.video.detection import Image

SIDE_PX = 224
"""Side of every photograph, as the audit set stores them."""
AUDIT_ZIP = "fairface-audit.zip"
HALVES = ("dev", "test")
_TABLE = Path(__file__).with_name("people.csv")
_PAIRS = Path(__file__).with_name("lookalikes.csv")
_SAME = Path(__file__).with_name("same_person.csv")


def half_of(file: str) -> str:
    """Return "dev" or "test": by a hash of the photograph's name, so nobody is in both."""
    return HALVES[hashlib.sha256(file.encode()).digest()[0] % 2]


@dataclass(frozen=True)
class Person:
    """Somebody of whom there is one photograph.

    Attributes:
        name: Says who it is in the truth: the file name of the photograph, or of another one
            of the same person.
        picture: The photograph as a file's bytes.
        box_px: x, y, width, height of the face in the photograph of `SIDE_PX` squared.
        landmarks_px: Eyes, nose and corners of the mouth, in the order of the face template.
    """

    name: str
    picture: bytes
    box_px: tuple[float, float, float, float]
    landmarks_px: tuple[tuple[float, float], ...]

    @cached_property
    def image_bgr(self) -> Image:
        """The photograph, `SIDE_PX` squared."""
        image = cv2.imdecode(np.frombuffer(self.picture, np.uint8), cv2.IMREAD_COLOR)
        if image is None:
            raise ConfigurationError("FEX_SHARED_DATA", f"{self.name} cannot be decoded")
        return np.asarray(cv2.resize(image, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_AREA))


@dataclass(frozen=True, slots=True)
class Cast:
    """The people of one half.

    Attributes:
        people: Everybody, in an order as good as random.
        lookalikes: Pairs of them that are hard to tell apart.
    """

    people: tuple[Person, ...]
    lookalikes: tuple[tuple[Person, Person], ...]


def load_cast(zip_path: Path, half: str) -> Cast:
    """Read the people of a half out of the audit set.

    Raises:
        ConfigurationError: The set is not there, or is another one than `people.csv` was
            made from.
    """
    rows = {row["file"]: row for row in _read(_TABLE) if half_of(row["file"]) == half}
    opened = open_fixed_set(zip_path)
    chosen = [face for face in opened.faces if face.file in rows]
    if len(chosen) != len(rows):
        raise ConfigurationError(
            "FEX_SHARED_DATA",
            f"{zip_path} lacks {len(rows) - len(chosen)} photographs that {_TABLE.name} names: "
            "it is another set; run `python -m benchmarks.identity.select`",
        )
    same = {row["one"]: row["other"] for row in _read(_SAME)}
    people = {
        face.file: _person(same.get(face.file, face.file), picture, rows[face.file])
        for face, picture in zip(chosen, opened.pictures(chosen), strict=True)
    }
    pairs = [(row["one"], row["other"]) for row in _read(_PAIRS)]
    return Cast(
        tuple(people.values()),
        tuple((people[a], people[b]) for a, b in pairs if a in people and b in people),
    )


def _person(name: str, picture: bytes, row: dict[str, str]) -> Person:
    numbers = [float(row[f"p{index}"]) for index in range(14)]
    points = tuple(zip(numbers[4::2], numbers[5::2], strict=True))
    return Person(name, picture, (numbers[0], numbers[1], numbers[2], numbers[3]), points)


def person_row(
    file: str, box_px: Sequence[float], landmarks_px: Sequence[Sequence[float]]
) -> dict[str, str]:
    """Return the row of `people.csv` that `load_cast` reads."""
    numbers = [*box_px, *(value for point in landmarks_px for value in point)]
    return {"file": file, **{f"p{i}": f"{value:.1f}" for i, value in enumerate(numbers)}}


def _read(path: Path) -> list[dict[str, str]]:
    if not path.is_file():
        raise ConfigurationError("benchmarks.identity", f"{path} is missing")
    with path.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))
