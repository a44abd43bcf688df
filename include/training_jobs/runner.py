"""The process of an embedded training job.

`python -m include.training_jobs.runner {job_dir} {lock descriptor}` is started by
`EmbeddedTraining.create` as the leader of a session. It fetches the data, trains in this
very process, puts what the training left into the lake and records how it ended. Killed
at any moment it leaves a checkpoint that the next job of the request goes on from.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from pathlib import Path
from types import FrameType

from include.contracts.errors import ConfigurationError
from include.jobs.state import JobStatus
from include.lake.store import Lake
from include.training_jobs.data import fetch_data
from include.training_jobs.embedded import TrainingFolder
from include.training_jobs.spec import RESULTS
from ml.training.command import say

_LOOK_EVERY_S = 5.0


def main(job_dir: str, lock_fd: str) -> int:
    """Run the job of a folder; the exit status is 0 when its end was recorded."""
    # Held until this process ends; whatever it starts must not keep it alive.
    os.set_inheritable(int(lock_fd), False)
    folder = TrainingFolder(Path(job_dir))
    signal.signal(signal.SIGTERM, lambda number, frame: _stopped(folder, number, frame))
    folder.write_process_id()
    if folder.stop_requested():  # asked before there was a process to signal
        folder.write_end(JobStatus.STOPPED)
        return 0
    folder.watched.touch()
    threading.Thread(target=_leave_when_abandoned_or_asked, args=(folder,), daemon=True).start()
    try:
        _train(folder)
    except ConfigurationError as error:
        say(f"cannot train: {error}")
        folder.write_end(JobStatus.FAILED, str(error), permanent=True)
    except Exception as error:
        folder.write_end(JobStatus.FAILED, f"{type(error).__name__}: {error}")
        raise
    else:
        folder.write_end(JobStatus.COMPLETED)
    return 0


def _train(folder: TrainingFolder) -> None:
    from ml.training.job import RESULT_FILES, train_bundle

    spec, runtime = folder.spec(), folder.runtime()
    lake = Lake.open(runtime.storage())
    say(f"{spec.name}: fetching the data")
    data = fetch_data(lake, spec.data_prefix, spec.data_sha256, folder.shared / "data")
    out = folder.shared / "run"
    train_bundle(data, out, threads=runtime.threads)
    for name in RESULT_FILES:
        lake.put_file(f"{spec.output_prefix}/{RESULTS}/{name}", out / name)
    say(f"{spec.name}: done")


def _stopped(folder: TrainingFolder, _number: int, _frame: FrameType | None) -> None:
    folder.write_end(JobStatus.STOPPED)
    # At once, in the middle of whatever computes: checkpoints are replaced atomically.
    os._exit(0)


def _leave_when_abandoned_or_asked(folder: TrainingFolder) -> None:
    patience_s = folder.runtime().abandoned_after_s
    while time.time() - folder.watched.stat().st_mtime < patience_s:
        time.sleep(min(_LOOK_EVERY_S, patience_s))
        if folder.stop_requested():  # by somebody in another container, who cannot signal
            break
    else:
        say(f"nobody asked about {folder.name} for {patience_s:.0f} s: it stops")
        folder.request_stop()
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
