"""From a training run to a sealed package: calibrate, measure, store answers, build."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors.torch import load_file

from include.contracts.errors import ConfigurationError
from ml.data.splits import DEFAULT_MANIFEST, read_manifest
from ml.evaluation.calibration import fit_abstention, fit_temperature, softmax
from ml.evaluation.golden import reference_answers
from ml.evaluation.metrics import evaluate
from ml.evaluation.split import labelled_split, split_logits
from ml.models.mobilenet import build_mobilenet_v2
from ml.packaging.build import SIGNATURE_MEMBER, WEIGHTS_MEMBER, build_package
from ml.packaging.signature import make_signature
from ml.packaging.unpack import read_package, unpack_package
from ml.serving.handler import PackedModel
from ml.training.loop import BEST_WEIGHTS, HISTORY, RECIPE_COPY
from ml.training.recipe import Recipe, read_recipe


@dataclass(frozen=True, slots=True)
class SealOptions:
    """What the person who packages decides.

    Attributes:
        version: Version of the package.
        input_side_px: Side of the network's input; None: that of the recipe's last stage.
        detail_side_px: Reduce larger crops to this side first; None: never.
        flip_average: Average a picture's answer with its mirror image's.
        look_at_test: Measure on the test split as well, once, at the end.
    """

    version: str
    input_side_px: int | None = None
    detail_side_px: int | None = None
    flip_average: bool = False
    look_at_test: bool = False


def seal_run(run: Path, data: Path, out: Path, options: SealOptions) -> str:
    """Package a training run's best weights and return the package's sha256.

    Temperature and abstention are fitted on validation, through the packed model.

    Args:
        run: A folder that `ml.training` wrote.
        data: FER+ folder or zip.
        out: Where `model.tar.gz` goes.

    Raises:
        ConfigurationError: The run is not complete enough to be packaged.
    """
    weights_path = run / BEST_WEIGHTS
    if not weights_path.is_file():
        raise ConfigurationError("--run", f"{weights_path} is not there: train first")
    recipe = read_recipe(run / RECIPE_COPY)
    weights = weights_path.read_bytes()
    draft = _draft(recipe, options)
    table, labels = labelled_split(data, "validation")
    logits = _logits(weights, draft, table)
    temperature = fit_temperature(logits, labels)
    probabilities = softmax(logits, temperature)
    threshold = fit_abstention(probabilities.max(axis=1), probabilities.argmax(axis=1) == labels)
    metrics = {"validation": evaluate(probabilities, labels).to_json()}
    if options.look_at_test:
        test_table, test_labels = labelled_split(data, "test")
        test_logits = _logits(weights, draft, test_table)
        metrics["test"] = evaluate(softmax(test_logits, temperature), test_labels).to_json()
    signature = {
        **draft,
        "temperature": temperature,
        "abstain_threshold": threshold,
        "metrics": metrics,
        "training": _training(run, recipe),
    }
    network = build_mobilenet_v2(width=recipe.model.width, dropout=recipe.model.dropout)
    network.load_state_dict(load_file(str(weights_path)))
    signature["golden"] = reference_answers(network, signature)
    return build_package(weights, signature, out)


def reseal(package: Path, out: Path) -> str:
    """Build a package again from its own weights and signature, with the code of this tree."""
    content = read_package(package)
    signature: dict[str, Any] = json.loads(content[SIGNATURE_MEMBER])
    signature.pop("members")
    return build_package(content[WEIGHTS_MEMBER], signature, out)


def _draft(recipe: Recipe, options: SealOptions) -> dict[str, Any]:
    return make_signature(
        package_version=options.version,
        input_side_px=options.input_side_px or recipe.stages[-1].input_side_px,
        width=recipe.model.width,
        detail_side_px=options.detail_side_px,
        flip_average=options.flip_average,
    )


def _logits(weights: bytes, draft: dict[str, Any], table: Any) -> Any:
    with tempfile.TemporaryDirectory() as scratch:
        package = Path(scratch) / "model.tar.gz"
        build_package(weights, draft, package)
        return split_logits(PackedModel.open(unpack_package(package, Path(scratch))), table)


def _training(run: Path, recipe: Recipe) -> dict[str, Any]:
    manifest = read_manifest(DEFAULT_MANIFEST)
    history = run / HISTORY
    epochs: Sequence[str] = history.read_text().splitlines() if history.is_file() else ()
    return {
        "data": "FER+ (FER2013Train, FER2013Valid)",
        "split": DEFAULT_MANIFEST.name,
        "split_sha256": manifest.sha256,
        "data_sha256": {
            split: _keys_hash(key for key, side in manifest.split_of.items() if side == split)
            for split in ("train", "validation", "test")
        },
        "recipe": recipe.name,
        "recipe_sha256": hashlib.sha256((run / RECIPE_COPY).read_bytes()).hexdigest(),
        "epochs": len(epochs),
    }


def _keys_hash(keys: Any) -> str:
    return hashlib.sha256("\n".join(sorted(keys)).encode()).hexdigest()
