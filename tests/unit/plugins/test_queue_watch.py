"""Who takes from which queue, asked of real workers through a real Redis."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from plugins import queue_watch
from plugins.queue_watch import unattended

WORKER = """
import sys
from celery import Celery
app = Celery(broker=sys.argv[1])
app.worker_main(["worker", "--queues", sys.argv[2], "--hostname", sys.argv[2] + "@here",
                 "--pool", "solo", "--loglevel", "ERROR", "--without-gossip", "--without-mingle"])
"""


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Redis of its own."""
    server = shutil.which("redis-server")
    if server is None:
        pytest.skip("redis-server is not installed")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    folder = tmp_path_factory.mktemp("redis")
    command = [server, "--port", str(port), "--save", "", "--dir", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as running:
        try:
            _wait_for(lambda: socket.create_connection(("127.0.0.1", port), 1).close())
            yield f"redis://127.0.0.1:{port}/0"
        finally:
            running.terminate()


def _wait_for(look) -> None:  # type: ignore[no-untyped-def]
    give_up_at = time.monotonic() + 30
    while True:
        try:
            return look()
        except OSError:
            assert time.monotonic() < give_up_at
            time.sleep(0.05)


def _worker(broker: str, queues: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", WORKER, broker, queues])


def test_a_queue_without_a_worker_is_named_until_one_takes_from_it(
    broker: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue_watch, "ANSWER_S", 1.0)
    assert unattended(broker, ["io", "cpu"]) == [], "nobody answers: nothing can be said"
    io = _worker(broker, "io,default")
    cpu = None
    try:
        give_up_at = time.monotonic() + 60
        while unattended(broker, ["cpu", "gpu"]) != ["cpu", "gpu"]:
            assert time.monotonic() < give_up_at
        assert unattended(broker, ["io", "default"]) == []
        cpu = _worker(broker, "cpu")
        while "cpu" in unattended(broker, ["io", "cpu", "gpu"]):
            assert time.monotonic() < give_up_at
        assert unattended(broker, ["io", "cpu", "gpu"]) == ["gpu"]
        cpu.kill()
        cpu.wait(10)
        assert unattended(broker, ["io", "cpu", "gpu"]) == ["cpu", "gpu"]
    finally:
        for worker in (io, cpu):
            if worker is not None:
                worker.kill()
                worker.wait(10)


def test_people_are_told_once_a_day(tmp_path: Path) -> None:
    from tests.fakes.home import services_in

    now = services_in(tmp_path).ledger.clock()
    first, second = queue_watch._notice("cpu", now), queue_watch._notice("gpu", now)
    assert first.key == f"queue-without-worker/cpu/{now:%Y-%m-%d}" != second.key
    assert "airflow celery worker --queues cpu" in first.body
