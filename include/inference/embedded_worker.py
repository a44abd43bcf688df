"""A worker of an embedded job: loads the model package once, then answers one shard per line.

`python -m include.inference.embedded_worker {job_dir} {model_dir} {parent pid}`
reads `{"shard": key, "output": key}` lines and writes `{"error": null | sentence}`
lines. It runs in a process of its own so that a shard which brings it down, or
takes it over a memory limit, costs that shard alone.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
from pathlib import Path

from include.inference.backend import CONTENT_TYPE
from include.inference.embedded_job import TransformFolder
from include.lake.store import Lake
from ml.serving.handler import PackedModel

_PR_SET_PDEATHSIG = 1


def main(job_dir: str, model_dir: str, parent_pid: str) -> int:
    """Serve requests until the runner closes the pipe."""
    _die_with_parent(int(parent_pid))
    # The package's code may print: what it prints goes to the log, not into the protocol.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", buffering=1)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())

    lake = Lake.open(TransformFolder(Path(job_dir)).runtime().storage())
    model = PackedModel.open(Path(model_dir))
    for line in sys.stdin:
        request = json.loads(line)
        error = _answer(lake, model, request["shard"], request["output"])
        answers.write(json.dumps({"error": error}) + "\n")
    return 0


def _answer(lake: Lake, model: PackedModel, shard_key: str, output_key: str) -> str | None:
    """Write one shard's answer to the lake; return what went wrong instead, if anything did.

    Whatever a shard or the package's code raises is that shard's failure, as
    an answer other than 200 is in a Batch Transform container.
    """
    try:
        body, _ = model.invoke(lake.get_bytes(shard_key), CONTENT_TYPE)
        lake.put_bytes(output_key, body)
    except Exception as error:  # noqa: BLE001 - see above
        return f"{type(error).__name__}: {error}"
    return None


def _die_with_parent(parent_pid: int) -> None:
    """Ask the kernel to end this process with the runner, whatever ends the runner."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent_pid:  # it ended before the kernel was asked
        sys.exit(1)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
