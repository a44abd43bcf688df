"""What serving costs: engines, precisions and input sizes of one packed model.

Prints, for a package: what each engine and precision keeps of the accuracy (on the
validation split; the test split chooses nothing), faces per second of the network
alone and of the whole handler, where the handler's time goes, and what the input's side
costs. Everything that is compared runs in turn in this process, round by round, and
ratios are taken round by round: another load on the machine falls on all alike.

    make bench ARGS=serving
    make bench ARGS="serving --packages dist/model.tar.gz dist/96.tar.gz --rounds 9"
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.serving_models import (
    ONNX,
    TORCH,
    Variant,
    crops,
    make_variants,
    run_network,
    shard_of,
    threads,
)
from include.statistics import words
from ml.data.location import FERPLUS_ZIP, shared_data_dir
from ml.evaluation.answers import Answers
from ml.evaluation.calibration import softmax
from ml.evaluation.compare import compare
from ml.evaluation.packed import packed_logits
from ml.evaluation.split import labelled_split
from ml.packaging.unpack import read_signature
from ml.registry.champion import PACKAGED
from ml.serving.handler import PackedModel

BATCHES = (1, 8, 32)
CORES = (1, 2)
SIDES_PX = (64, 96, 112, 160, 224)
REFERENCE_SIDE_PX = 224
SINGLE_REQUESTS = 16
"""Requests of one picture that stand for the reference: they are slow."""

Rates = Mapping[str, Sequence[float]]


def main(arguments: Sequence[str] = ()) -> None:
    """Measure and print."""
    options = _options(arguments)
    console = Console(width=150)
    data = options.data if options.data.exists() else None
    if data is None:
        console.print(f"{options.data} is not there: no accuracy, no quantised variants")
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        variants = make_variants(options.packages[0], scratch, data=data)
        if data is not None:
            console.print(accuracy_table(variants, options.packages[0], data))
        console.print(network_table(variants, options.packages[0], rounds=options.rounds))
        reference = make_variants(
            options.packages[0], scratch, data=None, side_px=REFERENCE_SIDE_PX
        )[TORCH]
        console.print(
            handler_table(variants, reference, faces=options.faces, rounds=options.rounds)
        )
        console.print(cost_table(variants, rounds=options.rounds))
        console.print(
            side_table(
                options.packages, scratch, data=data, faces=options.faces, rounds=options.rounds
            )
        )


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks serving", description=__doc__)
    parser.add_argument(
        "--packages",
        type=Path,
        nargs="+",
        default=[PACKAGED],
        help="the first is measured; each fills the accuracy of its input side",
    )
    parser.add_argument("--data", type=Path, default=shared_data_dir() / FERPLUS_ZIP)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--faces", type=int, default=512, help="faces of a shard")
    return parser.parse_args(arguments)


def in_turn(tasks: Mapping[str, Callable[[], int]], rounds: int) -> dict[str, list[float]]:
    """Run every task once a round, and return items per second of each round.

    Args:
        tasks: Each does its work and returns how many items that was.
        rounds: Beside one that only warms up.
    """
    rates: dict[str, list[float]] = {name: [] for name in tasks}
    for number in range(rounds + 1):
        for name, task in tasks.items():
            start = time.perf_counter()
            items = task()
            if number:
                rates[name].append(items / (time.perf_counter() - start))
    return rates


def _middle(rates: Sequence[float]) -> str:
    return f"{statistics.median(rates):.0f}"


def _ratio(rates: Sequence[float], reference: Sequence[float]) -> str:
    """Return the median of the ratios round by round."""
    ratios = [mine / other for mine, other in zip(rates, reference, strict=True)]
    return f"{statistics.median(ratios):.2f}"


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left")
    for number, column in enumerate(columns):
        table.add_column(column, justify="right" if number else "left")
    return table


def _cores(count: int) -> str:
    return "1 core" if count == 1 else f"{count} cores"


def _validation(
    variants: Sequence[Variant], package: Path, data: Path
) -> tuple[list[Answers], np.ndarray]:
    temperature = read_signature(package).temperature
    table, labels = labelled_split(data, "validation")
    with threads(max(CORES)):
        answers = [
            Answers(
                variant.name,
                softmax(packed_logits(variant.open(), list(table.images)), temperature),
            )
            for variant in variants
        ]
    return answers, labels


def accuracy_table(variants: Mapping[str, Variant], package: Path, data: Path) -> Table:
    """Return what each variant answers on validation, beside torch in fp32."""
    answers, labels = _validation(list(variants.values()), package, data)
    table = _table(
        f"Validation, n = {len(labels)}; 95 % bootstrap intervals, differences paired",
        *("variant", "accuracy", "macro-F1", "ECE", "accuracy less torch's"),
        *("macro-F1 less torch's", "other answers"),
    )
    first = answers[0].probabilities.argmax(axis=1)
    for standing, item in zip(compare(answers, labels), answers, strict=True):
        other = float((item.probabilities.argmax(axis=1) != first).mean())
        table.add_row(
            standing.model,
            words.number(standing.accuracy, 3),
            words.number(standing.macro_f1, 3),
            words.number(standing.ece, 3),
            words.number(standing.accuracy_less_first, 4),
            words.number(standing.macro_f1_less_first, 4),
            f"{other:.2%}",
        )
    return table


def network_table(variants: Mapping[str, Variant], package: Path, *, rounds: int) -> Table:
    """Return faces per second of the network alone, from a ready input to logits."""
    side_px = read_signature(package).input.side_px
    columns = [f"batch {batch}, {_cores(cores)}" for cores in CORES for batch in BATCHES]
    table = _table(
        f"Network alone at {side_px} px: faces per second (ratio to torch)", "variant", *columns
    )
    engines = {name: variant.loaded()[1].engine for name, variant in variants.items()}
    cells: dict[str, list[str]] = {name: [] for name in engines}
    pictures = np.random.default_rng(0).standard_normal((max(BATCHES), 3, side_px, side_px))
    for cores in CORES:
        for batch in BATCHES:
            ready = pictures[:batch].astype(np.float32)
            times = max(2, 32 // batch)

            tasks = {
                name: partial(run_network, engine, ready, count=cores, times=times)
                for name, engine in engines.items()
            }
            with threads(cores):
                rates = in_turn(tasks, rounds)
            for name, mine in rates.items():
                cells[name].append(f"{_middle(mine)} ({_ratio(mine, rates[TORCH])})")
    for name, row in cells.items():
        table.add_row(name, *row)
    return table


def handler_table(
    variants: Mapping[str, Variant], reference: Variant, *, faces: int, rounds: int
) -> Table:
    """Return faces per second through AWS's handler, from JPEG crops in a tar to JSON."""
    pictures = crops(faces)
    body = shard_of(pictures)
    single = "reference"
    table = _table(
        f"Through the handler: a shard of {faces} JPEG crops; ratio to one request per "
        f"picture through torch at {REFERENCE_SIDE_PX} px",
        *("variant", *(f"faces/s, {_cores(cores)}" for cores in CORES)),
        *(f"ratio, {_cores(cores)}" for cores in CORES),
    )
    rates: dict[int, Rates] = {}
    for cores in CORES:
        with threads(cores):
            models = {name: variant.open() for name, variant in variants.items()}
            tasks = {name: partial(_shard, model, body, faces) for name, model in models.items()}
            tasks[single] = partial(_one_by_one, reference.open(), pictures[:SINGLE_REQUESTS])
            rates[cores] = in_turn(tasks, rounds)
    for name in [single, *variants]:
        title = f"one request per picture, torch, {REFERENCE_SIDE_PX} px"
        table.add_row(
            title if name == single else name,
            *(_middle(rates[cores][name]) for cores in CORES),
            *(_ratio(rates[cores][name], rates[cores][single]) for cores in CORES),
        )
    return table


def _shard(model: PackedModel, body: bytes, faces: int) -> int:
    model.invoke(body, "application/x-tar")
    return faces


def _one_by_one(model: PackedModel, pictures: Sequence[bytes]) -> int:
    for picture in pictures:
        model.invoke(picture, "application/x-image")
    return len(pictures)


def cost_table(variants: Mapping[str, Variant], *, rounds: int) -> Table:
    """Return where the handler's time goes, on one core."""
    pictures = crops(32)
    body = shard_of(pictures)
    table = _table("Where the time goes: microseconds per face on one core", "step", "time")
    with threads(1):
        module, model = variants[ONNX].loaded()
        grey = np.stack([module._grey(data, model) for data in pictures])
        ready = module._normalise(grey, model)
        answers = module.predict_fn(module.input_fn(body, module.SHARD), model)
        steps: dict[str, Callable[[], object]] = {
            "take the shard apart": lambda: module.input_fn(body, module.SHARD),
            "decode JPEG, resize": lambda: [module._grey(data, model) for data in pictures],
            "normalise": lambda: module._normalise(grey, model),
            "write JSON": lambda: module.output_fn(answers, ""),
        }
        for name, variant in variants.items():
            engine = variant.loaded()[1].engine
            steps[f"network, {name}"] = partial(engine, ready)
        tasks = {name: partial(_step, step, len(pictures)) for name, step in steps.items()}
        rates = in_turn(tasks, rounds)
    for name, mine in rates.items():
        table.add_row(name, f"{1e6 / statistics.median(mine):.0f}")
    return table


def _step(step: Callable[[], object], items: int) -> int:
    step()
    return items


def side_table(
    packages: Sequence[Path], scratch: Path, *, data: Path | None, faces: int, rounds: int
) -> Table:
    """Return what the input's side costs, and what it brings where a package has it."""
    trained = {read_signature(path).input.side_px: path for path in packages}
    sides = sorted({*SIDES_PX, *trained})
    table = _table(
        "Input side, ONNX Runtime fp32: the cost is that of any network of this size; the "
        "accuracy on validation is that of the packages given",
        *("side, px", "network, 1 core", "handler, 2 cores", "ratio to 224 px"),
        *("accuracy", "macro-F1"),
    )
    opened = {
        side: make_variants(trained.get(side, packages[0]), scratch, data=None, side_px=side)[ONNX]
        for side in sides
    }
    alone, whole = _side_rates(opened, faces=faces, rounds=rounds)
    for side in sides:
        accuracy, f1 = "", ""
        if data is not None and side in trained:
            answers, labels = _validation([opened[side]], trained[side], data)
            (standing,) = compare(answers, labels)
            accuracy, f1 = words.number(standing.accuracy, 3), words.number(standing.macro_f1, 3)
        table.add_row(
            str(side),
            _middle(alone[str(side)]),
            _middle(whole[str(side)]),
            _ratio(whole[str(side)], whole[str(REFERENCE_SIDE_PX)]),
            *(accuracy, f1),
        )
    return table


def _side_rates(opened: Mapping[int, Variant], *, faces: int, rounds: int) -> tuple[Rates, Rates]:
    """Return faces per second by side: the network on one core, the handler on two."""
    body = shard_of(crops(faces))

    with threads(1):
        engines = {side: variant.loaded()[1].engine for side, variant in opened.items()}
        inputs = {side: np.zeros((16, 3, side, side), np.float32) for side in opened}
        alone = in_turn(
            {
                str(side): partial(run_network, engines[side], inputs[side], count=1, times=1)
                for side in opened
            },
            rounds,
        )
    with threads(max(CORES)):
        models = {str(side): variant.open() for side, variant in opened.items()}
        whole = in_turn(
            {name: partial(_shard, model, body, faces) for name, model in models.items()}, rounds
        )
    return alone, whole
