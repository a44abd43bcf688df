"""Measure a package: `python -m ml.evaluation --package dist/model.tar.gz --data ferplus.zip`."""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

import torch

from ml.data.location import add_data_argument
from ml.data.splits import DEFAULT_MANIFEST, SPLITS
from ml.evaluation.calibration import softmax
from ml.evaluation.metrics import evaluate
from ml.evaluation.split import labelled_split, split_logits
from ml.evaluation.table import format_table
from ml.packaging.unpack import read_signature, unpack_package
from ml.serving.handler import PackedModel


def main() -> None:
    """Print accuracy, calibration and abstention of a package on a split."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--package", type=Path, default=Path("ml/weights/model.tar.gz"))
    add_data_argument(parser)
    parser.add_argument("--manifest", type=Path, default=DEFAULT_MANIFEST)
    parser.add_argument("--split", choices=SPLITS, default="test")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json", type=Path, help="also write the figures there")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    signature = read_signature(arguments.package)
    table, labels = labelled_split(arguments.data, arguments.split, arguments.manifest)
    with tempfile.TemporaryDirectory() as scratch:
        model = PackedModel.open(unpack_package(arguments.package, Path(scratch)))
        logits = split_logits(model, table)
    probabilities = softmax(logits, float(signature["temperature"]))
    result = evaluate(probabilities, labels)
    version = signature["package_version"]
    print(format_table(result, f"package {version} on FER+ {arguments.split}, n = {result.n}\n"))
    confidence = probabilities.max(axis=1)
    kept = confidence >= float(signature["abstain_threshold"])
    right = probabilities.argmax(axis=1) == labels
    print(
        f"\nanswers at or over the sealed confidence {signature['abstain_threshold']}: "
        f"{kept.mean():.1%} of the pictures, accuracy there {right[kept].mean():.3f}"
    )
    if arguments.json:
        arguments.json.write_text(json.dumps(result.to_json(), indent=2), encoding="utf-8")


if __name__ == "__main__":
    main()
