"""Weights in a safetensors file."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from include.contracts.errors import ConfigurationError


def load_weights(path: Path, setting: str) -> dict[str, torch.Tensor]:
    """Return the tensors of a file by name, on the CPU.

    Args:
        path: The file.
        setting: What names it, for the message: an option or a recipe's key.

    Raises:
        ConfigurationError: It is missing or damaged.
    """
    try:
        return load_file(str(path))
    except (SafetensorError, OSError) as error:
        raise ConfigurationError(setting, f"{path} cannot be read: {error}") from error
