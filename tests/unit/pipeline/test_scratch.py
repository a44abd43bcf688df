"""Working folders: gone with their task, and where it was killed, with the next one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from include.composition import Services
from include.pipeline.scratch import PREFIX, UNLOCKED_FOR_S, working_folder
from tests.fakes.home import services_in

HOLDER = """
import sys, time
from pathlib import Path
from include.pipeline.scratch import working_folder
from tests.fakes.home import services_in
with working_folder(services_in(Path(sys.argv[1]))) as folder:
    (folder / "recording").write_bytes(b"somebody's face")
    print(folder, flush=True)
    time.sleep(60)
"""


@pytest.fixture
def services(tmp_path: Path) -> Services:
    return services_in(tmp_path)


def test_nothing_is_left_of_a_task_that_ends(services: Services) -> None:
    with working_folder(services) as folder:
        (folder / "recording").write_bytes(b"x")
    with pytest.raises(ZeroDivisionError), working_folder(services) as folder:
        (folder / str(1 // 0)).touch()
    assert list(services.settings.storage.scratch_dir.iterdir()) == []


def test_a_killed_task_s_recording_goes_and_a_living_task_s_stays(
    services: Services, tmp_path: Path
) -> None:
    command = [sys.executable, "-c", HOLDER, str(tmp_path)]
    with (
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as dies,
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as lives,
    ):
        try:
            assert dies.stdout is not None
            assert lives.stdout is not None
            left = Path(dies.stdout.readline().strip())
            kept = Path(lives.stdout.readline().strip())
            dies.send_signal(signal.SIGKILL)
            dies.wait(10)
            assert (left / "recording").exists(), "a killed process cannot tidy up"
            with working_folder(services) as mine:
                assert not left.exists()
                assert (kept / "recording").exists()
                with working_folder(services) as second:
                    assert mine.exists()
                    assert second != mine
        finally:
            dies.kill()
            lives.kill()


def test_a_folder_of_an_earlier_build_goes_when_it_is_old(services: Services) -> None:
    parent = services.settings.storage.scratch_dir
    old, young = parent / "tmpold", parent / "retraining-young"
    for folder in (old, young):
        (folder / "extraction").mkdir(parents=True)
    long_ago = time.time() - UNLOCKED_FOR_S - 60
    os.utime(old, (long_ago, long_ago))
    outside = parent.parent / "outside"
    outside.mkdir()
    (outside / "kept").touch()
    (parent / f"{PREFIX}link").symlink_to(outside)
    with working_folder(services):
        pass
    assert not old.exists()
    assert young.exists()
    assert (outside / "kept").exists()
