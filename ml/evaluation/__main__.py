"""Measure a package on pictures it has not seen: `make evaluate MODEL=... DATA=...`.

Writes `evaluation.html` (for people), `evaluation.json` (for machines), `answers.json`
(for `ml.evaluation.compare`), `model-card.md`, `model-card.json` (SageMaker's schema)
and `model-quality.json` (SageMaker's ModelMetrics), and prints the table.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

import torch

from include.contracts.errors import ConfigurationError
from ml.data.datasets import LOADERS
from ml.data.ferplus import NAME as FERPLUS
from ml.data.location import FERPLUS_ZIP, add_data_argument, shared_data_dir
from ml.data.splits import DEFAULT_MANIFEST
from ml.evaluation.answers import Answers, open_package, write_answers
from ml.evaluation.card import model_card
from ml.evaluation.manifests import manifest_of
from ml.evaluation.model_quality import model_quality
from ml.evaluation.page import render_page
from ml.evaluation.report import Options, Report, assess
from ml.evaluation.rows import load_rows
from ml.evaluation.sagemaker_card import sagemaker_card
from ml.evaluation.table import format_table

COMMITTED = Path(__file__).parents[1] / "weights" / "model.tar.gz"
RUN_VERSION = "0.0.0"
"""Version of a package that is sealed from a run only to be measured."""


def main() -> int:
    """Measure, write, print; 2 where a setting or file is wrong."""
    arguments = _arguments()
    torch.set_num_threads(arguments.threads)
    try:
        return _run(arguments)
    except ConfigurationError as error:
        print(f"evaluate: {error}", file=sys.stderr)
        return 2


def _run(arguments: argparse.Namespace) -> int:
    with tempfile.TemporaryDirectory() as scratch:
        package = open_package(_packed(arguments.model, Path(scratch)), Path(scratch))
        rows = load_rows(
            arguments.data, arguments.set, manifest_of(package.signature, arguments.manifest)
        )
        _tell(f"{len(rows)} pictures are classified")
        answered = package.probabilities(rows.images)
        options = Options(varied_pictures=arguments.varied, explained_per_class=arguments.explained)
        report = assess(package, rows, answered, options, _tell)
    write_answers(arguments.out / "answers.json", Answers(report.model, answered), rows.keys)
    _write(report, arguments.out)
    if arguments.card is not None:
        arguments.card.write_text(model_card(report), encoding="utf-8")
    print(format_table(report.evaluation, f"{report.model} on {report.data}\n"))
    sealed = report.abstention.sealed
    print(
        f"\nanswers at or over the sealed confidence {sealed.threshold}: {sealed.coverage:.1%} "
        f"of the pictures, accuracy there {sealed.accuracy.value:.3f}"
    )
    missed = [check for check in report.checks if check.passes is False]
    for check in missed:
        print(f"behaviour missed: {check.name}, {check.share.value:.3f} under {check.bound}")
    print(f"\n{arguments.out / 'evaluation.html'}")
    return 0


def _packed(model: Path, scratch: Path) -> Path:
    """Return the package itself, or one sealed on the fly from a training run's folder.

    Its temperature and threshold are fitted on the validation split at the default place.
    """
    if not model.is_dir():
        return model
    from ml.packaging.seal import SealOptions, seal_run

    sealed = scratch / "run.tar.gz"
    _tell(f"{model} is sealed")
    seal_run(model, shared_data_dir() / FERPLUS_ZIP, sealed, SealOptions(version=RUN_VERSION))
    return sealed


def _write(report: Report, out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    (out / "evaluation.html").write_text(render_page(report), encoding="utf-8")
    (out / "model-card.md").write_text(model_card(report), encoding="utf-8")
    for name, document in (
        ("evaluation.json", report.to_json()),
        ("model-card.json", sagemaker_card(report)),
        ("model-quality.json", model_quality(report.evaluation.confusion)),
    ):
        text = json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False)
        (out / name).write_text(text + "\n", encoding="utf-8")


def _arguments() -> argparse.Namespace:
    usual = Options()
    parser = argparse.ArgumentParser(prog="ml.evaluation", description=__doc__)
    parser.add_argument(
        "--model", type=Path, default=COMMITTED, help="a model.tar.gz, or a training run's folder"
    )
    add_data_argument(parser)
    parser.add_argument(
        "--set", choices=[*LOADERS], default=FERPLUS, help="layout of --data (default: %(default)s)"
    )
    parser.add_argument("--manifest", type=Path, default=DEFAULT_MANIFEST, help="split manifest")
    parser.add_argument("--out", type=Path, default=Path("var/evaluation"))
    parser.add_argument("--card", type=Path, help="write the Markdown card there as well")
    parser.add_argument(
        "--varied", type=int, default=usual.varied_pictures, help="pictures to spoil and change"
    )
    parser.add_argument(
        "--explained",
        type=int,
        default=usual.explained_per_class,
        help="pictures to explain per expression, right and wrong each; 0: none",
    )
    parser.add_argument("--threads", type=int, default=2)
    return parser.parse_args()


def _tell(step: str) -> None:
    print(f"… {step}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
