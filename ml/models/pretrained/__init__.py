"""Weights a training may start from, by name; fetched once, then read from a folder."""

from ml.models.pretrained.start import (
    ARCHITECTURE_OF,
    FOLDER,
    IMAGENET_NPM,
    TORCHVISION,
    VGGFACE2_NPM,
    start_from,
)

__all__ = [
    "ARCHITECTURE_OF",
    "FOLDER",
    "IMAGENET_NPM",
    "TORCHVISION",
    "VGGFACE2_NPM",
    "start_from",
]
