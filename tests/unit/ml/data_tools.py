"""Tiny data sets in the layouts people download, made of drawings."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path

import cv2
import numpy as np

from include.contracts.labels import EXPRESSIONS
from ml.data.fer2013 import CODES as FER2013_CODES
from ml.data.rafdb import CODES as RAFDB_CODES
from tests.unit.ml.conftest import generated_face


def colour_face(expression: str, seed: int, side: int = 100) -> np.ndarray:
    grey = generated_face(EXPRESSIONS.index(expression), seed)
    large = cv2.resize(grey, (side, side), interpolation=cv2.INTER_CUBIC)
    return cv2.applyColorMap(large, cv2.COLORMAP_PINK)


def encoded(pixels: np.ndarray, suffix: str = ".png") -> bytes:
    return cv2.imencode(suffix, pixels)[1].tobytes()


def write_files(root: Path, files: Mapping[str, bytes | str]) -> Path:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return root


def write_zip(path: Path, files: Mapping[str, bytes | str]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def fer2013_row(expression: str, seed: int, usage: str = "Training") -> str:
    grey = generated_face(EXPRESSIONS.index(expression), seed)
    values = " ".join(str(value) for value in grey.ravel())
    return f"{FER2013_CODES.index(expression)},{values},{usage}\n"


def fer2013_csv(seed: int = 50) -> str:
    rows = [fer2013_row(name, seed) for name in FER2013_CODES]
    rows.append(fer2013_row("anger", seed + 1, "PublicTest"))
    rows.append(fer2013_row("fear", seed + 2, "PrivateTest"))
    return "emotion,pixels,Usage\n" + "".join(rows)


def rafdb_mirror() -> dict[str, bytes | str]:
    files: dict[str, bytes | str] = {"train_labels.csv": "image,label\n"}
    for part, digits in (("train", 5), ("test", 4)):
        for code, name in enumerate(RAFDB_CODES, start=1):
            file = f"DATASET/{part}/{code}/{part}_{code:0{digits}d}_aligned.jpg"
            files[file] = encoded(colour_face(name, code), ".jpg")
    return files


def rafdb_original() -> dict[str, bytes | str]:
    files: dict[str, bytes | str] = {}
    listed = []
    for part, digits in (("train", 5), ("test", 4)):
        for code, name in enumerate(RAFDB_CODES, start=1):
            stem = f"{part}_{code:0{digits}d}"
            listed.append(f"{stem}.jpg {code}\n")
            files[f"Image/aligned/{stem}_aligned.jpg"] = encoded(colour_face(name, code), ".jpg")
            landmarks = "".join(f"{20.5 + point}\t{30.25}\n" for point in range(5))
            files[f"Annotation/manual/{stem}_manu_attri.txt"] = (
                f"{landmarks}{code % 3}\n{code % 3}\n{code % 5}\n"
            )
    files["EmoLabel/list_patition_label.txt"] = "".join(listed)
    return files


def expw_files() -> dict[str, bytes | str]:
    """Seven pictures with one face each, the last with a second face at the edge."""
    files: dict[str, bytes | str] = {}
    rows = []
    for code, name in enumerate(FER2013_CODES):
        picture = np.zeros((120, 160, 3), np.uint8)
        picture[20:70, 40:90] = colour_face(name, code, 50)
        picture[90:120, 130:160] = colour_face(name, code + 100, 30)
        files[f"image/origin/{name}_{code}.jpg"] = encoded(picture)
        rows.append(f"{name}_{code}.jpg 0 20 40 90 70 61.9 {code}\n")
    rows.append(f"{FER2013_CODES[6]}_6.jpg 1 90 130 160 120 12.5 3\n")
    files["label/label.lst"] = "".join(rows)
    return files


def annotation_files() -> dict[str, bytes | str]:
    return {
        "images/a.png": encoded(colour_face("anger", 1, 64)),
        "images/b.png": encoded(generated_face(4, 2)),
        "labels.csv": (
            "file,annotator,label,labelled_at\n"
            "a.png,p1,anger,2026-11-01\n"
            "a.png,p2,disgust,2026-11-01\n"
            "b.png,p1,neutral,2026-11-01\n"
            "a.png,p3,unknown,2026-11-02\n"
            "a.png,p2,anger,2026-11-03\n"
        ),
    }


def fairface_zip(path: Path, faces: Iterable[tuple[np.ndarray, str, str, str]]) -> Path:
    """Colour pictures with age, gender and race, in FairFace's layout."""
    rows = list(faces)
    lines = [f"{n}.png,{age},{gender},{race}\n" for n, (_, age, gender, race) in enumerate(rows)]
    pictures = {f"images/{n}.png": encoded(pixels) for n, (pixels, *_) in enumerate(rows)}
    return write_zip(path, {**pictures, "labels.csv": "file,age,gender,race\n" + "".join(lines)})


def fairface_files() -> dict[str, bytes | str]:
    return {
        "images/1.jpg": encoded(colour_face("neutral", 11, 96), ".jpg"),
        "images/2.jpg": encoded(colour_face("neutral", 12, 96), ".jpg"),
        "labels.csv": (
            "file,age,gender,race\n1.jpg,3-9,Male,East Asian\n2.jpg,more than 70,Female,Black\n"
        ),
    }
