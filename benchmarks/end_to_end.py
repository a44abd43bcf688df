"""From a frame to an answer: `python -m benchmarks.end_to_end [--model model.tar.gz]`.

Held-out faces are pasted at several sizes into larger colour frames, turned by up to 15
degrees, tinted and unevenly lit (`ml.evaluation.crop_policy`). Each frame goes through
the picture analysis of video extraction itself, with its default settings: detect,
judge, align, cut out, JPEG. The packed model answers those crops, and the same faces as
they are stored. Printed are both accuracies, their paired difference with a 95 %
bootstrap interval, and the share of faces that the pipeline did not hand to the model,
with their reasons; a second difference counts those as errors.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from include.contracts.errors import ConfigurationError
from include.settings import ExtractionSettings
from include.statistics import words
from include.statistics.bootstrap import Bootstrap
from include.statistics.estimate import Estimate
from include.video.analysis import (
    AnalysedFace,
    AnalysisOptions,
    CpuSeconds,
    PictureAnalyser,
    detector_for,
)
from include.video.face_quality import QualityLimits
from ml.data.ferplus import NAME as FERPLUS
from ml.data.location import add_data_argument
from ml.evaluation.answers import OpenPackage, open_package
from ml.evaluation.crop_policy import FACE_SIDES_PX, Pasted, paste
from ml.evaluation.manifests import manifest_of
from ml.evaluation.rows import ScoredRows, load_rows

COMMITTED = Path(__file__).parents[1] / "ml" / "weights" / "model.tar.gz"
GOAL_POINTS = 1.5
NOT_FOUND = "no face found"

Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class SizeResult:
    """One size of pasted face, or all sizes together (`side_px` is None).

    Attributes:
        side_px: Side of the pasted face.
        direct: Accuracy on all faces as they are stored.
        handed_over: Share of the faces that reached the model.
        direct_handed_over: Accuracy of the stored pictures of those.
        pipeline: Accuracy of the pipeline's crops of those.
        difference: Pipeline less direct on those, paired.
        difference_all: The same over all faces, one that did not arrive being wrong.
    """

    side_px: int | None
    direct: Estimate
    handed_over: Estimate
    direct_handed_over: Estimate
    pipeline: Estimate
    difference: Estimate
    difference_all: Estimate

    def to_json(self) -> dict[str, Any]:
        figures = {name: getattr(self, name) for name in self.__slots__ if name != "side_px"}
        return {
            "side_px": self.side_px,
            **{name: figure.to_json() for name, figure in figures.items()},
        }


def analyser(settings: ExtractionSettings) -> PictureAnalyser:
    """Return the picture analysis as the extraction builds it from its settings."""
    quality = {name: getattr(settings, name) for name in QualityLimits.__slots__}
    options = {
        name: getattr(settings, name) for name in AnalysisOptions.__slots__ if name != "quality"
    }
    chosen = AnalysisOptions(**options, quality=QualityLimits(**quality))
    return PictureAnalyser(chosen, CpuSeconds(), detector_for(chosen))


def face_at(faces: Sequence[AnalysedFace], where: Pasted) -> AnalysedFace | None:
    """Return the largest face whose box has its centre on the pasted one."""
    reach = where.side_px / 2
    for face in faces:  # largest first
        box = face.detection
        x, y = box.x_px + box.width_px / 2, box.y_px + box.height_px / 2
        if abs(x - where.centre_px[0]) <= reach and abs(y - where.centre_px[1]) <= reach:
            return face
    return None


def run_size(
    rows: ScoredRows, side_px: int, package: OpenPackage, analyse: PictureAnalyser
) -> tuple[Flags, Flags, Counter[str]]:
    """Paste every face at one size and let the pipeline find it.

    Returns:
        Which faces were handed to the model, which of them were answered right, both
        shape (N,), and why the others were not, by reason.
    """
    generator = np.random.default_rng(side_px)
    crops: list[bytes] = []
    places: list[int] = []
    reasons: Counter[str] = Counter()
    for place, image in enumerate(rows.images):
        where = paste(image, side_px, generator)
        face = face_at(analyse.analyse(place, where.frame).faces, where)
        if face is None or face.crop_jpeg is None:
            reasons[NOT_FOUND if face is None else str(face.reason)] += 1
            continue
        crops.append(face.crop_jpeg)
        places.append(place)
    handed_over, right = np.zeros(len(rows), np.bool_), np.zeros(len(rows), np.bool_)
    handed_over[places] = True
    answers = package.file_probabilities(crops).argmax(axis=1)
    right[places] = answers == rows.labels[places]
    return handed_over, right, reasons


def result(side_px: int | None, direct: Flags, handed_over: Flags, right: Flags) -> SizeResult:
    """Return the figures of arrays (faces, sizes); intervals resample the faces."""
    bootstrap = Bootstrap(len(direct))
    sizes = direct.shape[1]
    arrived = handed_over.sum(axis=1)
    per_face = np.maximum(arrived, 1)
    weights = arrived.astype(np.float64)

    def over_arrived(values: npt.NDArray[np.float64]) -> Estimate:
        return bootstrap.mean((values * handed_over).sum(axis=1) / per_face, weights)

    gain = right.astype(np.float64) - direct
    gain_all = (right & handed_over).astype(np.float64) - direct
    return SizeResult(
        side_px,
        bootstrap.mean(direct.mean(axis=1)),
        bootstrap.mean(arrived / sizes),
        over_arrived(direct.astype(np.float64)),
        over_arrived(right.astype(np.float64)),
        over_arrived(gain),
        bootstrap.mean(gain_all.mean(axis=1)),
    )


def format_results(results: Sequence[SizeResult], reasons: Counter[str], faces: int) -> str:
    """Return the table and the verdict on the goal."""
    lines = [
        f"{faces} held-out faces, each pasted at {len(results) - 1} sizes; 95 % intervals",
        "",
        (
            f"{'side':<8}{'handed over':<26}{'direct':<9}{'pipeline':<10}"
            f"{'difference, points':<25}{'not found counted wrong':<25}"
        ),
    ]
    for item in results:
        title = "all" if item.side_px is None else f"{item.side_px} px"
        lines.append(
            f"{title:<8}{words.number(item.handed_over, 3):<26}"
            f"{item.direct_handed_over.value:<9.3f}"
            f"{item.pipeline.value:<10.3f}{words.points(item.difference):<25}"
            f"{words.points(item.difference_all):<25}"
        )
    missed = ", ".join(f"{reason} {count}" for reason, count in reasons.most_common())
    lines += ["", f"not handed over: {missed or 'none'}"]
    whole = results[-1].difference
    kept = "within" if abs(whole.value) * 100 <= GOAL_POINTS else "outside"
    lines.append(f"the difference is {kept} the goal of {GOAL_POINTS} points")
    return "\n".join(lines)


def main() -> int:
    """Measure and print; 2 where a file is wrong."""
    parser = argparse.ArgumentParser(prog="benchmarks.end_to_end", description=__doc__)
    parser.add_argument("--model", type=Path, default=COMMITTED)
    add_data_argument(parser)
    parser.add_argument("--faces", type=int, default=1000, help="held-out faces, drawn at random")
    parser.add_argument("--sides", type=int, nargs="+", default=[*FACE_SIDES_PX], help="pixels")
    parser.add_argument("--json", type=Path, help="also write the figures there")
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    try:
        return _run(arguments)
    except ConfigurationError as error:
        sys.stderr.write(f"end_to_end: {error}\n")
        return 2


def _run(arguments: argparse.Namespace) -> int:
    with tempfile.TemporaryDirectory() as scratch:
        package = open_package(arguments.model, Path(scratch))
        rows = load_rows(arguments.data, FERPLUS, manifest_of(package.signature))
        rows = rows.take(np.random.default_rng(0).permutation(len(rows))[: arguments.faces])
        right_direct = package.probabilities(rows.images).argmax(axis=1) == rows.labels
        analyse = analyser(ExtractionSettings())
        runs = [run_size(rows, side, package, analyse) for side in arguments.sides]
    direct = np.repeat(right_direct[:, None], len(runs), axis=1)
    handed_over = np.stack([handed for handed, _, _ in runs], axis=1)
    right = np.stack([hits for _, hits, _ in runs], axis=1)
    columns = [
        result(side, direct[:, [i]], handed_over[:, [i]], right[:, [i]])
        for i, side in enumerate(arguments.sides)
    ]
    results = [*columns, result(None, direct, handed_over, right)]
    reasons = sum((reasons for _, _, reasons in runs), Counter[str]())
    sys.stdout.write(f"{package.name}\n{format_results(results, reasons, len(rows))}\n")
    if arguments.json is not None:
        document = {
            "model": package.name,
            "faces": len(rows),
            "not_handed_over": dict(reasons),
            "results": [item.to_json() for item in results],
        }
        arguments.json.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
