"""ONNX graphs as bytes: reads and writes the few protocol-buffer fields that are needed.

The decoding child edits one published network and builds another; neither is
worth importing `onnx` for in every child. Field numbers are those of
https://github.com/onnx/onnx/blob/main/onnx/onnx.proto, the encoding that of
https://protobuf.dev/programming-guides/encoding.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import numpy.typing as npt

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
"""Wire types."""
MODEL_GRAPH = 7
GRAPH_INPUT, GRAPH_OUTPUT = 11, 12

_MODEL_IR_VERSION, _MODEL_OPSET = 1, 8
_GRAPH_NODE, _GRAPH_NAME, _GRAPH_INITIALIZER = 1, 2, 5
_FLOAT, _INT64 = 1, 7
_ATTRIBUTE_INT, _ATTRIBUTE_INTS = 2, 7
_IR_VERSION, _OPSET = 8, 13

Dimensions = tuple[int | str, ...]
"""A string is a free dimension."""
Chunks = list[bytes | memoryview]
"""A message in pieces, so that large ones are joined once."""


def varint(value: int) -> bytes:
    """Return a number, 0 or more, as a variable-length integer."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def message(field: int, payload: bytes) -> bytes:
    """Return a length-delimited field."""
    return _head(field, len(payload)) + payload


def number(field: int, value: int) -> bytes:
    """Return an integer field."""
    return varint(field << 3 | VARINT) + varint(value)


def value_info(name: str, shape: Dimensions) -> bytes:
    """Return a ValueInfoProto of float elements."""
    dims = b"".join(
        message(1, message(2, dim.encode()) if isinstance(dim, str) else number(1, dim))
        for dim in shape
    )
    tensor_type = number(1, _FLOAT) + message(2, dims)
    return message(1, name.encode()) + message(2, message(1, tensor_type))


def tensor(name: str, values: npt.NDArray[np.float32] | npt.NDArray[np.int64]) -> Chunks:
    """Return a TensorProto of the given values, which are not copied."""
    kind = _INT64 if values.dtype == np.int64 else _FLOAT
    raw = np.ascontiguousarray(values, dtype="<i8" if kind == _INT64 else "<f4")
    dims = b"".join(number(1, side) for side in values.shape)
    head = dims + number(2, kind) + message(8, name.encode())
    return [head + _head(9, raw.nbytes), raw.reshape(-1).view(np.uint8).data]


def node(
    operator: str,
    inputs: Sequence[str],
    output: str,
    attributes: Mapping[str, int | Sequence[int]] | None = None,
) -> bytes:
    """Return a NodeProto with one output; attributes are integers or lists of them."""
    parts = [message(1, name.encode()) for name in inputs]
    parts += [message(2, output.encode()), message(4, operator.encode())]
    for name, value in (attributes or {}).items():
        attribute = message(1, name.encode())
        if isinstance(value, int):
            attribute += number(3, value) + number(20, _ATTRIBUTE_INT)
        else:
            attribute += b"".join(number(8, item) for item in value)
            attribute += number(20, _ATTRIBUTE_INTS)
        parts.append(message(5, attribute))
    return b"".join(parts)


def model(
    nodes: Sequence[bytes],
    tensors: Sequence[Chunks],
    *,
    inputs: Mapping[str, Dimensions],
    outputs: Mapping[str, Dimensions],
) -> bytes:
    """Return a ModelProto of operator set 13 around nodes in the order of their execution."""
    graph: Chunks = [message(_GRAPH_NODE, item) for item in nodes]
    graph.append(message(_GRAPH_NAME, b"graph"))
    for item in tensors:
        graph += embedded(_GRAPH_INITIALIZER, item)
    for field, infos in ((GRAPH_INPUT, inputs), (GRAPH_OUTPUT, outputs)):
        graph += [message(field, value_info(*info)) for info in infos.items()]
    version = number(_MODEL_IR_VERSION, _IR_VERSION)
    opset = message(_MODEL_OPSET, number(2, _OPSET))
    # Joined once: the weights are most of it, and every copy of them costs time.
    return b"".join([version, opset, *embedded(MODEL_GRAPH, graph)])


def embedded(field: int, chunks: Chunks) -> Chunks:
    """Return a length-delimited field whose payload is in pieces."""
    return [_head(field, _size(chunks)), *chunks]


def _head(field: int, size: int) -> bytes:
    return varint(field << 3 | BYTES) + varint(size)


def _size(chunks: Chunks) -> int:
    return sum(len(chunk) for chunk in chunks)


def fields(data: bytes | memoryview) -> Iterator[tuple[int, int, memoryview, memoryview]]:
    """Yield (field number, wire type, the whole field, payload) of a message, without copies.

    Raises:
        ValueError: The bytes are not a serialised message.
    """
    data, at = memoryview(data), 0
    while at < len(data):
        start = at
        tag, at = _read_varint(data, at)
        kind = tag & 7
        payload = data[at:at]
        if kind == VARINT:
            _, at = _read_varint(data, at)
        elif kind == BYTES:
            size, at = _read_varint(data, at)
            payload = data[at : at + size]
            at += size
        elif kind in (FIXED32, FIXED64):
            at += 4 if kind == FIXED32 else 8
        else:
            raise ValueError("not a serialised ONNX model")
        if at > len(data):
            raise ValueError("not a serialised ONNX model")
        yield tag >> 3, kind, data[start:at], payload


def _read_varint(data: memoryview, at: int) -> tuple[int, int]:
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
