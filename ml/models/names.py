"""What packages call their network and its input. Imports nothing that is slow."""

from __future__ import annotations

from typing import Literal

ARCHITECTURE = "torchvision.mobilenet_v2"

Normalisation = Literal["picture", "imagenet"]
"""`picture`: each to mean 0 and standard deviation 1. `imagenet`: the means and
deviations of ImageNet's channels, as published networks expect."""

CONTRAST_FLOOR = 0.03
"""Smallest standard deviation divided by, in units of full scale: a flat
picture stays flat instead of becoming amplified noise."""
