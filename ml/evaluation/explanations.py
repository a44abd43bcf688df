"""Pictures with their Grad-CAM maps: what right and wrong answers rest on."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt
import torch

from include.contracts.errors import PlatformError
from include.contracts.labels import EXPRESSIONS
from ml.data.records import ImageArray
from ml.evaluation.answers import OpenPackage
from ml.evaluation.gradcam import explained_layer, grad_cam
from ml.evaluation.metrics import Probabilities
from ml.evaluation.rows import ScoredRows
from ml.evaluation.unpacked import load_network, network_batch

SIDE_PX = 112
_HEAT_SHARE = 0.45
_SAME_ANSWER = 0.05
"""Mean difference of a probability: an int8 graph stays under it, another model does not."""
_JPEG_QUALITY = 85


@dataclass(frozen=True, slots=True)
class Explanation:
    """One picture beside its map.

    Attributes:
        truth: What the annotators' majority named.
        answer: What the model answered; the map shows what speaks for it.
        confidence: Probability of the answer.
        jpeg: The picture and, to its right, the same under its map: 224 x 112 px.
    """

    truth: str
    answer: str
    confidence: float
    jpeg: bytes

    @property
    def right(self) -> bool:
        """Whether the answer is the truth."""
        return self.truth == self.answer


def explain(
    package: OpenPackage, rows: ScoredRows, probabilities: Probabilities, per_class: int
) -> tuple[Explanation, ...]:
    """Explain up to `per_class` right and as many wrong answers per expression.

    The pictures are drawn at random, not picked. The network is the trained one outside
    of the packed code, so it is first held to the packed answers.

    Raises:
        PlatformError: The unpacked network does not answer as the package does.
    """
    chosen = _choose(probabilities.argmax(axis=1), rows.labels, per_class)
    if not len(chosen):
        return ()
    network = load_network(package.path, package.signature)
    batch = network_batch([rows.images[row] for row in chosen], package.signature)
    order = [package.signature.labels.index(label) for label in EXPRESSIONS]
    _hold_to_package(network, batch, probabilities[chosen], order, package)
    answers = probabilities[chosen].argmax(axis=1)
    classes = torch.tensor([order[answer] for answer in answers])
    maps = grad_cam(network, batch, classes, explained_layer(network, batch)).numpy()
    return tuple(
        Explanation(
            truth=EXPRESSIONS[rows.labels[row]],
            answer=EXPRESSIONS[answer],
            confidence=float(probabilities[row].max()),
            jpeg=_side_by_side(rows.images[row], heat),
        )
        for row, answer, heat in zip(chosen, answers, maps, strict=True)
    )


def _choose(
    answers: npt.NDArray[np.int64], labels: npt.NDArray[np.int64], per_class: int
) -> npt.NDArray[np.int64]:
    generator = np.random.default_rng(0)
    chosen: list[npt.NDArray[np.int64]] = []
    for label in range(len(EXPRESSIONS)):
        for right in (True, False):
            among = np.flatnonzero((labels == label) & ((answers == labels) == right))
            chosen.append(generator.permutation(among)[:per_class])
    return np.concatenate(chosen)


def _hold_to_package(
    network: torch.nn.Module,
    batch: torch.Tensor,
    packed: Probabilities,
    order: list[int],
    package: OpenPackage,
) -> None:
    with torch.inference_mode():
        logits = network(batch)
        if package.signature.preprocessing.flip_average:
            logits = (logits + network(batch.flip(3))) / 2
        logits = logits + torch.tensor(package.signature.logit_offset)
        shares = (logits / package.signature.temperature).softmax(dim=1).numpy()
    difference = float(np.abs(shares[:, order] - packed).mean())
    if difference > _SAME_ANSWER:
        raise PlatformError(
            f"{package.path}: the unpacked network's probabilities are {difference:.3f} off "
            "the packed ones on average, so its explanations would be of another model"
        )


def _side_by_side(image: ImageArray, heat: npt.NDArray[np.float32]) -> bytes:
    colour = image if image.ndim == 3 else cv2.cvtColor(image, cv2.COLOR_GRAY2BGR)
    size = (SIDE_PX, SIDE_PX)
    large = cv2.resize(colour, size, interpolation=cv2.INTER_CUBIC)
    tinted = cv2.resize(np.asarray(heat * 255, np.uint8), size, interpolation=cv2.INTER_LINEAR)
    tinted = cv2.applyColorMap(tinted, cv2.COLORMAP_VIRIDIS)
    under = cv2.addWeighted(large, 1 - _HEAT_SHARE, tinted, _HEAT_SHARE, 0)
    both = np.hstack([large, under])
    return bytes(cv2.imencode(".jpg", both, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])[1])
