"""A model directory behind AWS's own handler service, without a model server.

The code path is the one of the SageMaker PyTorch container:
`sagemaker_pytorch_serving_container.handler_service.HandlerService` imports
`code/inference.py` and calls its `model_fn`, `input_fn`, `predict_fn`, `output_fn`.
"""

from __future__ import annotations

import importlib
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any

from include.contracts.errors import ConfigurationError, PlatformError
from include.contracts.quiet import be_quiet

_MODULE = "inference"
_ENGINE = "FEX_MODEL_ENGINE"
_TOUCHED_VARIABLES = ("PYTHONPATH", "SAGEMAKER_PROGRAM", _ENGINE)
_WAIT_POLICY = "OMP_WAIT_POLICY"
_loading = threading.Lock()


class InvocationError(PlatformError):
    """The handler answered a request with an error status.

    Attributes:
        status: HTTP status; 4xx says that the request is at fault.
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"the model answered with status {status}: {message}")
        self.status = status
        self.message = message

    def __reduce__(self) -> tuple[type[InvocationError], tuple[int, str]]:
        return (type(self), (self.status, self.message))


class _Headers:
    def __init__(self, content_type: str) -> None:
        self._content_type = content_type

    def get_request_properties(self) -> dict[str, str]:
        return {"Content-Type": self._content_type}


class _Context:
    """What the handler service reads from and writes to the model server's context."""

    def __init__(self, model_dir: Path, content_type: str) -> None:
        # Read by the build of sagemaker_inference that sagemaker-pytorch-inference
        # carries: which of the two builds lies on disk depends on the installer.
        self.model_name = model_dir.name
        self.system_properties = {"model_dir": str(model_dir)}
        self.request_processor = [_Headers(content_type)]
        self.status = int(HTTPStatus.OK)
        self.phrase = ""
        self.content_type = ""

    def set_response_status(self, code: int, phrase: str) -> None:
        self.status, self.phrase = int(code), phrase

    def set_response_content_type(self, _index: int, value: str) -> None:
        self.content_type = value


class PackedModel:
    """An unpacked model package, loaded. Build with `PackedModel.open`."""

    def __init__(self, service: Any, model_dir: Path) -> None:
        self._service = service
        self._model_dir = model_dir

    @classmethod
    def open(cls, model_dir: Path, *, engine: str | None = None) -> PackedModel:
        """Load the package unpacked in `model_dir`; several may be open at once.

        Args:
            model_dir: The unpacked package.
            engine: `onnxruntime` or `torch`; None: what `FEX_MODEL_ENGINE` says, else
                what the package was sealed with.

        Raises:
            ConfigurationError: The package lacks its code or does not load.
        """
        code_dir = model_dir / "code"
        if not (code_dir / f"{_MODULE}.py").is_file():
            raise ConfigurationError("model package", f"{code_dir / _MODULE}.py is not there")
        be_quiet()
        _load_torch()
        from sagemaker_pytorch_serving_container.handler_service import HandlerService

        service = HandlerService()
        with _loading, _importable(code_dir, engine):
            try:
                service.initialize(_Context(model_dir, ""))
            except Exception as error:
                raise ConfigurationError(
                    "model package", f"{model_dir} does not load: {error}"
                ) from error
        return cls(service, model_dir)

    def invoke(self, body: bytes, content_type: str) -> tuple[bytes, str]:
        """Answer one request.

        Args:
            body: The request, for example a tar of crops.
            content_type: Its type, for example `application/x-tar`.

        Returns:
            The answer and its content type.

        Raises:
            InvocationError: The handler set an error status.
        """
        context = _Context(self._model_dir, content_type)
        answers = self._service.handle([{"body": body}], context)
        answer = answers[0] if answers else ""
        if context.status >= HTTPStatus.BAD_REQUEST:
            raise InvocationError(context.status, context.phrase or str(answer))
        encoded = answer if isinstance(answer, bytes) else str(answer).encode()
        return encoded, context.content_type


def _load_torch() -> None:
    """Import torch so that its idle threads sleep.

    Its OpenMP library reads the policy when it is loaded and spins by default: with
    two threads and other work on the machine that was ten times the processor time.
    """
    if "torch" in sys.modules or _WAIT_POLICY in os.environ:
        return
    os.environ[_WAIT_POLICY] = "PASSIVE"
    try:
        importlib.import_module("torch")
    finally:
        os.environ.pop(_WAIT_POLICY, None)


@contextmanager
def _importable(code_dir: Path, engine: str | None) -> Iterator[None]:
    """Let `import inference` find this package's code, and leave no trace of it.

    The service binds the module's functions while it initialises, so the module's
    name and the search path can be given back afterwards.
    """
    saved = {name: os.environ.get(name) for name in _TOUCHED_VARIABLES}
    os.environ.pop("SAGEMAKER_PROGRAM", None)
    if engine is not None:
        os.environ[_ENGINE] = engine
    previous = sys.modules.pop(_MODULE, None)
    sys.path.insert(0, str(code_dir))
    importlib.invalidate_caches()
    try:
        yield
    finally:
        sys.path.remove(str(code_dir))
        sys.modules.pop(_MODULE, None)
        if previous is not None:
            sys.modules[_MODULE] = previous
        for name, value in saved.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
