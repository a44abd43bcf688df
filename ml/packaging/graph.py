"""The packed network as an ONNX graph whose weights stay in `model.safetensors`.

The graph is a few tens of kilobytes: its initialisers are external data, pointing at
offsets of the safetensors file beside it, so that both engines read the same sealed
bytes. Batch normalisation is kept; ONNX Runtime folds it into the convolution before it
when it loads the graph. Nothing but the network and its weights decides the bytes: no
time, no version of a tool, no path.

Operators and external data: https://onnx.ai/onnx/. Layout of a safetensors file:
https://huggingface.co/docs/safetensors.
"""

from __future__ import annotations

import json
import operator
from collections.abc import Callable, Mapping
from typing import Any

import onnx
import torch
from onnx import TensorProto, helper
from torch import fx, nn
from torch.nn import functional

from include.contracts.errors import ConfigurationError
from ml.packaging.build import WEIGHTS_MEMBER

INPUT, OUTPUT = "pictures", "logits"

_OPERATOR_SET, _IR_VERSION = 17, 8
_HEADER_SIZE_BYTES = 8
_RELU6 = (("relu6.low", 0.0), ("relu6.high", 6.0))

_Attributes = dict[str, Any]


def build_graph(network: nn.Module, weights: bytes, *, side_px: int) -> bytes:
    """Return the ONNX file of a network in evaluation mode, linked to its weights.

    Args:
        network: What torchvision's MobileNetV2 is made of: convolutions, batch norms,
            ReLU6, sums, a global average, dropout (left out), a linear layer at the end.
        weights: The safetensors file that will lie beside the graph as
            `model.safetensors`, named as in the network's `state_dict`.
        side_px: Side of the input, float32 (batch, 3, side, side).

    Raises:
        ConfigurationError: The network holds a step that is not among these, or the
            weights lack one of its tensors.
    """
    modules = dict(network.named_modules())
    tensors = _Tensors(weights)
    nodes: list[onnx.NodeProto] = []
    names: dict[fx.Node, str] = {}
    for node in fx.symbolic_trace(network.eval()).graph.nodes:
        sources = [names[source] for source in node.args if isinstance(source, fx.Node)]
        if node.op == "placeholder":
            names[node] = INPUT
        elif node.op == "output":
            nodes[-1].output[0] = OUTPUT
        elif node.op == "call_module" and isinstance(modules[node.target], nn.Dropout):
            names[node] = sources[0]
        else:
            kind, more, attributes = _operation(node, modules, tensors)
            names[node] = node.name
            nodes.append(
                helper.make_node(kind, sources + more, [node.name], node.name, **attributes)
            )
    classes = tensors.shape(nodes[-1].input[1])[0]
    graph = helper.make_graph(
        nodes,
        "network",
        [_value(INPUT, ("batch", 3, side_px, side_px))],
        [_value(OUTPUT, ("batch", classes))],
        [*tensors.used.values(), *(_scalar(name, value) for name, value in _RELU6)],
    )
    model = helper.make_model(
        graph,
        opset_imports=[helper.make_opsetid("", _OPERATOR_SET)],
        ir_version=_IR_VERSION,
    )
    return bytes(model.SerializeToString(deterministic=True))


def _operation(
    node: fx.Node, modules: Mapping[str, nn.Module], tensors: _Tensors
) -> tuple[str, list[str], _Attributes]:
    """Return an operator, its inputs beside the node's own, and its attributes."""
    if node.op == "call_function" and node.target in _FUNCTIONS:
        kind, attributes = _FUNCTIONS[node.target]
        return kind, [], attributes
    name = str(node.target)
    module = modules.get(name) if node.op == "call_module" else None
    if isinstance(module, nn.Conv2d):
        return "Conv", tensors.link(name, "weight", optional=("bias",)), _convolution(module)
    if isinstance(module, nn.BatchNorm2d):
        parts = tensors.link(name, "weight", "bias", "running_mean", "running_var")
        return "BatchNormalization", parts, {"epsilon": module.eps}
    if isinstance(module, nn.ReLU6):
        return "Clip", [name for name, _ in _RELU6], {}
    if isinstance(module, nn.Linear):
        return "Gemm", tensors.link(name, "weight", "bias"), {"transB": 1}
    raise ConfigurationError("model package", f"{node.target} ({module}) has no ONNX form here")


_FUNCTIONS: Mapping[Callable[..., Any] | str, tuple[str, _Attributes]] = {
    operator.add: ("Add", {}),
    functional.adaptive_avg_pool2d: ("GlobalAveragePool", {}),
    torch.flatten: ("Flatten", {"axis": 1}),
}


def _convolution(module: nn.Conv2d) -> _Attributes:
    height, width = (int(side) for side in module.padding)
    return {
        "kernel_shape": list(module.kernel_size),
        "strides": list(module.stride),
        "dilations": list(module.dilation),
        "pads": [height, width, height, width],
        "group": module.groups,
    }


class _Tensors:
    """The tensors of a safetensors file, as external data of a graph."""

    def __init__(self, weights: bytes) -> None:
        size = int.from_bytes(weights[:_HEADER_SIZE_BYTES], "little")
        self._start = _HEADER_SIZE_BYTES + size
        self._header: dict[str, Any] = json.loads(weights[_HEADER_SIZE_BYTES : self._start])
        self.used: dict[str, onnx.TensorProto] = {}

    def shape(self, name: str) -> list[int]:
        return list(self._header[name]["shape"])

    def link(self, module: str, *parts: str, optional: tuple[str, ...] = ()) -> list[str]:
        """Return the names of a module's tensors, entered in the graph."""
        present = [part for part in optional if f"{module}.{part}" in self._header]
        names = [f"{module}.{part}" for part in (*parts, *present)]
        for name in names:
            self.used[name] = self._external(name)
        return names

    def _external(self, name: str) -> onnx.TensorProto:
        entry = self._header.get(name)
        if entry is None or entry["dtype"] != "F32":
            raise ConfigurationError("model package", f"the weights hold no float32 {name}")
        first, last = entry["data_offsets"]
        tensor = onnx.TensorProto(
            name=name,
            data_type=TensorProto.FLOAT,
            dims=entry["shape"],
            data_location=TensorProto.EXTERNAL,
        )
        for key, value in (
            ("location", WEIGHTS_MEMBER),
            ("offset", self._start + first),
            ("length", last - first),
        ):
            tensor.external_data.add(key=key, value=str(value))
        return tensor


def _value(name: str, shape: tuple[int | str, ...]) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)


def _scalar(name: str, value: float) -> onnx.TensorProto:
    return helper.make_tensor(name, TensorProto.FLOAT, [], [value])
