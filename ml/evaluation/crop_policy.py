"""Choose how a face is cut out of a video frame, by measurement.

Labelled validation faces are pasted into larger colour frames at several sizes,
turned, tinted and relit; a detector finds them again; each candidate policy cuts
out the same found faces; the packed model answers. The policy with the most right
answers wins.

The detector comes from the caller: `python -m ml.evaluation.crop_policy --data
ferplus.zip --detector tests.unit.ml.video_tools:find_face`.
"""

from __future__ import annotations

import argparse
import importlib
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import torch

from include.contracts.face_template import FACE_CROP_SIDE_PX, FACE_TEMPLATE_UNIT
from include.statistics import counts, words
from include.statistics.estimate import Estimate
from ml.command import run_command
from ml.data.location import add_data_argument
from ml.evaluation.packed import packed_logits
from ml.evaluation.split import labelled_split
from ml.packaging.unpack import unpack_package
from ml.serving.handler import PackedModel

FRAME_WIDTH_PX, FRAME_HEIGHT_PX = 640, 360
FACE_SIDES_PX = (80, 112, 160, 240)
TURN_DEG = 15.0
STORED = "as stored, no frame"

_CHUNK_FACES = 128

Image = npt.NDArray[np.uint8]
Points = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Face:
    """What a detector says: box (x, y, width, height) and five (x, y) landmarks, pixels."""

    box_px: tuple[float, float, float, float]
    landmarks_px: tuple[tuple[float, float], ...]


Detector = Callable[[Image], Face | None]
"""BGR frame in, best face out."""
Policy = Callable[[Image, Face], Image]
"""BGR frame and face in, square BGR crop out."""


@dataclass(frozen=True, slots=True)
class Pasted:
    """A colour frame (360 x 640 BGR) with one face in it, and where it is, pixels."""

    frame: Image
    centre_px: tuple[float, float]
    side_px: int


def pasted(face: Image, generator: np.random.Generator) -> Image:
    """Return a colour frame with one grey face in it, of a size drawn at random."""
    return paste(face, int(generator.choice(FACE_SIDES_PX)), generator).frame


def paste(face: Image, side: int, generator: np.random.Generator) -> Pasted:
    """Put a grey face of `side` pixels into a colour frame: turned, tinted and relit."""
    frame = _background(generator)
    large = cv2.resize(face, (side, side), interpolation=cv2.INTER_CUBIC).astype(np.float64)
    tint = generator.uniform(0.6, 1.15, 3) * generator.uniform(0.7, 1.1)
    ramp = 1 + generator.uniform(-0.25, 0.25) * np.linspace(-1, 1, side)
    colour = large[:, :, None] * tint * ramp[None, :, None]
    x = float(generator.uniform(side * 0.7, FRAME_WIDTH_PX - side * 0.7))
    y = float(generator.uniform(side * 0.7, FRAME_HEIGHT_PX - side * 0.7))
    turn = cv2.getRotationMatrix2D((side / 2, side / 2), generator.uniform(-TURN_DEG, TURN_DEG), 1)
    turn[:, 2] += (x - side / 2, y - side / 2)
    size = (FRAME_WIDTH_PX, FRAME_HEIGHT_PX)
    placed = cv2.warpAffine(colour, turn, size, flags=cv2.INTER_LINEAR)
    mask = cv2.warpAffine(np.ones((side, side)), turn, size, flags=cv2.INTER_LINEAR)[:, :, None]
    mixed = placed * mask + frame * (1 - mask) + generator.normal(0, 2, frame.shape)
    return Pasted(np.asarray(np.clip(mixed, 0, 255), np.uint8), (x, y), side)


def _background(generator: np.random.Generator) -> npt.NDArray[np.float64]:
    coarse = generator.uniform(20, 230, (5, 8, 3))
    size = (FRAME_WIDTH_PX, FRAME_HEIGHT_PX)
    return np.asarray(cv2.resize(coarse, size, interpolation=cv2.INTER_CUBIC), np.float64)


def aligned(scale: float) -> Policy:
    """Bring the landmarks to the face template, its shape scaled about the crop's centre."""
    template = (np.array(FACE_TEMPLATE_UNIT) - 0.5) * scale + 0.5

    def crop(frame: Image, face: Face) -> Image:
        source = np.array(face.landmarks_px, np.float64)
        return _warp(frame, similarity(source, template * FACE_CROP_SIDE_PX))

    return crop


def boxed(margin: float) -> Policy:
    """Cut a square about the box, its longer side grown by `margin` of itself in all."""

    def crop(frame: Image, face: Face) -> Image:
        x, y, width, height = face.box_px
        scale = FACE_CROP_SIDE_PX / (max(width, height) * (1 + margin))
        shift = FACE_CROP_SIDE_PX / 2 - scale * np.array([x + width / 2, y + height / 2])
        return _warp(frame, np.array([[scale, 0, shift[0]], [0, scale, shift[1]]]))

    return crop


def reduced(policy: Policy, side_px: int) -> Policy:
    """Bring the crop of another policy down to the detail of the training pictures."""

    def crop(frame: Image, face: Face) -> Image:
        size = (side_px, side_px)
        small = cv2.resize(policy(frame, face), size, interpolation=cv2.INTER_AREA)
        return np.asarray(small, np.uint8)

    return crop


def similarity(source: Points, target: Points) -> Points:
    """Return the 2 x 3 least-squares similarity transform of points (Umeyama 1991)."""
    source_mean, target_mean = source.mean(axis=0), target.mean(axis=0)
    a, b = source - source_mean, target - target_mean
    norm = float((a**2).sum())
    cosine = float((a * b).sum()) / norm
    sine = float((a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]).sum()) / norm
    turn = np.array([[cosine, -sine], [sine, cosine]])
    return np.hstack([turn, (target_mean - turn @ source_mean)[:, None]])


def _warp(frame: Image, transform: Points) -> Image:
    scale = float(np.hypot(transform[0, 0], transform[1, 0]))
    if scale < 0.5:  # bilinear warping alone would alias
        small = cv2.resize(frame, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        factor = np.array([frame.shape[1] / small.shape[1], frame.shape[0] / small.shape[0]])
        frame, transform = small, np.hstack([transform[:, :2] * factor, transform[:, 2:]])
    side = (FACE_CROP_SIDE_PX, FACE_CROP_SIDE_PX)
    return np.asarray(
        cv2.warpAffine(
            frame, transform, side, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        ),
        np.uint8,
    )


POLICIES: Mapping[str, Policy] = {
    "aligned, scale 0.85": aligned(0.85),
    "aligned, scale 0.95": aligned(0.95),
    "aligned, scale 1.00": aligned(1.00),
    "same, reduced to 48 px": reduced(aligned(1.00), 48),
    "aligned, scale 1.05": aligned(1.05),
    "aligned, scale 1.10": aligned(1.10),
    "aligned, scale 1.20": aligned(1.20),
    "box, margin -0.10": boxed(-0.10),
    "box, margin 0.00": boxed(0.0),
    "box, margin 0.15": boxed(0.15),
    "box, margin 0.30": boxed(0.30),
}
"""Scale 1.00 is the sealed template, 0.95 the plain mean shape of FER+."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the comparison; the interval is the 95 % Wilson interval."""

    policy: str
    right: int
    n: int

    @property
    def accuracy(self) -> Estimate:
        """Share of right answers."""
        return counts.share(self.right, self.n)


def compare(
    faces: Sequence[Image],
    labels: npt.NDArray[np.int64],
    detect: Detector,
    answer: Callable[[Sequence[Image]], npt.NDArray[np.int64]],
    *,
    policies: Mapping[str, Policy] = POLICIES,
    seed: int = 0,
) -> list[Row]:
    """Measure every policy on the same pasted faces.

    Args:
        faces: Grey faces with known labels.
        labels: Their labels.
        detect: Finds the face in a frame.
        answer: Label index per crop.
        policies: Candidates by name.
        seed: Seed of placing, tint and light.

    Returns:
        One row for the found faces as they were stored, then one per policy. Faces
        that the detector misses would be missed by all and are left out.
    """
    generator = np.random.default_rng(seed)
    names = (STORED, *policies)
    right = dict.fromkeys(names, 0)
    count = 0
    for start in range(0, len(faces), _CHUNK_FACES):
        crops: dict[str, list[Image]] = {name: [] for name in names}
        truth: list[int] = []
        for place in range(start, min(start + _CHUNK_FACES, len(faces))):
            frame = pasted(faces[place], generator)
            seen = detect(frame)
            if seen is None:
                continue
            truth.append(int(labels[place]))
            crops[STORED].append(faces[place])
            for name, policy in policies.items():
                crops[name].append(policy(frame, seen))
        if truth:
            count += len(truth)
            for name in names:
                right[name] += int((answer(crops[name]) == np.array(truth)).sum())
    return [Row(name, right[name], count) for name in names]


def main() -> None:
    """Print the comparison for a package."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--package", type=Path, default=Path("ml/weights/model.tar.gz"))
    add_data_argument(parser)
    parser.add_argument("--detector", required=True, help="module:function")
    parser.add_argument("--faces", type=int, default=1000)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    module, _, function = arguments.detector.partition(":")
    detect: Detector = getattr(importlib.import_module(module), function)
    table, labels = labelled_split(arguments.data, "validation")
    chosen = np.random.default_rng(0).permutation(len(labels))[: arguments.faces]
    with tempfile.TemporaryDirectory() as scratch:
        model = PackedModel.open(unpack_package(arguments.package, Path(scratch)))

        def answer(crops: Sequence[Image]) -> npt.NDArray[np.int64]:
            return np.asarray(packed_logits(model, crops).argmax(axis=1), np.int64)

        rows = compare(list(table.images[chosen]), labels[chosen], detect, answer)
    sys.stdout.write(format_rows(rows, len(chosen)) + "\n")


def format_rows(rows: Sequence[Row], pasted_faces: int) -> str:
    """Return the comparison as a table."""
    lines = [f"found {rows[0].n} of {pasted_faces} pasted faces", ""]
    lines.append(f"{'policy':<24}{'right':>7}{'n':>7}{'accuracy':>10}  95 % interval")
    lines += [
        f"{row.policy:<24}{row.right:>7}{row.n:>7}{words.plain(row.accuracy.value):>10}  "
        f"{words.span(row.accuracy)}"
        for row in rows
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    run_command(main)
