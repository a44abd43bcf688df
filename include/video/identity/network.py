"""dlib's face recognition network as an ONNX graph, from the weights file that dlib publishes.

The network is a residual network of 29 convolutions that brings aligned faces
of one person together and those of two apart (D. E. King, "High quality face
recognition with deep metric learning", blog.dlib.net, 2017; layer definitions
in dlib's `examples/dnn_face_recognition_ex.cpp`). The weights are in the public
domain (CC0) and come in the distribution `face_recognition_models`. dlib itself
would take some ten times the CPU time per face under the bounds of the child,
and ONNX Runtime is there already.

In the file, each layer is announced by its name as a length and letters, and its
parameters follow: a version, four dimensions as compact integers, and floats.
"""

from __future__ import annotations

import importlib.util
import mmap
from pathlib import Path

import numpy as np
import numpy.typing as npt

from include.video import onnx_bytes

Floats = npt.NDArray[np.float32]
Weights = bytes | mmap.mmap

SIDE_PX = 150
"""Side of the square RGB chip that the network takes."""
DESCRIPTOR_SIZE = 128
INPUT_NAME, OUTPUT_NAME = "chips", "descriptors"

_FILE_NAME = "dlib_face_recognition_resnet_model_v1.dat"
_MEAN_RGB = (122.782, 117.001, 104.298)
_SCALE = 1 / 256
_TENSOR = b"\x01\x02"
_CONVOLUTION = b"\x01\x05con_4" + _TENSOR
_AFFINE = b"\x01\x07affine_" + _TENSOR
_HEAD = b"\x01\x04fc_2\x01\x80\x02\x00\x01" + _TENSOR
"""The fully connected layer names its 128 outputs and 256 inputs first."""

_STEM_CHANNELS = 32
_BLOCKS = (
    *[(32, False)] * 3,
    *[(64, True), (64, False), (64, False), (64, False)],
    *[(128, True), (128, False), (128, False)],
    *[(256, True), (256, False), (256, False)],
    (256, True),
)
"""(channels, whether it halves the picture) of the residual blocks, from the picture up."""


def shipped_weights_path() -> Path:
    """Return where `face_recognition_models` keeps the weights, without importing it.

    Raises:
        FileNotFoundError: The distribution or the file is not installed.
    """
    spec = importlib.util.find_spec("face_recognition_models")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        path = Path(folder) / "models" / _FILE_NAME
        if path.is_file():
            return path
    raise FileNotFoundError(
        f"{_FILE_NAME} is not installed: the `face_recognition_models` distribution ships it"
    )


def recognition_model(weights: Weights) -> bytes:
    """Return the network as a serialised ONNX model, from the bytes of dlib's file.

    Its input `chips` is float32, batch x 3 (RGB) x 150 x 150, 0..255; its output
    `descriptors` float32, batch x 128.

    Raises:
        ValueError: The bytes are not that file.
    """
    return _Graph(weights).model()


class _Graph:
    """Writes the nodes while it reads the parameters, in the file's order."""

    def __init__(self, weights: Weights) -> None:
        self._weights = weights
        self._at = 0
        self._nodes: list[bytes] = []
        self._tensors: list[onnx_bytes.Chunks] = []

    def model(self) -> bytes:
        shown = self._normalised(INPUT_NAME)
        stem = self._convolution(shown, 3, _STEM_CHANNELS, side=7, stride=2)
        value = self._node("MaxPool", [self._relu(stem)], kernel_shape=(3, 3), strides=(2, 2))
        channels, side_px = _STEM_CHANNELS, ((SIDE_PX - 7) // 2 + 1 - 3) // 2 + 1
        for width, halves in _BLOCKS:
            value, side_px = self._block(value, channels, width, halves=halves, side_px=side_px)
            channels = width
        pooled = self._node("GlobalAveragePool", [value])
        flat = self._node("Flatten", [pooled], axis=1)
        head = self._parameters(_HEAD).reshape(channels, DESCRIPTOR_SIZE)
        self._nodes.append(onnx_bytes.node("MatMul", [flat, self._constant(head)], OUTPUT_NAME))
        return onnx_bytes.model(
            self._nodes,
            self._tensors,
            inputs={INPUT_NAME: ("batch", 3, SIDE_PX, SIDE_PX)},
            outputs={OUTPUT_NAME: ("batch", DESCRIPTOR_SIZE)},
        )

    def _normalised(self, value: str) -> str:
        mean = np.array(_MEAN_RGB, dtype=np.float32).reshape(1, 3, 1, 1)
        centred = self._node("Sub", [value, self._constant(mean)])
        return self._node("Mul", [centred, self._constant(np.full((1,), _SCALE, np.float32))])

    def _block(
        self, value: str, channels: int, width: int, *, halves: bool, side_px: int
    ) -> tuple[str, int]:
        """Two convolutions beside a shortcut; where sizes differ dlib pads with zeros."""
        stride = 2 if halves else 1
        first = self._convolution(value, channels, width, side=3, stride=stride)
        branch = self._convolution(self._relu(first), width, width, side=3, stride=1)
        if not halves:
            return self._relu(self._node("Add", [branch, value])), side_px
        shortcut = self._node("AveragePool", [value], kernel_shape=(2, 2), strides=(2, 2))
        branch_px, shortcut_px = (side_px - 3) // 2 + 1, (side_px - 2) // 2 + 1
        side_px = max(branch_px, shortcut_px)
        branch = self._padded(branch, 0, side_px - branch_px)
        shortcut = self._padded(shortcut, width - channels, side_px - shortcut_px)
        return self._relu(self._node("Add", [branch, shortcut])), side_px

    def _convolution(self, value: str, channels: int, width: int, *, side: int, stride: int) -> str:
        parameters, scales = self._parameters(_CONVOLUTION), self._parameters(_AFFINE)
        kernel = parameters[:-width].reshape(width, channels, side, side)
        gamma, beta = scales[:width], scales[width:]
        # The affine layer after each convolution is linear: it goes into the kernel.
        weights = kernel * gamma[:, None, None, None]
        bias = gamma * parameters[-width:] + beta
        border = 0 if stride > 1 else side // 2
        return self._node(
            "Conv",
            [value, self._constant(weights), self._constant(bias)],
            kernel_shape=(side, side),
            strides=(stride, stride),
            pads=(border,) * 4,
        )

    def _parameters(self, announced: bytes) -> Floats:
        """Return the parameters of the next layer of a kind, as a flat array.

        Raises:
            ValueError: There is none, or its parameters do not follow its name.
        """
        at = self._weights.find(announced, self._at)
        if at < 0:
            raise ValueError("not dlib's face recognition network: a layer is missing")
        at += len(announced)
        count = 1
        for _ in range(4):
            size, at = _compact_integer(self._weights, at)
            count *= size
        self._at = at + 4 * count
        if self._at > len(self._weights):
            raise ValueError("not dlib's face recognition network: it ends early")
        return np.frombuffer(self._weights, "<f4", count, at)

    def _padded(self, value: str, channels: int, side_px: int) -> str:
        if not channels and not side_px:
            return value
        ends = np.array([0, 0, 0, 0, 0, channels, side_px, side_px], dtype=np.int64)
        return self._node("Pad", [value, self._constant(ends)])

    def _relu(self, value: str) -> str:
        return self._node("Relu", [value])

    def _constant(self, values: Floats | npt.NDArray[np.int64]) -> str:
        name = f"c{len(self._tensors)}"
        self._tensors.append(onnx_bytes.tensor(name, values))
        return name

    def _node(self, operator: str, inputs: list[str], **attributes: int | tuple[int, ...]) -> str:
        name = f"n{len(self._nodes)}"
        self._nodes.append(onnx_bytes.node(operator, inputs, name, attributes))
        return name


def _compact_integer(data: Weights, at: int) -> tuple[int, int]:
    """Read dlib's integer: a byte that holds how many bytes follow, least significant first."""
    size = data[at] & 0x0F
    if not 1 <= size <= 8 or data[at] & 0x80:
        raise ValueError("not dlib's face recognition network: a size that is none")
    return int.from_bytes(data[at + 1 : at + 1 + size], "little"), at + 1 + size
