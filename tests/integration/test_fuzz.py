"""The mutation run: the damage is what its seed says, and its judge sees each kind of fault.

The whole run is `make fuzz`; here a few files of every container.
"""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from benchmarks.fuzz import trial
from benchmarks.fuzz.cases import Case, cases
from benchmarks.fuzz.mutations import MUTATIONS
from benchmarks.fuzz.recordings import CONTAINERS, sound_recordings
from benchmarks.fuzz.run import Tally, run_cases
from benchmarks.fuzz.trial import Ended, Outcome, Room
from include.settings import ExtractionSettings, LimitSettings
from include.video.extract import extract_file
from include.video.probe import probe_file
from tests.media.make_media import encode, face_pictures, good_video, moving_texture

pytestmark = pytest.mark.integration

SEED = 5
MARKS = (b"moov", b"mdat")


@pytest.fixture
def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Room:
    monkeypatch.setattr("tempfile.tempdir", None)
    (tmp_path / "room").mkdir()
    return Room(tmp_path / "room", hang_s=60)


@pytest.mark.thorough
def test_a_few_of_every_container_end_well() -> None:
    tally = run_cases(cases(24, SEED), workers=2, hang_s=120, keep=None, say=lambda _: None)
    assert tally.sound, tally
    assert len({case.container for case, _ in tally.ended}) == 8
    counts = tally.counts()
    assert counts[Outcome.READ] > 0
    assert counts[Outcome.REFUSED] > 0


@pytest.mark.parametrize("name", CONTAINERS)
def test_the_sound_recordings_are_sound(name: str, tmp_path: Path) -> None:
    scheduling = os.sched_getscheduler(0)
    made = sound_recordings(name, tmp_path)
    assert os.sched_getscheduler(0) == scheduling, "an encoder made this a real-time process"
    assert list(tmp_path.iterdir()) == []
    path = tmp_path / "one"
    path.write_bytes(made[0])
    workdir = tmp_path / "work"
    workdir.mkdir()
    result = extract_file(
        path,
        "one",
        video_id="0" * 64,
        extraction_id="0" * 32,
        settings=ExtractionSettings(sample_rate_hz=2),
        limits=LimitSettings(),
        workdir=workdir,
    )
    trial.check(result)
    assert result.summary.instants_usable == result.summary.instants_expected in (4, 5)
    marks = CONTAINERS[name].marks
    for data in made:
        assert sum(mark in data for mark in marks) >= 3, "damage finds the structures it changes"


def test_the_same_seed_makes_the_same_files(tmp_path: Path) -> None:
    for name in ("MP4", "WebM", "MPEG-TS"):
        assert sound_recordings(name, tmp_path) == sound_recordings(name, tmp_path), name
    first = [case.make() for case in cases(16, SEED)]
    assert first == [case.make() for case in cases(16, SEED)]
    assert first != [case.make() for case in cases(16, SEED + 1)]


@pytest.mark.parametrize("kind", MUTATIONS)
def test_each_damage_changes_the_file(kind: str) -> None:
    data = bytes(range(256)) * 40
    data = data[:5000] + b"moov" + data[5000:] + b"mdat"
    seen = set()
    for seed in range(20):
        draw = np.random.default_rng(seed)
        changed = MUTATIONS[kind](data, data[::-1], MARKS, draw)
        assert 0 < len(changed) < 2 * len(data)
        seen.add(changed)
    assert len(seen) > 15
    assert len(seen - {data}) > 15


def test_what_is_refused_is_told_by_its_code(room: Room) -> None:
    assert room.try_bytes(b"no video at all", "a.mp4").outcome is Outcome.REFUSED
    ended = room.try_bytes(b"", "b.mp4")
    assert (ended.outcome, ended.detail) == (Outcome.REFUSED, "empty_file")


def test_a_decoder_that_dies_is_told_apart(room: Room, tmp_path: Path) -> None:
    data = encode(tmp_path / "long.mp4", moving_texture(3000), rate=2, g="1").read_bytes()
    stop = threading.Event()
    # A fault inside a library looks like this from outside; no input that causes one is needed.
    killer = threading.Thread(target=_kill_children, args=(signal.SIGSEGV, stop))
    killer.start()
    ended = room.try_bytes(data, "long.mp4")
    stop.set()
    killer.join()
    assert ended.outcome is Outcome.CONTAINED
    assert "signal 11" in ended.detail


def test_one_that_does_not_end_is_a_hang(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", None)
    data = encode(tmp_path / "long.mp4", moving_texture(3000), rate=2, g="1").read_bytes()
    (tmp_path / "room").mkdir()
    impatient = Room(tmp_path / "room", hang_s=1.5)
    assert impatient.try_bytes(data, "long.mp4").outcome is Outcome.HANG


def test_an_error_of_ours_is_a_crash(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise KeyError("duration_s")

    monkeypatch.setattr(trial, "probe_file", broken)
    ended = room.try_bytes(b"anything", "a.mp4")
    assert (ended.outcome, ended.detail) == (Outcome.CRASH, "KeyError: 'duration_s'")


@pytest.mark.thorough
def test_leftovers_are_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", None)
    folder = tmp_path / "room"
    folder.mkdir()
    room = Room(folder, hang_s=60)
    data = good_video(tmp_path / "good.mp4").read_bytes()
    assert room.try_bytes(data, "good.mp4").outcome is Outcome.READ
    left: list[subprocess.Popen[bytes] | IO[bytes]] = []
    ways = {
        "files ['stray']": lambda: (folder / "stray").write_bytes(b"x"),
        "1 processes": lambda: left.append(subprocess.Popen(["sleep", "60"])),
        "1 open descriptors": lambda: left.append((tmp_path / "good.mp4").open("rb")),
    }
    for told, leave in ways.items():

        def leaving(*asked: Any, leave: Callable[[], object] = leave) -> Any:
            leave()
            return probe_file(*asked)

        monkeypatch.setattr(trial, "probe_file", leaving)
        ended = room.try_bytes(data, "good.mp4")
        assert ended.outcome is Outcome.LEFTOVER
        assert told in ended.detail
        (folder / "stray").unlink(missing_ok=True)
    process, file = left
    assert isinstance(process, subprocess.Popen)
    process.kill()
    process.wait()
    assert not isinstance(file, subprocess.Popen)
    file.close()
    monkeypatch.setattr(trial, "probe_file", probe_file)
    assert room.try_bytes(data, "good.mp4").outcome is Outcome.READ


def test_a_result_that_breaks_its_contract_is_unsound(
    tmp_path: Path,
) -> None:
    path = encode(tmp_path / "a.mp4", face_pictures(20), rate=10)
    result = extract_file(
        path,
        "a.mp4",
        video_id="0" * 64,
        extraction_id="0" * 32,
        settings=ExtractionSettings(sample_rate_hz=2),
        limits=LimitSettings(),
        workdir=tmp_path,
    )
    trial.check(result)
    rows = pq.read_table(result.manifest_path)
    for spoilt in (rows.slice(1), rows.take([1, 0, 2, 3]), _without_reason(rows)):
        pq.write_table(spoilt, result.manifest_path)
        with pytest.raises(trial.UnsoundError):
            trial.check(result)


@pytest.mark.parametrize("outcome", [*Outcome])
def test_the_run_fails_on_whatever_is_not_as_it_should_be(outcome: Outcome) -> None:
    tally = Tally([(Case("MP4", 0, SEED), Ended(outcome, "", 0.1))])
    assert tally.sound == (outcome in (Outcome.READ, Outcome.REFUSED, Outcome.CONTAINED))
    assert not Tally().sound, "a run that tried nothing proves nothing"


def _without_reason(rows: pa.Table) -> pa.Table:
    """A usable face more than there are crops."""
    renamed = pa.array(["x-" + row_id for row_id in rows["row_id"].to_pylist()])
    return rows.set_column(rows.schema.get_field_index("row_id"), "row_id", renamed)


def _kill_children(number: int, stop: threading.Event) -> None:
    """Send a signal to whatever confined child of this process is at work."""
    while not stop.is_set():
        for task in Path("/proc/self/task").iterdir():
            for pid in (task / "children").read_text().split():
                if b"include.video.child" in Path(f"/proc/{pid}/cmdline").read_bytes():
                    os.kill(int(pid), number)
        time.sleep(0.05)
