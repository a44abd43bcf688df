"""A job's process is signalled only where its number means that very process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from include.jobs.environment import job_environment
from include.jobs.folder import JobFolder


@pytest.fixture
def folder(tmp_path: Path) -> JobFolder:
    found = JobFolder(tmp_path)
    found.write_process_id()
    return found


def test_a_process_is_known_to_others_of_its_machine(folder: JobFolder) -> None:
    assert folder.process_id() == os.getpid()


@pytest.mark.parametrize("what", ["boot", "namespace", "started"])
def test_a_number_of_another_machine_container_or_process_is_none(
    folder: JobFolder, what: str
) -> None:
    (written,) = folder.path.glob("*.json")
    content = json.loads(written.read_text())
    written.write_text(json.dumps({**content, what: "another"}))
    assert folder.process_id() is None


def test_a_number_that_nobody_has_any_more_is_none(folder: JobFolder) -> None:
    (written,) = folder.path.glob("*.json")
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    content = json.loads(written.read_text())
    written.write_text(json.dumps({**content, "pid": ended.pid}))
    assert folder.process_id() is None
    written.write_text(json.dumps({"pid": ended.pid}))
    assert folder.process_id() is None


def test_a_job_tells_nobody_that_it_runs() -> None:
    given = job_environment({"ORT_DISABLE_TELEMETRY": "0", "PATH": "/bin"})
    assert given["ORT_DISABLE_TELEMETRY"] == "1"
    assert given["MLFLOW_DISABLE_TELEMETRY"] == "true"


def test_onnx_runtime_leaves_no_device_id(tmp_path: Path) -> None:
    """As the platform loads it; without the switch its wheel writes into the home at once."""
    code = (
        "import numpy as np, onnx\n"
        "from onnx import TensorProto as T, helper as h\n"
        "from include.video.onnx_session import session_of\n"
        "x, y = (h.make_tensor_value_info(n, T.FLOAT, [1]) for n in 'xy')\n"
        "graph = h.make_graph([h.make_node('Abs', ['x'], ['y'])], 'g', [x], [y])\n"
        "model = h.make_model(graph, opset_imports=[h.make_opsetid('', 17)], ir_version=8)\n"
        "session_of(model.SerializeToString()).run(None, {'x': np.ones(1, np.float32)})\n"
    )
    environment = {
        "HOME": str(tmp_path),
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(Path(__file__).parents[3]),
    }
    subprocess.run([sys.executable, "-c", code], env=environment, check=True, timeout=120)
    assert list(tmp_path.rglob("*")) == []
