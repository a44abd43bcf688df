"""People of the project's own for made recordings: the posed portrait, bent and tinted by name."""

from __future__ import annotations

import cv2

from benchmarks.identity.people import SIDE_PX, Person
from include.made_media import posed_faces


def a_person(name: str = "ada") -> Person:
    """Somebody of the project's own, with the place of the face in the photograph."""
    head = posed_faces.head(name, "neutral", posed_faces.Lighting(noise=0.0))
    scale = SIDE_PX / posed_faces.HEAD_SIDE_PX
    landmarks = tuple((x * scale, y * scale) for x, y in posed_faces.LANDMARKS_PX)
    picture = bytes(cv2.imencode(".png", head)[1])
    return Person(name, picture, (52.0, 45.0, 115.0, 140.0), landmarks)
