"""Make the golden pictures: `python -m ml.evaluation.golden_pictures`.

They are ours to commit: crops of the portrait of astronaut Eileen Collins that
scikit-image ships (NASA, public domain), and drawn faces.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

GOLDEN_DIR = Path(__file__).parent / "golden"

_SIDE = 112
_FACE_BOX = (171, 54, 110)
"""Left, top, side of the face in the portrait, pixels."""

Picture = npt.NDArray[np.uint8]


def make() -> dict[str, Picture]:
    """Return the pictures by name, BGR or grey uint8."""
    from skimage import data

    astronaut = data.astronaut()  # type: ignore[no-untyped-call]
    portrait = cv2.cvtColor(astronaut, cv2.COLOR_RGB2BGR)
    left, top, side = _FACE_BOX
    face = cv2.resize(
        portrait[top : top + side, left : left + side], (_SIDE, _SIDE), interpolation=cv2.INTER_AREA
    )
    grey = cv2.cvtColor(face, cv2.COLOR_BGR2GRAY)
    warm = np.clip(face * np.array([0.55, 0.75, 0.95]), 0, 255).astype(np.uint8)
    return {
        "portrait": face,
        "portrait_grey_48": cv2.resize(grey, (48, 48), interpolation=cv2.INTER_AREA),
        "portrait_warm_mirrored": np.ascontiguousarray(warm[:, ::-1]),
        "drawn_smile": _drawn(mouth=(0, 180), brow_lift=0, open_mouth=False),
        "drawn_frown": _drawn(mouth=(180, 360), brow_lift=-3, open_mouth=False),
        "drawn_open_mouth": _drawn(mouth=(0, 360), brow_lift=6, open_mouth=True),
    }


def _drawn(*, mouth: tuple[int, int], brow_lift: int, open_mouth: bool) -> Picture:
    image = np.full((_SIDE, _SIDE, 3), 90, np.uint8)
    cv2.ellipse(image, (56, 58), (42, 54), 0, 0, 360, (150, 175, 205), -1, cv2.LINE_AA)
    for x in (37, 75):
        cv2.ellipse(image, (x, 45), (8, 5), 0, 0, 360, (240, 240, 240), -1, cv2.LINE_AA)
        cv2.circle(image, (x, 45), 3, (40, 40, 40), -1, cv2.LINE_AA)
        slope = 2 if x < _SIDE / 2 else -2
        start, end = (x - 9, 34 - brow_lift - slope), (x + 9, 34 - brow_lift + slope)
        cv2.line(image, start, end, (50, 60, 70), 3, cv2.LINE_AA)
    cv2.line(image, (56, 52), (53, 67), (110, 135, 165), 2, cv2.LINE_AA)
    centre = (56, 84) if mouth[0] == 0 else (56, 90)
    axes = (8, 11) if open_mouth else (15, 8)
    thickness = -1 if open_mouth else 3
    cv2.ellipse(image, centre, axes, 0, *mouth, (60, 60, 130), thickness, cv2.LINE_AA)
    return image


def main() -> None:
    """Write the pictures beside this module."""
    GOLDEN_DIR.mkdir(exist_ok=True)
    for name, picture in make().items():
        cv2.imwrite(str(GOLDEN_DIR / f"{name}.png"), picture)


if __name__ == "__main__":
    main()
