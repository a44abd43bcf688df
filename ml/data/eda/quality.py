"""Light, contrast and sharpness of every picture."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from ml.data.records import ImageArray

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Measure:
    """One property of all pictures.

    Attributes:
        name: For machines.
        title: For people.
        unit: What a value counts.
        values: (N,) one value per picture.
    """

    name: str
    title: str
    unit: str
    values: Floats


def measures(images: ImageArray) -> list[Measure]:
    """Measure pictures of shape (N, height, width).

    Sharpness is the variance of the Laplacian (Pech-Pacheco et al. 2000), on a log scale
    because it spans four decades; it grows with noise as well as with detail.
    """
    brightness, contrast, sharpness = (np.empty(len(images)) for _ in range(3))
    for row, image in enumerate(images):
        mean, deviation = cv2.meanStdDev(image)
        brightness[row], contrast[row] = mean[0, 0], deviation[0, 0]
        edges = cv2.meanStdDev(cv2.Laplacian(image, cv2.CV_64F))[1]
        sharpness[row] = edges[0, 0] ** 2
    return [
        Measure("brightness", "Brightness", "mean grey level, 0 to 255", brightness),
        Measure("contrast", "Contrast", "standard deviation of the grey levels", contrast),
        Measure(
            "sharpness",
            "Sharpness",
            "variance of the Laplacian, log10",
            np.log10(np.maximum(sharpness, 1.0)),
        ),
    ]
