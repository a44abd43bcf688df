"""Variants of a base recipe that differ in one key each."""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from include.contracts.errors import ConfigurationError
from ml.training.recipe import Recipe, make_recipe


@dataclass(frozen=True, slots=True)
class Variant:
    """One recipe of an ablation.

    Attributes:
        key: The dotted key that is varied.
        value: What it is set to, as it was written.
        recipe: The whole recipe.
    """

    key: str
    value: str
    recipe: Recipe

    @property
    def title(self) -> str:
        """`key=value`."""
        return f"{self.key}={self.value}"

    def identity(self, *facts: str) -> str:
        """Return a hash (hex) of everything in the recipe but its name, and of `facts`."""
        content = json.dumps([self.recipe.model_dump(mode="json", exclude={"name"}), *facts])
        return hashlib.sha256(content.encode()).hexdigest()


def read_base(path: Path, *, epochs: int | None, side_px: int | None) -> dict[str, Any]:
    """Return a recipe file's content, shortened.

    Args:
        path: The recipe.
        epochs: Train the recipe's last stage alone, for so long; None: all stages.
        side_px: Input side of that stage; None: the recipe's. Needs `epochs`.

    Raises:
        ConfigurationError: The file is no valid recipe.
    """
    try:
        content: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigurationError("--base", f"{path} cannot be read: {error}") from error
    make_recipe(content, str(path))
    if epochs is not None:
        stage = dict(content["stages"][-1]) | {"epochs": epochs}
        content["stages"] = [stage | ({"input_side_px": side_px} if side_px else {})]
    elif side_px is not None:
        raise ConfigurationError("--side", "give --epochs with it: stages have sides of their own")
    return content


def make_variants(base: Mapping[str, Any], vary: Sequence[str], where: str) -> list[Variant]:
    """Return the variants of every `key=value,value,...`, key after key.

    Values are YAML: numbers, words, `null`, lists `[a, b]`; a mapping `{a: 1, b: 2}`
    sets several keys of a section at once.

    Args:
        base: The base recipe's content.
        vary: What the command line was given.
        where: The base recipe's file, for messages.

    Raises:
        ConfigurationError: A text is malformed or makes an invalid recipe.
    """
    variants = []
    for text in vary:
        key, separator, listed = text.partition("=")
        try:
            values = yaml.safe_load(f"[{listed}]")
        except yaml.YAMLError as error:
            raise ConfigurationError("--vary", f"{text!r} is not key=value,...: {error}") from error
        if not key or not separator or not values:
            raise ConfigurationError("--vary", f"{text!r} is not key=value,value,...")
        for value in values:
            written = value if isinstance(value, str) else json.dumps(value)
            content = _with(base, key.strip(), value)
            recipe = make_recipe(content, f"{where} with {key}={written}")
            variants.append(Variant(key.strip(), written, recipe))
    return variants


def _with(base: Mapping[str, Any], key: str, value: Any) -> dict[str, Any]:
    content = copy.deepcopy(dict(base))
    section: Any = content
    *sections, last = key.split(".")
    for name in sections:
        section = section.setdefault(name, {}) if isinstance(section, dict) else None
        if not isinstance(section, dict):
            raise ConfigurationError("--vary", f"{key}: {name} is not a section of the recipe")
    old = section.get(last)
    merge = isinstance(value, dict) and isinstance(old, dict)
    section[last] = {**old, **value} if merge else value
    return content
