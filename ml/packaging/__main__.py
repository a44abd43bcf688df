"""Write `dist/model.tar.gz`: `python -m ml.packaging [--run var/training]`.

Without `--run`, a package (by default the committed one) is sealed again with the code of
this tree, `--engine` and `--precision` as asked. Either way the golden-image gate runs at
the end.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from ml.command import run_command
from ml.data.location import add_data_argument
from ml.evaluation.golden import check_golden
from ml.packaging.seal import SealOptions, reseal, seal_run
from ml.packaging.signature import Serving
from ml.packaging.unpack import read_signature

COMMITTED = Path(__file__).parents[1] / "weights" / "model.tar.gz"


def main() -> None:
    """Parse the command line and build the package."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", type=Path, help="folder of a training run")
    parser.add_argument("--package", type=Path, default=COMMITTED, help="sealed again")
    add_data_argument(parser)
    parser.add_argument("--out", type=Path, default=Path("dist/model.tar.gz"))
    parser.add_argument("--package-version", default="1.0.0")
    parser.add_argument("--input-side", type=int, help="pixels; default: the recipe's last stage")
    parser.add_argument("--detail-side", type=int, help="pixels; default: crops keep their detail")
    parser.add_argument("--flip-average", action="store_true")
    parser.add_argument("--engine", choices=("onnxruntime", "torch"))
    parser.add_argument("--precision", choices=("fp32", "int8"))
    parser.add_argument("--class-offsets", action="store_true")
    parser.add_argument("--look-at-test", action="store_true", help="once, for the final package")
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    if arguments.run is None:
        kept = read_signature(arguments.package).serving
        serving = Serving(
            engine=arguments.engine or kept.engine,
            precision=arguments.precision or kept.precision,
        )
        sha256 = reseal(arguments.package, arguments.out, serving, data=arguments.data)
    else:
        options = SealOptions(
            version=arguments.package_version,
            input_side_px=arguments.input_side,
            detail_side_px=arguments.detail_side,
            flip_average=arguments.flip_average,
            engine=arguments.engine or "onnxruntime",
            precision=arguments.precision or "fp32",
            class_offsets=arguments.class_offsets,
            look_at_test=arguments.look_at_test,
        )
        sha256 = seal_run(arguments.run, arguments.data, arguments.out, options)
    check_golden(arguments.out)
    print(f"{arguments.out} sha256 {sha256}, golden-image gate passed")


if __name__ == "__main__":
    run_command(main)
