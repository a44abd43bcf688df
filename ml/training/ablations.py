"""Train variants of a recipe side by side and tabulate what each is worth.

For example `python -m ml.training.ablations --epochs 6 --subset 8000 --vary
loss.balancing=none,weighted_sampler --vary optimiser.sam_rho=0,0.05`.

Every variant differs from the base in one key, and starts from the same seed on the same
pictures. Figures are those of the last averaged weights on the whole validation split;
within a key they are held to its first value, with paired bootstrap intervals. Validation
is what choices are made on: a figure to quote comes from the test split of the final
model. Run again, finished variants are read and an interrupted one goes on.
"""

from __future__ import annotations

import argparse
import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import yaml
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file
from sklearn.model_selection import train_test_split

from include.contracts.errors import ConfigurationError
from ml.command import run_command
from ml.data.location import named_sets
from ml.files import written_whole
from ml.packaging.unpack import package_sha256
from ml.training.ablation_table import Outcome, as_csv, as_markdown, compare
from ml.training.command import add_run_arguments, choose_device, only_one, say
from ml.training.data import RunData, load_run_data
from ml.training.distillation import prepare_lesson
from ml.training.examples import Examples
from ml.training.loop import RECIPE_COPY, Trainer
from ml.training.provenance import code_version
from ml.training.recipe import DataPart, Recipe
from ml.training.teacher import run_sha256
from ml.training.tracking import RunTracking
from ml.training.validation import predict
from ml.training.variants import Variant, make_variants, read_base

MARKDOWN, CSV = "ablations.md", "ablations.csv"
ANSWERS = "answers.safetensors"

_SUBSET_SEED = 20261121


@dataclass(frozen=True, slots=True)
class Workshop:
    """What all variants of a command share.

    Attributes:
        out: Folder of the tables and of one folder per variant.
        sets: Labelled data sets.
        split: Split manifest.
        unlabelled: FairFace.
        subset: Training pictures, drawn by class; None: all.
        device: Where networks train.
    """

    out: Path
    sets: list[tuple[str, Path]]
    split: Path
    unlabelled: Path
    subset: int | None
    device: torch.device

    def data(self, recipe: Recipe) -> RunData:
        """Return the rows of a recipe, the training rows cut to the subset."""
        data = load_run_data(recipe, self.sets, self.split, self.unlabelled)
        train = drawn_by_class(data.train, self.subset)
        rows = hashlib.sha256(train.images.tobytes() + train.targets.tobytes()).hexdigest()
        return RunData(train, data.validation, data.hashes | {"subset_sha256": rows})


def main() -> None:
    """Parse the command line, train every variant, write the tables after each."""
    parser = argparse.ArgumentParser(
        prog="ml.training.ablations",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    recipes = Path(__file__).parent / "recipes"
    parser.add_argument("--base", type=Path, default=recipes / "best.yaml")
    parser.add_argument("--vary", action="append", required=True, metavar="KEY=VALUE,VALUE")
    parser.add_argument("--epochs", type=int, help="epochs of the last stage alone")
    parser.add_argument("--side", type=int, help="input side of that stage, pixels")
    parser.add_argument("--subset", type=int, help="training pictures, drawn by class")
    parser.add_argument("--out", type=Path, default=Path("var/ablations"))
    add_run_arguments(parser)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    base = read_base(arguments.base, epochs=arguments.epochs, side_px=arguments.side)
    variants = make_variants(base, arguments.vary, str(arguments.base))
    workshop = Workshop(
        out=arguments.out,
        sets=named_sets(arguments),
        split=arguments.split,
        unlabelled=arguments.unlabelled,
        subset=arguments.subset,
        device=choose_device(arguments.device),
    )
    with only_one(arguments.out):
        print(run_variants(workshop, variants, arguments.base.name))  # noqa: T201


def run_variants(workshop: Workshop, variants: list[Variant], base: str) -> str:
    """Train what is not there yet, write both tables, and return the one for people.

    Raises:
        ConfigurationError: Data or a teacher cannot be read, or variants are not scored
            on the same rows.
    """
    outcomes: list[Outcome] = []
    read: dict[DataPart, RunData] = {}
    labels = None
    table = ""
    for number, variant in enumerate(variants, start=1):
        say(f"variant {number}/{len(variants)}: {variant.title}")
        if variant.recipe.data not in read:
            read[variant.recipe.data] = workshop.data(variant.recipe)
        data = read[variant.recipe.data]
        if labels is not None and not np.array_equal(labels, data.validation.labels):
            raise ConfigurationError(
                "--vary", f"{variant.title} is scored on other rows: compare it in a run of its own"
            )
        labels = data.validation.labels
        outcomes.append(_outcome(workshop, variant, data))
        rows = compare(outcomes, labels)
        stages = ", ".join(f"{s.epochs} at {s.input_side_px} px" for s in variant.recipe.stages)
        caption = (
            f"Variants of {base}: {len(data.train)} training pictures, epochs {stages}. "
            f"Last averaged weights on the validation split, n = {len(labels)}; 95 % bootstrap "
            "intervals, differences paired."
        )
        table = as_markdown(rows, caption)
        (workshop.out / MARKDOWN).write_text(table, encoding="utf-8")
        (workshop.out / CSV).write_text(as_csv(rows), encoding="utf-8")
    return table


def drawn_by_class(examples: Examples, count: int | None) -> Examples:
    """Return `count` rows with the classes in their shares; all where that is no fewer.

    The same rows for every recipe, so that its seed can be varied too.

    Raises:
        ConfigurationError: There are fewer rows to draw than classes.
    """
    if count is None or count >= len(examples):
        return examples
    try:
        rows, _ = train_test_split(
            np.arange(len(examples)),
            train_size=count,
            stratify=examples.labels,
            random_state=_SUBSET_SEED,
        )
    except ValueError as error:
        raise ConfigurationError("--subset", f"{count} pictures: {error}") from error
    return examples.select(np.sort(rows))


def _outcome(workshop: Workshop, variant: Variant, data: RunData) -> Outcome:
    identity = variant.identity(*sorted(data.hashes.values()), *_files(variant.recipe))
    folder = workshop.out / identity[:12]
    answers = folder / ANSWERS
    if not answers.is_file():
        _train(workshop, variant, data, folder)
    try:
        with safe_open(answers, framework="np") as file:
            metadata, probabilities = file.metadata(), file.get_tensor("probabilities")
    except (SafetensorError, OSError) as error:
        raise ConfigurationError("--out", f"{answers} is damaged ({error}): delete it") from error
    return Outcome(
        variant.key,
        variant.value,
        probabilities.astype(np.float64),
        int(metadata["steps"]),
        float(metadata["seconds"]),
    )


def _files(recipe: Recipe) -> list[str]:
    """Return the sha256 of each file that the recipe names."""
    weights, distillation = recipe.model.weights_file, recipe.distillation
    found = [] if weights is None else [package_sha256(weights)]
    return found if distillation is None else [*found, run_sha256(distillation.teacher)]


def _train(workshop: Workshop, variant: Variant, data: RunData, folder: Path) -> None:
    recipe = variant.recipe
    folder.mkdir(parents=True, exist_ok=True)
    content = yaml.safe_dump(recipe.model_dump(mode="json"), sort_keys=False)
    (folder / RECIPE_COPY).write_text(f"# {variant.title}\n{content}", encoding="utf-8")
    lesson = prepare_lesson(
        recipe.distillation, data, workshop.unlabelled, workshop.out, say, workshop.device
    )
    facts = data.hashes | code_version() | {"variant": variant.title}
    tracking = RunTracking(
        recipe, folder, workshop.out / "mlflow", facts=facts, experiment="ablations"
    )
    with tracking as tracked:
        trainer = Trainer(
            recipe,
            lesson.labelled,
            data.validation,
            folder,
            taught=lesson.unlabelled,
            device=workshop.device,
            report=say,
            on_epoch=tracked.log_epoch,
            on_step=tracked.log_step,
        )
        progress = trainer.run()
    shares = predict(
        trainer.averaged,
        data.validation.images,
        recipe.stage_at(progress.epoch - 1).input_side_px,
        normalisation=recipe.input.normalisation,
        classes=len(recipe.data.names),
    )
    figures = {"steps": str(progress.total_steps), "seconds": f"{progress.seconds:.1f}"}
    with written_whole(folder / ANSWERS) as partial:
        save_file({"probabilities": shares}, partial, metadata=figures)


if __name__ == "__main__":
    run_command(main)
