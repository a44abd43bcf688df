"""ONNX Runtime as the decoding child may use it: no threads that spin, no memory kept for ever."""

from __future__ import annotations

from typing import Any

from include.contracts.quiet import be_quiet


def session_of(model: bytes, *, threads: int = 1, rearrange: bool = True) -> Any:
    """Return an `onnxruntime.InferenceSession` on the CPU.

    Args:
        model: A serialised ONNX model.
        threads: Threads of one operator; 1 starts none.
        rearrange: Whether ONNX Runtime may rewrite the graph, which costs time once.
    """
    be_quiet()
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # The arena keeps the largest picture's buffers for ever; plain malloc costs no time here.
    options.enable_cpu_mem_arena = False
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    if not rearrange:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
