"""Answers of a packed model for arrays of pictures, through the AWS handler."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterable, Sequence

import cv2
import numpy as np
import numpy.typing as npt

from include.contracts.answers import ANSWER
from include.contracts.errors import PlatformError
from ml.serving.handler import PackedModel

_SHARD_PICTURES = 512


def shard(pictures: Iterable[tuple[str, bytes]]) -> bytes:
    """Return a tar of encoded pictures, each named `{row_id}.jpg`."""
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for row_id, data in pictures:
            member = tarfile.TarInfo(f"{row_id}.jpg")
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return sink.getvalue()


def packed_logits(
    model: PackedModel, images: Sequence[npt.NDArray[np.uint8]]
) -> npt.NDArray[np.float64]:
    """Return logits (N, classes) of grey (h, w) or BGR (h, w, 3) pictures.

    Pictures travel as PNG, so that nothing is lost on the way.

    Raises:
        PlatformError: The package could not decode one of them.
    """
    parts = [
        encoded_logits(model, [_png(image) for image in images[start : start + _SHARD_PICTURES]])
        for start in range(0, len(images), _SHARD_PICTURES)
    ]
    return np.concatenate(parts)


def encoded_logits(model: PackedModel, pictures: Sequence[bytes]) -> npt.NDArray[np.float64]:
    """Return logits (N, classes) of picture files (JPEG, PNG), as the pipeline sends them.

    Raises:
        PlatformError: The package could not decode one of them.
    """
    rows: list[tuple[float, ...]] = []
    for start in range(0, len(pictures), _SHARD_PICTURES):
        part = pictures[start : start + _SHARD_PICTURES]
        named = ((str(i), data) for i, data in enumerate(part))
        body, _ = model.invoke(shard(named), "application/x-tar")
        for answer in ANSWER.read_lines(body, "the answers of the package"):
            if answer.logits is None:
                raise PlatformError(f"picture {answer.row_id}: {answer.error}")
            rows.append(answer.logits)
    return np.array(rows, np.float64)


def _png(image: npt.NDArray[np.uint8]) -> bytes:
    done, data = cv2.imencode(".png", image)
    if not done:
        raise PlatformError("a picture could not be encoded")
    return bytes(data.tobytes())
