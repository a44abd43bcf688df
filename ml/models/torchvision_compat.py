"""Make `import torchvision` work beside a CPU-only torch.

The torchvision wheels of the package index are built for CUDA. Without the
CUDA runtime their compiled extension does not load, so the schemas of two
operators are missing and the import fails while it registers shape functions
for them. Declaring the schemas is enough: nothing here calls the operators.
`torchvision.io` stays unusable; images are decoded with OpenCV.
"""

from __future__ import annotations

import contextlib
import importlib
from types import ModuleType

import torch

_MISSING_SCHEMAS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)

# A Library unregisters its schemas when it is garbage collected.
_library: torch.library.Library | None = None


def import_torchvision() -> ModuleType:
    """Return the `torchvision` module, declaring missing operator schemas first.

    Safe to call any number of times, and a no-op where torch has CUDA.
    """
    global _library
    if _library is None and not torch.version.cuda:
        _library = torch.library.Library("torchvision", "FRAGMENT")  # type: ignore[no-untyped-call]
        for schema in _MISSING_SCHEMAS:
            # A packed model's own code may have declared them in this process.
            with contextlib.suppress(RuntimeError):
                _library.define(schema)  # type: ignore[no-untyped-call]
    return importlib.import_module("torchvision")
