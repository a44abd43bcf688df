"""Eight-bit integers for ONNX Runtime: post-training quantisation of a packed graph.

Method: onnxruntime.quantization in QDQ form, https://onnxruntime.ai/docs/performance/
model-optimizations/quantization.html; affine quantisation with a scale per output
channel for weights, as in Krishnamoorthi 2018 (arXiv:1806.08342), which found
MobileNets to need it. Unlike the float graph, a quantised one holds its own weights.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnxruntime.quantization import (
    CalibrationDataReader,
    QuantFormat,
    QuantType,
    quantize_dynamic,
    quantize_static,
)
from onnxruntime.quantization.shape_inference import quant_pre_process

from ml.packaging.build import GRAPH_MEMBER, WEIGHTS_MEMBER
from ml.packaging.graph import INPUT

Pictures = npt.NDArray[np.float32]

_BATCH = 32


@dataclass(frozen=True, slots=True)
class Quantisation:
    """How to quantise.

    Attributes:
        per_channel: A scale for each output channel of a weight instead of one for all.
        keep_ends: Leave the first convolution and the last layer in float.
        dynamic: Ranges of activations are measured at each answer, not beforehand.
    """

    per_channel: bool = True
    keep_ends: bool = False
    dynamic: bool = False


def quantise(
    graph: bytes, weights: bytes, pictures: Pictures, how: Quantisation = Quantisation()
) -> bytes:
    """Return the ONNX file of a quantised network; the same input gives the same bytes.

    Args:
        graph: What `build_graph` returned.
        weights: The safetensors file it points at.
        pictures: Network inputs to calibrate with, float32 (N, 3, side, side), from
            training pictures only.
        how: What to quantise.
    """
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        (folder / GRAPH_MEMBER).write_bytes(graph)
        (folder / WEIGHTS_MEMBER).write_bytes(weights)
        whole, folded, out = (folder / f"{name}.onnx" for name in ("whole", "folded", "quantised"))
        onnx.save(onnx.load(str(folder / GRAPH_MEMBER)), str(whole))
        # Batch norms are folded before: quantising what is about to vanish costs accuracy.
        quant_pre_process(str(whole), str(folded), skip_symbolic_shape=True)
        common: dict[str, Any] = {
            "per_channel": how.per_channel,
            "weight_type": QuantType.QInt8,
            "nodes_to_exclude": _ends(folded) if how.keep_ends else [],
        }
        if how.dynamic:
            quantize_dynamic(str(folded), str(out), **common)
        else:
            quantize_static(
                str(folded),
                str(out),
                _Reader(pictures),
                quant_format=QuantFormat.QDQ,
                activation_type=QuantType.QUInt8,
                **common,
            )
        return _plain(onnx.load(str(out)))


class _Reader(CalibrationDataReader):  # type: ignore[misc]
    """Hands the calibration pictures over in batches."""

    def __init__(self, pictures: Pictures) -> None:
        self._batches: Iterator[Pictures] = (
            pictures[start : start + _BATCH] for start in range(0, len(pictures), _BATCH)
        )

    def get_next(self) -> dict[str, Pictures] | None:
        batch = next(self._batches, None)
        return None if batch is None else {INPUT: batch}


def _ends(path: Path) -> list[str]:
    nodes = [
        node.name
        for node in onnx.load(str(path)).graph.node
        if node.op_type in {"Conv", "Gemm", "MatMul"}
    ]
    return [nodes[0], nodes[-1]]


def _plain(model: onnx.ModelProto) -> bytes:
    """Drop what tells of the tool and not of the network."""
    for field in ("producer_name", "producer_version", "doc_string", "metadata_props"):
        model.ClearField(field)
    for node in model.graph.node:
        node.ClearField("doc_string")
        node.ClearField("metadata_props")
    return bytes(model.SerializeToString(deterministic=True))
