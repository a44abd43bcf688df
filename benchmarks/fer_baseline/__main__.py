"""The packaged model beside `fer` on the same held-out faces: `make compare-fer`.

fer is installed into an environment of its own under `var/fer-baseline` (TensorFlow,
some 2 GB), classifies the held-out pictures there, and writes its answers as files that
`ml.evaluation.compare` reads. The first run needs the package index.

Read its figures as an upper bound: fer's model was trained on FER2013, and the held-out
pictures are FER2013's, so it has seen most of them in training. The packaged model has
seen none.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np

from include.contracts.errors import ConfigurationError
from include.contracts.labels import EXPRESSIONS
from ml.data.ferplus import NAME as FERPLUS
from ml.data.location import add_data_argument
from ml.evaluation.manifests import manifest_of
from ml.evaluation.rows import ScoredRows, load_rows
from ml.packaging.unpack import read_signature

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
WORK = ROOT / "var" / "fer-baseline"
PYTHON_VERSION = "3.11"


def environment(work: Path) -> Path:
    """Return the Python of fer's environment, installed at the first call and when pins change.

    Raises:
        ConfigurationError: uv is not there.
    """
    python = work / "venv" / "bin" / "python"
    pins = (HERE / "requirements.txt").read_text(encoding="utf-8")
    stamp = work / "installed.txt"
    if python.is_file() and stamp.is_file() and stamp.read_text(encoding="utf-8") == pins:
        return python
    uv = shutil.which("uv") or shutil.which("uv", path=ROOT / ".tools" / "uv" / "bin")
    if uv is None:
        raise ConfigurationError("uv", "is not there: run make setup, which installs it")
    work.mkdir(parents=True, exist_ok=True)
    subprocess.run(
        [uv, "venv", "--clear", "--python", PYTHON_VERSION, str(work / "venv")], check=True
    )
    install = [uv, "pip", "sync", "--python", str(python), str(HERE / "requirements.txt")]
    subprocess.run(install, check=True)
    stamp.write_text(pins, encoding="utf-8")
    return python


def hand_over(rows: ScoredRows, file: Path) -> None:
    """Write the pictures, their keys and the label order for `classify.py`."""
    np.savez(
        file, images=np.stack(rows.images), keys=np.array(rows.keys), labels=np.array(EXPRESSIONS)
    )


def main() -> int:
    """Install, classify, compare."""
    parser = argparse.ArgumentParser(prog="benchmarks.fer_baseline", description=__doc__)
    parser.add_argument("--model", type=Path, default=ROOT / "ml" / "weights" / "model.tar.gz")
    add_data_argument(parser)
    parser.add_argument("--work", type=Path, default=WORK)
    arguments = parser.parse_args()
    try:
        python = environment(arguments.work)
        manifest = manifest_of(read_signature(arguments.model))
        rows = load_rows(arguments.data, FERPLUS, manifest)
    except ConfigurationError as error:
        sys.stderr.write(f"compare-fer: {error}\n")
        return 2
    faces, out = arguments.work / "faces.npz", arguments.work / "answers"
    hand_over(rows, faces)
    shutil.rmtree(out, ignore_errors=True)
    subprocess.run([str(python), str(HERE / "classify.py"), str(faces), str(out)], check=True)
    command = [sys.executable, "-m", "ml.evaluation.compare", "--models", str(arguments.model)]
    command += ["--data", str(arguments.data), "--json", str(arguments.work / "comparison.json")]
    command += ["--answers", *(str(path) for path in sorted(out.glob("*.json")))]
    return subprocess.run(command, check=False, cwd=ROOT).returncode


if __name__ == "__main__":
    sys.exit(main())
