"""From a training run to a sealed package: calibrate, measure, store answers, build."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from safetensors.torch import load
from torch import nn

from include.contracts.errors import ConfigurationError
from include.contracts.package import SIGNATURE_MEMBER
from ml.data.records import FaceTable
from ml.data.splits import DEFAULT_MANIFEST, SPLITS, read_manifest
from ml.evaluation.calibration import fit_abstention, fit_temperature, softmax
from ml.evaluation.golden import reference_answers
from ml.evaluation.metrics import Evaluation, evaluate
from ml.evaluation.split import labelled_split, split_logits
from ml.models.mobilenet import build_mobilenet_v2
from ml.models.preprocessing import network_input
from ml.packaging.build import GRAPH_MEMBER, WEIGHTS_MEMBER, build_package
from ml.packaging.class_offsets import fit_class_offsets
from ml.packaging.graph import build_graph
from ml.packaging.quantise import quantise
from ml.packaging.signature import (
    SIGNATURE,
    Calibration,
    Engine,
    FittedOffsets,
    Measured,
    Precision,
    Serving,
    Signature,
    Teacher,
    Training,
    licence_of,
    make_signature,
)
from ml.packaging.unpack import read_package, unpack_package
from ml.serving.handler import PackedModel
from ml.training.average import averaged_from
from ml.training.loop import BEST_WEIGHTS, HISTORY, RECIPE_COPY
from ml.training.recipe import Recipe, read_recipe
from ml.training.teacher import run_sha256

CALIBRATION_PICTURES = 512
"""Training pictures whose activations set the ranges of an int8 graph."""

Scored = tuple[FaceTable, npt.NDArray[np.int64]]


@dataclass(frozen=True, slots=True)
class SealOptions:
    """What the person who packages decides.

    Attributes:
        version: Version of the package.
        input_side_px: Side of the network's input; None: that of the recipe's last stage.
        detail_side_px: Reduce larger crops to this side first; None: never.
        flip_average: Average a picture's answer with its mirror image's.
        engine: What runs the network where it is installed.
        precision: Of the graph for ONNX Runtime.
        class_offsets: Fit offsets that answer rare expressions more readily.
        look_at_test: Measure on the test split as well, once, at the end.
    """

    version: str
    input_side_px: int | None = None
    detail_side_px: int | None = None
    flip_average: bool = False
    engine: Engine = "onnxruntime"
    precision: Precision = "fp32"
    class_offsets: bool = False
    look_at_test: bool = False


@dataclass(frozen=True, slots=True)
class Material:
    """The pictures behind a run.

    Attributes:
        validation: Scored pictures that selected the epoch, and their labels, shape (N,).
        train: Pictures that trained; read only to set the ranges of an int8 graph.
        facts: What the signature's `training` says of the data.
        test: Held-out pictures with labels; read only when they may be looked at.
        licence: Whose work is in the weights; None: what `facts` and the recipe say.
    """

    validation: Callable[[], Scored]
    train: Callable[[], FaceTable]
    facts: Mapping[str, Any]
    test: Callable[[], Scored] | None = None
    licence: str | None = None


def seal_run(run: Path, data: Path, out: Path, options: SealOptions) -> str:
    """Package a run that was trained on FER+ and return the package's sha256.

    Args:
        run: A folder that `ml.training` wrote.
        data: FER+ folder or zip.
        out: Where `model.tar.gz` goes.
        options: What to decide.

    Raises:
        ConfigurationError: As `seal`.
    """
    material = Material(
        validation=lambda: labelled_split(data, "validation"),
        train=lambda: labelled_split(data, "train")[0],
        facts=_ferplus_facts(),
        test=lambda: labelled_split(data, "test"),
    )
    return seal(run, material, out, options)


def seal(run: Path, material: Material, out: Path, options: SealOptions) -> str:
    """Package a training run's best weights and return the package's sha256.

    Temperature, offsets and abstention are fitted on validation, in this order and
    through the packed model as it will answer; int8 ranges on training pictures.

    Args:
        run: A folder that `ml.training` wrote.
        material: What it was trained on.
        out: Where `model.tar.gz` goes.
        options: What to decide.

    Raises:
        ConfigurationError: The run is not complete enough to be packaged, or its recipe
            is not one that ships.
    """
    weights_path = run / BEST_WEIGHTS
    if not weights_path.is_file():
        raise ConfigurationError("--run", f"{weights_path} is not there: train first")
    recipe = _shipping_recipe(run)
    weights = weights_path.read_bytes()
    signature = _draft(recipe, options)
    graph = _graph(weights, signature, material.train)
    validation, labels = material.validation()
    logits = _logits(weights, graph, signature, validation)
    temperature = fit_temperature(logits, labels)
    calibration = Calibration("validation", len(labels))
    if options.class_offsets:
        fitted = fit_class_offsets(logits, labels, temperature=temperature)
        logits = logits + np.array(fitted.offsets)
        signature = replace(signature, logit_offset=tuple(fitted.offsets))
        calibration = replace(
            calibration, class_offsets=FittedOffsets(fitted.strength, fitted.gain.rounded())
        )
    probabilities = softmax(logits, temperature)
    training = replace(_training(run, recipe), **material.facts)
    metrics = {"validation": _measured(evaluate(probabilities, labels))}
    signature = replace(
        signature,
        temperature=temperature,
        abstain_threshold=fit_abstention(
            probabilities.max(axis=1), probabilities.argmax(axis=1) == labels
        ),
        calibration=calibration,
        training=training,
        licence=material.licence or licence_of(training),
    )
    if options.look_at_test and material.test is not None:
        test_table, test_labels = material.test()
        test_logits = _logits(weights, graph, signature, test_table)
        metrics["test"] = _measured(evaluate(softmax(test_logits, temperature), test_labels))
    signature = replace(
        signature,
        metrics=metrics,
        golden=reference_answers(_network(weights, signature), signature),
    )
    return build_package(weights, signature, out, graph=graph)


def reseal(package: Path, out: Path, serving: Serving | None = None, *, data: Path) -> str:
    """Build a package again from its own weights, with the code of this tree.

    Args:
        package: What to build again; packages of earlier schemas are brought up to date.
        out: Where `model.tar.gz` goes.
        serving: Other engine or precision; None keeps both.
        data: FER+ folder or zip; read only to calibrate an int8 graph.

    Returns:
        The new package's sha256 (hex).

    Raises:
        ConfigurationError: The package is damaged, or data is wanted and not there.
    """
    content = read_package(package)
    before = SIGNATURE.read(content[SIGNATURE_MEMBER], f"{package}, {SIGNATURE_MEMBER}")
    weights, graph = content[WEIGHTS_MEMBER], content.get(GRAPH_MEMBER)
    sealed, wanted = before.serving, serving or before.serving
    signature = replace(before, serving=wanted)
    if graph is None or (wanted.precision, sealed.precision) != ("int8", "int8"):
        graph = _graph(weights, signature, lambda: labelled_split(data, "train")[0])
    return build_package(weights, signature, out, graph=graph)


def _shipping_recipe(run: Path) -> Recipe:
    recipe = read_recipe(run / RECIPE_COPY)
    if not recipe.ships:
        raise ConfigurationError(
            "--run",
            f"{run}: recipe {recipe.name!r} answers {', '.join(recipe.data.names)}; "
            "only networks that answer the seven expressions ship",
        )
    if recipe.model.architecture != "mobilenet_v2":
        raise ConfigurationError(
            "--run", f"{run}: the package runs mobilenet_v2, not {recipe.model.architecture}"
        )
    return recipe


def _draft(recipe: Recipe, options: SealOptions) -> Signature:
    return make_signature(
        package_version=options.version,
        input_side_px=options.input_side_px or recipe.stages[-1].input_side_px,
        width=recipe.model.width,
        detail_side_px=options.detail_side_px,
        normalisation=recipe.input.normalisation,
        flip_average=options.flip_average,
        serving=Serving(options.engine, options.precision),
    )


def _network(weights: bytes, signature: Signature) -> nn.Module:
    network = build_mobilenet_v2(width=signature.architecture.width)
    network.load_state_dict(load(weights))
    return network


def _graph(weights: bytes, signature: Signature, train: Callable[[], FaceTable]) -> bytes:
    side_px = signature.input.side_px
    graph = build_graph(_network(weights, signature), weights, side_px=side_px)
    if signature.serving.precision == "fp32":
        return graph
    return quantise(graph, weights, calibration_input(signature, train()))


def calibration_input(signature: Signature, table: FaceTable) -> npt.NDArray[np.float32]:
    """Return network inputs of training pictures, float32 (at most 512, 3, side, side).

    The same pictures each time: the first by content hash.
    """
    first = np.argsort(table.keys)[:CALIBRATION_PICTURES]
    batch = network_input(
        torch.from_numpy(np.stack([table.images[row] for row in first])),
        signature.input.side_px,
        detail_side=signature.preprocessing.detail_side_px,
        normalisation=signature.preprocessing.normalisation,
    )
    return np.ascontiguousarray(batch.numpy())


def _logits(weights: bytes, graph: bytes, draft: Signature, table: FaceTable) -> Any:
    with tempfile.TemporaryDirectory() as scratch:
        package = Path(scratch) / "model.tar.gz"
        build_package(weights, draft, package, graph=graph)
        return split_logits(PackedModel.open(unpack_package(package, Path(scratch))), table)


def _started_from(recipe: Recipe) -> str | None:
    """Name the weights a run started from: a run's folder says where it started itself."""
    file = recipe.model.weights_file
    if file is None or not (file.parent / RECIPE_COPY).is_file():
        return recipe.model.weights
    before = read_recipe(file.parent / RECIPE_COPY)
    return f"recipe {before.name}, from {_started_from(before) or 'random weights'}"


def _teacher(recipe: Recipe) -> Teacher | None:
    part = recipe.distillation
    if part is None:
        return None
    taught_by = read_recipe(part.teacher / RECIPE_COPY)
    return Teacher(
        recipe=taught_by.name,
        architecture=taught_by.model.architecture,
        started_from=_started_from(taught_by),
        sha256=run_sha256(part.teacher),
        unlabelled=part.unlabelled_share > 0,
    )


def _measured(evaluation: Evaluation) -> Measured:
    figures = {name: figure.rounded() for name, figure in evaluation.figures.items()}
    return Measured(evaluation.n, figures, evaluation.confusion)


def _ferplus_facts() -> dict[str, Any]:
    manifest = read_manifest(DEFAULT_MANIFEST)
    return {
        "data": "FER+ (FER2013Train, FER2013Valid)",
        "split": DEFAULT_MANIFEST.name,
        "split_sha256": manifest.sha256,
        "data_sha256": {split: manifest.side_sha256(split) for split in SPLITS},
    }


def _training(run: Path, recipe: Recipe) -> Training:
    history = run / HISTORY
    epochs: Sequence[str] = history.read_text().splitlines() if history.is_file() else ()
    return Training(
        recipe=recipe.name,
        recipe_sha256=hashlib.sha256((run / RECIPE_COPY).read_bytes()).hexdigest(),
        started_from=_started_from(recipe),
        teacher=_teacher(recipe),
        averaged=tuple(averaged_from(run)),
        epochs=len(epochs),
    )
