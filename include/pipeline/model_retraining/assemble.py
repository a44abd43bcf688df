"""Assemble: what is learnt, what selects, what measures, sealed in the lake before training."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from include.composition import Services
from include.contracts.errors import ConfigurationError
from include.governance.release.documents import Assembled
from include.governance.retraining.assembly import Assembled as Rows
from include.governance.retraining.assembly import assemble, divide
from include.lake import keys
from include.pipeline.labelling.tables import refresh
from include.pipeline.model_retraining import documents
from include.pipeline.model_retraining.audit import require_set
from include.pipeline.scratch import working_folder
from include.settings import RetrainingSettings
from include.training_jobs.data import sealed_data, store_data
from ml.data.annotations import IMAGE_FOLDER, LABEL_FILE, load_annotations
from ml.data.bundle import Bundle, write_bundle
from ml.data.datasets import load_set, parse_set
from ml.data.frozen import write_frozen
from ml.data.records import FaceRecord
from ml.data.splits import DEFAULT_MANIFEST, SplitManifest, read_manifest
from ml.models.names import ARCHITECTURE
from ml.packaging.build import WEIGHTS_MEMBER
from ml.packaging.unpack import read_package, read_signature
from ml.training.job import START_WEIGHTS
from ml.training.loop import RECIPE_COPY
from ml.training.recipe import Recipe, make_recipe, read_recipe

log = logging.getLogger(__name__)

_PACKED = {ARCHITECTURE: "mobilenet_v2"}
RECIPES = Path(__file__).parents[3] / "ml" / "training" / "recipes"


def run(services: Services, request_id: str) -> Assembled:
    """Write the training data and the frozen sets; return how many faces of each there are.

    What would stop the run only after the training is looked at first.

    Raises:
        ConfigurationError: The recipe, a data set or the audit set cannot be used, or too
            little is labelled; the message says what to do.
    """
    done = documents.find(services, request_id, documents.ASSEMBLED)
    if done is not None and sealed_data(services.lake, keys.retraining_data(request_id)):
        return done
    require_set(services)
    opened = documents.read(services, request_id, documents.OPENED)
    with working_folder(services) as folder:
        _, _, champion = documents.champion_package(services, opened, folder)
        recipe = champion_recipe(services.settings.retraining, opened.recipe, champion)
        sides = _Sides.read(services, folder)
        rows = assemble(
            sides.train,
            sides.validation,
            sides.measuring,
            side_px=_side_px(sides, recipe),
            min_train_rows=services.settings.retraining.min_train_rows,
        )
        frozen = _freeze(services, request_id, sides, folder)
        counts: dict[str, Any] = {
            "train": len(rows.train),
            "validation": len(rows.validation),
            "new_labels_train": len(sides.labelled.intersection(rows.train.keys)),
            "dropped": dict(rows.dropped),
            "frozen": frozen,
        }
        bundle = folder / "bundle"
        _write(bundle, rows, recipe, champion, services.settings.retraining.start_from, counts)
        sha256 = store_data(services.lake, keys.retraining_data(request_id), bundle)
    log.info("sealed %s: %s", sha256[:12], counts)
    return documents.write(
        services, request_id, documents.ASSEMBLED, Assembled(**counts, data_sha256=sha256)
    )


class _Sides:
    """Labelled faces by what they are for."""

    def __init__(self) -> None:
        self.labelled: set[str] = set()
        """Keys of the new labels that may train; the base set may be of the same kind."""
        self.train: list[FaceRecord] = []
        self.validation: list[FaceRecord] = []
        self.frozen: dict[str, tuple[str, list[FaceRecord]]] = {}

    @property
    def measuring(self) -> list[FaceRecord]:
        return [record for _, records in self.frozen.values() for record in records]

    @classmethod
    def read(cls, services: Services, folder: Path) -> _Sides:
        """Read the base set, the new labels and the evaluation sets."""
        settings, sides = services.settings.retraining, cls()
        # The first of two equal pictures counts: people on the platform saw the crop itself.
        has_base = bool(settings.base_set)
        labels = divide(
            _new_labels(services, folder / "labels"),
            settings.held_out_share,
            selects=not has_base,
        )
        sides.train += labels["train"]
        sides.labelled = {record.key for record in labels["train"]}
        sides.validation += labels["validation"]
        sides._measure("labels", "new labels, recordings that are never learnt", labels["test"])
        if has_base:
            sides._add_base(settings.base_set, settings.base_split or DEFAULT_MANIFEST)
        for number, text in enumerate(settings.evaluation_sets, start=1):
            name, path = parse_set(text)
            records = list(load_set(name, path))
            sides._measure(f"set-{number}", f"{name} ({path.name}), never learnt", records)
        return sides

    def _add_base(self, text: str, split: Path) -> None:
        name, path = parse_set(text)
        by_side = _by_side(load_set(name, path), read_manifest(split))
        self.train += by_side["train"]
        self.validation += by_side["validation"]
        self._measure("base", f"{name}, held out by {split.name}", by_side["test"])

    def _measure(self, slug: str, name: str, records: list[FaceRecord]) -> None:
        if records:
            self.frozen[slug] = (name, records)


def _by_side(records: Iterator[FaceRecord], manifest: SplitManifest) -> dict[str, list[FaceRecord]]:
    """Divide a base set as its manifest says; votes of equal pictures are summed."""
    digits = len(next(iter(manifest.split_of), ""))
    votes: dict[str, np.ndarray[Any, np.dtype[np.int64]]] = {}
    kept: dict[str, FaceRecord] = {}
    for record in records:
        key = record.key
        kept.setdefault(key, record)
        votes[key] = votes.get(key, np.zeros(len(record.votes), np.int64)) + np.array(record.votes)
    sides: dict[str, list[FaceRecord]] = {"train": [], "validation": [], "test": []}
    for key, record in kept.items():
        side = manifest.split_of.get(key[:digits])
        if side is not None:
            cast = tuple(int(vote) for vote in votes[key])
            sides[side].append(FaceRecord(record.name, record.pixels, cast, record.source))
    return sides


def _new_labels(services: Services, folder: Path) -> Iterator[FaceRecord]:
    """Read what people labelled on the platform, from a copy."""
    # A consent that was withdrawn since is out of the table only when that is made anew.
    refresh(services)
    names = list(services.lake.list(keys.LABEL_ANNOTATIONS))
    if f"{keys.LABEL_ANNOTATIONS}/{LABEL_FILE}" not in names:
        return iter(())
    (folder / IMAGE_FOLDER).mkdir(parents=True)
    for key in names:
        target = folder / key.removeprefix(f"{keys.LABEL_ANNOTATIONS}/")
        target.write_bytes(services.lake.get_bytes(key))
    return load_annotations(folder)


def _side_px(sides: _Sides, recipe: Recipe) -> int:
    """Return the side of the pictures that train: their own where they are of one size."""
    shapes = {record.pixels.shape[:2] for record in (*sides.train, *sides.validation)}
    if len(shapes) == 1:
        height, width = next(iter(shapes))
        if height == width:
            return int(height)
    return recipe.stages[-1].input_side_px


def _freeze(services: Services, request_id: str, sides: _Sides, folder: Path) -> dict[str, int]:
    counts = {}
    for slug, (name, records) in sides.frozen.items():
        path = folder / f"{slug}.zip"
        counts[slug] = write_frozen(path, name, records)
        services.lake.put_file(keys.retraining_frozen(request_id, slug), path)
    return counts


def champion_recipe(settings: RetrainingSettings, name: str, champion: Path) -> Recipe:
    """Read a recipe and hold it to the champion's network, if training starts from it.

    Raises:
        ConfigurationError: It needs a teacher, or describes another network.
    """
    recipe = read_recipe(RECIPES / f"{name}.yaml")
    if recipe.distillation is not None:
        raise ConfigurationError(
            "FEX_RETRAINING__RECIPE", f"{name!r} learns from a teacher: a retraining has none"
        )
    if settings.start_from == "recipe":
        return recipe
    signature = read_signature(champion)
    packed = signature.architecture.name
    wanted = {
        # A package names the network by whose code it is, the zoo by its own name.
        "model.architecture": _PACKED.get(packed, packed),
        "model.width": signature.architecture.width,
        "input.normalisation": signature.preprocessing.normalisation,
    }
    flat = recipe.flat()
    wrong = [
        f"{key} {flat[key]}, not {value}" for key, value in wanted.items() if flat[key] != value
    ]
    if wrong:
        raise ConfigurationError(
            "FEX_RETRAINING__RECIPE",
            f"{name!r} does not fit the champion it starts from: {'; '.join(wrong)}; choose "
            "another recipe, or FEX_RETRAINING__START_FROM=recipe",
        )
    content = recipe.model_dump(mode="json")
    content["model"]["weights"] = START_WEIGHTS
    return make_recipe(content, name)


def _write(
    bundle: Path,
    rows: Rows,
    recipe: Recipe,
    champion: Path,
    start_from: str,
    facts: dict[str, Any],
) -> None:
    write_bundle(bundle, Bundle(rows.train, rows.validation, facts))
    content = recipe.model_dump(mode="json", exclude_none=True)
    (bundle / RECIPE_COPY).write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    if start_from == "champion":
        weights = read_package(champion)[WEIGHTS_MEMBER]
        (bundle / START_WEIGHTS).write_bytes(weights)
