"""Compare models on the same held-out pictures, pairwise.

    python -m ml.evaluation.compare --models a.tar.gz b.tar.gz --answers fer.json
    python -m ml.evaluation.compare --models a.tar.gz b.tar.gz --spoilt darkness=0.25

The first model is the one the others are held to. Differences come with paired
bootstrap intervals, and with McNemar's exact test (McNemar 1947; the binomial form for
the pictures on which exactly one of the two is right). A model that gives no answer to
a picture (null in its file) is wrong there.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from scipy import stats

from include.contracts.errors import ConfigurationError
from include.contracts.labels import EXPRESSIONS
from include.statistics import words
from include.statistics.arrays import FloatArray
from include.statistics.bootstrap import RESAMPLES, Bootstrap
from ml.data.datasets import LOADERS
from ml.data.ferplus import NAME as FERPLUS
from ml.data.location import add_data_argument
from ml.data.records import ImageArray
from ml.data.splits import DEFAULT_MANIFEST, read_manifest
from ml.evaluation.answers import Answers, packaged_answers, read_answers
from ml.evaluation.corruptions import CORRUPTIONS
from ml.evaluation.manifests import manifest_of
from ml.evaluation.metrics import (
    Labels,
    calibration_figure,
    macro_f1_less,
    resampled_macro_f1,
)
from ml.evaluation.rows import load_rows
from ml.evaluation.standing import Standing
from ml.packaging.unpack import read_signature

NO_ANSWER = len(EXPRESSIONS)
"""The column of pictures without an answer in a confusion matrix."""


def compare(
    answers: Sequence[Answers], labels: Labels, *, resamples: int = RESAMPLES
) -> tuple[Standing, ...]:
    """Measure every model against the truths and against the first model.

    Raises:
        ValueError: No model, or answers for another number of pictures.
    """
    if not answers or any(len(item.probabilities) != len(labels) for item in answers):
        raise ValueError("every model must answer each of the pictures")
    bootstrap = Bootstrap(len(labels), resamples=resamples)
    first: Labels | None = None
    standings = []
    for item in answers:
        chosen = np.where(item.answered, _argmax(item.probabilities), NO_ANSWER)
        standings.append(_standing(item, labels, bootstrap, chosen, first))
        first = chosen if first is None else first
    return tuple(standings)


def _standing(
    item: Answers,
    labels: Labels,
    bootstrap: Bootstrap,
    chosen: Labels,
    first: Labels | None,
) -> Standing:
    n, right = len(labels), chosen == labels
    given = item.answered
    ece = calibration_figure(Bootstrap(int(given.sum())), item.probabilities[given], labels[given])
    less_accuracy, less_f1, p_value = None, None, None
    if first is not None:
        others = first == labels
        less_accuracy = bootstrap.difference(right, others)
        less_f1 = macro_f1_less(bootstrap, labels, chosen, first, NO_ANSWER + 1)
        p_value = mcnemar(right, others)
    return Standing(
        item.model,
        bootstrap.mean(given.astype(np.float64)),
        bootstrap.mean(right.astype(np.float64)),
        resampled_macro_f1(bootstrap, labels, chosen, NO_ANSWER + 1).estimate(n),
        ece,
        less_accuracy,
        less_f1,
        p_value,
    )


def mcnemar(right: npt.NDArray[np.bool_], other: npt.NDArray[np.bool_]) -> float:
    """Return the two-sided p-value of two models being right equally often."""
    gained, lost = int((right & ~other).sum()), int((~right & other).sum())
    if not gained + lost:
        return 1.0
    return float(stats.binomtest(gained, gained + lost, 0.5).pvalue)


def _argmax(probabilities: FloatArray) -> Labels:
    return np.asarray(np.nan_to_num(probabilities, nan=-1).argmax(axis=1), np.int64)


def format_standings(standings: Sequence[Standing], title: str) -> str:
    """Return the comparison as a table."""
    width = max(len(item.model) for item in standings) + 2
    head = f"{'model':<{width}}{'answered':>9}  {'accuracy':<22}{'macro F1':<22}{'ECE':<8}"
    lines = [title, "", f"{head}{'less first':<26}{'McNemar p':>9}"]
    for item in standings:
        cells = f"{item.answered.value:>9.1%}  {words.number(item.accuracy, 3):<22}"
        cells += f"{words.number(item.macro_f1, 3):<22}{item.ece.value:<8.3f}"
        difference = words.difference(item.accuracy_less_first)
        p_value = "" if item.p_value is None else f"{item.p_value:.2g}"
        lines.append(f"{item.model:<{width}}{cells}{difference:<26}{p_value:>9}")
    return "\n".join(lines)


def spoil(images: Sequence[ImageArray], asked: str) -> tuple[ImageArray, ...]:
    """Return the pictures spoilt as asked on the command line.

    Args:
        images: uint8 (h, w) or (h, w, 3).
        asked: `WAY=STRENGTH`, as `darkness=0.25`; see `ml.evaluation.corruptions`.

    Raises:
        ConfigurationError: There is no such way, or the strength is not a number.
    """
    ways = {item.name: item for item in CORRUPTIONS}
    name, _, strength = asked.partition("=")
    try:
        way, amount = ways[name], float(strength)
    except (KeyError, ValueError):
        known = ", ".join(ways)
        raise ConfigurationError(
            "--spoilt", f"{asked} is not WAY=STRENGTH with a way of: {known}"
        ) from None
    return tuple(way.spoil(images, amount))


def main() -> int:
    """Print the comparison; 2 where a file is wrong."""
    parser = argparse.ArgumentParser(prog="ml.evaluation.compare", description=__doc__)
    parser.add_argument("--models", type=Path, nargs="*", default=[], help="model.tar.gz files")
    parser.add_argument("--answers", type=Path, nargs="*", default=[], help="files of answers")
    add_data_argument(parser)
    parser.add_argument("--set", choices=[*LOADERS], default=FERPLUS)
    parser.add_argument("--manifest", type=Path, default=DEFAULT_MANIFEST, help="split manifest")
    parser.add_argument(
        "--side",
        choices=("test", "validation"),
        default="test",
        help="validation: to choose between models, not to say how good one is",
    )
    ways = ", ".join(item.name for item in CORRUPTIONS)
    parser.add_argument("--spoilt", metavar="WAY=STRENGTH", help=f"spoil pictures first: {ways}")
    parser.add_argument("--json", type=Path, help="also write the figures there")
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    try:
        return _run(arguments)
    except ConfigurationError as error:
        sys.stderr.write(f"compare: {error}\n")
        return 2


def _run(arguments: argparse.Namespace) -> int:
    if not arguments.models and not arguments.answers:
        raise ConfigurationError("--models", "name at least one package or file of answers")
    manifests = [
        manifest_of(read_signature(path), arguments.manifest) for path in arguments.models
    ] or [read_manifest(arguments.manifest)]
    rows = load_rows(arguments.data, arguments.set, manifests[0], side=arguments.side)
    images, name = rows.images, rows.name
    if arguments.spoilt is not None:
        if arguments.answers:
            raise ConfigurationError("--spoilt", "answers of a file were given to other pictures")
        images, name = spoil(images, arguments.spoilt), f"{name}, {arguments.spoilt}"
    answers = [packaged_answers(path, images) for path in arguments.models]
    answers += [read_answers(path, rows.keys) for path in arguments.answers]
    standings = compare(answers, rows.labels)
    sys.stdout.write(format_standings(standings, f"{name}, n = {len(rows)}") + "\n")
    if arguments.json is not None:
        document = {
            "data": name,
            "n": len(rows),
            "models": [item.to_json() for item in standings],
        }
        arguments.json.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
