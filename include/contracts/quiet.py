"""Switches of libraries that would tell somebody that they are used.

ONNX Runtime's wheels write a device id and a queue of events into the home, and look for the
server of their makers within minutes, unless theirs is set before the library is loaded
(`findings/onnxruntime-tells-its-makers.sh`).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from types import MappingProxyType

ONNX_RUNTIME: Mapping[str, str] = MappingProxyType({"ORT_DISABLE_TELEMETRY": "1"})
QUIET: Mapping[str, str] = MappingProxyType(
    {
        "SCARF_ANALYTICS": "false",
        "DO_NOT_TRACK": "1",
        "GX_ANALYTICS_ENABLED": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        **ONNX_RUNTIME,
    }
)
"""Environment variables by name."""


def be_quiet() -> None:
    """Set them in this process; for those who load such a library."""
    os.environ.update(QUIET)
