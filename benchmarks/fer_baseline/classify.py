"""Classify faces with `fer`, in fer's own environment: `classify.py faces.npz out/`.

Runs apart from the project (it imports none of it): the parent is `__main__.py`. Three
ways are measured on the same faces, all through fer's public `detect_emotions`, all with
the model it loads by default:

    as installed: the picture as it is, with the rectangle of the whole picture. fer
        widens every rectangle by its default offsets of 10 pixels and fills what lies
        outside with grey: at 48 pixels a wide frame.
    offsets off: the same with `FER(offsets=(0, 0))`: of the sizes 48 to 320 and offsets
        0 and 10, this did best for fer on the validation split (0.685 against 0.578 as
        installed), so it is the fairest to fer.
    own detector: fer looks for the face itself with its default Haar cascade, in the
        picture enlarged to `ENLARGED_SIDE_PX` (its smallest face is 50 pixels). A face
        that is not found has no answer (null).

The labels are written under the platform's names.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from fer.fer import FER

OURS = {
    "angry": "anger",
    "disgust": "disgust",
    "fear": "fear",
    "happy": "happiness",
    "neutral": "neutral",
    "sad": "sadness",
    "surprise": "surprise",
}
ENLARGED_SIDE_PX = 224

Classify = Callable[[np.ndarray], "dict[str, float] | None"]


def with_box(detector: FER) -> Classify:
    """Hand over the rectangle of the whole picture."""

    def classify(grey: np.ndarray) -> dict[str, float] | None:
        height, width = grey.shape
        colour = cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR)
        return _best(detector.detect_emotions(colour, face_rectangles=[(0, 0, width, height)]))

    return classify


def with_own_detector(detector: FER, side_px: int) -> Classify:
    """Let fer find the face in the enlarged picture; the largest one counts."""

    def classify(grey: np.ndarray) -> dict[str, float] | None:
        return _best(detector.detect_emotions(_colour(grey, side_px)))

    return classify


def _colour(grey: np.ndarray, side_px: int) -> np.ndarray:
    enlarged = cv2.resize(grey, (side_px, side_px), interpolation=cv2.INTER_CUBIC)
    return cv2.cvtColor(enlarged, cv2.COLOR_GRAY2BGR)


def _best(found: list[dict[str, Any]]) -> dict[str, float] | None:
    if not found:
        return None
    largest = max(found, key=lambda face: int(face["box"][2]) * int(face["box"][3]))
    return {OURS[name]: float(share) for name, share in largest["emotions"].items()}


def answers(
    name: str, classify: Classify, images: np.ndarray, keys: list[str], labels: list[str]
) -> dict[str, Any]:
    """Return one document of answers, as `ml.evaluation.answers` reads it."""
    rows: list[list[float] | None] = []
    begun = time.perf_counter()
    for grey in images:
        emotions = classify(grey)
        if emotions is None:
            rows.append(None)
            continue
        total = sum(emotions.values())
        rows.append([emotions[label] / total for label in labels])
    seconds = time.perf_counter() - begun
    return {
        "model": name,
        "labels": labels,
        "keys": keys,
        "probabilities": rows,
        "faces_per_s": round(len(images) / seconds, 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("faces", type=Path, help="npz of `images` (N, h, w), `keys`, `labels`")
    parser.add_argument("out", type=Path, help="folder for one answers file per way")
    arguments = parser.parse_args()
    with np.load(arguments.faces) as faces:
        images, keys, labels = faces["images"], faces["keys"].tolist(), faces["labels"].tolist()
    version = importlib.metadata.version("fer")
    arguments.out.mkdir(parents=True, exist_ok=True)
    for file, way, classify in (
        ("fer-installed.json", "as installed", with_box(FER())),
        ("fer-no-offsets.json", "offsets off", with_box(FER(offsets=(0, 0)))),
        ("fer-own-detector.json", "own detector", with_own_detector(FER(), ENLARGED_SIDE_PX)),
    ):
        document = answers(f"fer {version}, {way}", classify, images, keys, labels)
        (arguments.out / file).write_text(json.dumps(document), encoding="utf-8")
        print(f"{file}: {document['faces_per_s']} faces/s")


if __name__ == "__main__":
    main()
