"""Recordings made in this browser are read for what its canvas showed, or not at all.

Faces of the project's own, in real time, in what Chrome and survey tools write by default, and
(`make thorough`) in every format the browser can write. What is read may be less than what was
shown (a pause, a lost chunk, pictures that cannot be decoded), never something else.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from benchmarks.recordings.reading import Reading, Seen, read_recording
from tests.media.browser_recorder import FORMATS, PORTRAIT, Scene, Session, TooBusyError, record

if TYPE_CHECKING:
    from _pytest.mark import ParameterSet
    from playwright.sync_api import Browser

pytestmark = [pytest.mark.browser, pytest.mark.slow]

RATE_HZ = 2.0
MARGIN_S = 0.45
"""A busy machine starts a recorder late, and draws late."""

TURNED_AT_S = 4.2
TURN = Session(
    [
        *(Scene(2, "happiness"), Scene(2, None), Scene(0.2, "happiness")),
        *(Scene(1.8, "happiness", PORTRAIT), Scene(2, None, PORTRAIT)),
    ]
)
PAUSE = Session([Scene(2, "happiness"), Scene(2, None), Scene(2, "happiness")], paused=(2, 4))
CHUNKS = Session([Scene(2, "happiness"), Scene(2, None), Scene(2, "happiness")], chunk_s=0.5)
STILL = Session([Scene(4, "happiness"), Scene(2, None)], still=True)
WITH_SOUND = Session(CHUNKS.scenes, chunk_s=0.5, sound=True)
FROZEN = Session([Scene(4, "happiness"), Scene(1, None), Scene(1, None)], still=True, sound=True)

NOT_TURNING = "H.264/MP4"
"""Goes on with pictures that its only parameter set cannot decode."""
IN_CHUNKS = [name for name in FORMATS if not name.endswith("/MP4")]
"""An MP4 recorder hands over a fragment for each key frame, two in six seconds."""

EVERYDAY = {"VP8/WebM", "H.264/Matroska", "H.264/MP4"}
"""What a recorder writes that is asked for nothing, for Matroska, and for MP4."""


def each(names: Iterable[str]) -> list[ParameterSet]:
    """The formats as parameters, those that are not of every day marked as thorough."""
    return [
        pytest.param(name, marks=() if name in EVERYDAY else pytest.mark.thorough) for name in names
    ]


Recorded = Mapping[str, Sequence[bytes]]


@pytest.fixture(scope="module")
def recorded(
    browser: Browser, request: pytest.FixtureRequest
) -> Callable[[str, Session], Sequence[bytes]]:
    """The chunks of a session in one format; each session is recorded once, in what is asked."""
    here = [item for item in request.session.items if item.path == request.path]
    # The one test without parameters reads `NOT_TURNING`.
    named = [item.callspec.params["name"] for item in here if hasattr(item, "callspec")]
    asked = {NOT_TURNING, *named}

    @cache
    def of(number: int) -> Recorded | None:
        try:
            return record(browser, SESSIONS[number], asked)
        except TooBusyError:
            return None

    def chunks(name: str, session: Session) -> Sequence[bytes]:
        made = of(SESSIONS.index(session))
        if made is None:
            pytest.skip("this machine is too busy to draw in real time")
        if name not in made:
            pytest.skip(f"this browser does not record {FORMATS[name]}")
        return made[name]

    return chunks


SESSIONS = (TURN, PAUSE, CHUNKS, STILL, WITH_SOUND, FROZEN)


def read(chunks: Sequence[bytes], folder: Path) -> Reading:
    path = folder / "recording"
    path.write_bytes(b"".join(chunks))
    return read_recording(path, rate_hz=RATE_HZ)


def shown_at(session: Session, at_s: float) -> Scene | None:
    """What the canvas showed; None close to a change, where it cannot be told."""
    ends = itertools.accumulate(scene.seconds for scene in session.scenes)
    begins = 0.0
    for scene, end in zip(session.scenes, ends, strict=True):
        starts = begins + (MARGIN_S if begins else 0.0)
        if starts <= at_s < end - MARGIN_S:
            return scene
        begins = end
    return None


def compare(reading: Reading, session: Session) -> tuple[list[float], list[float]]:
    """Return moments read for something else than was shown, and those that were not read."""
    wrong, unread = [], []
    for moment in reading.moments:
        # A picture is held to its own time: where others were lost, a later one stands for them.
        scene = shown_at(session, moment.at_s if moment.pts_s is None else moment.pts_s)
        if scene is None:
            continue
        if moment.seen in (Seen.GAP, Seen.UNREADABLE, Seen.LEFT_OUT):
            unread.append(moment.at_s)
        elif (moment.seen is Seen.FACE) != (scene.shows is not None):
            wrong.append(moment.at_s)
    return wrong, unread


@pytest.mark.parametrize("name", each(name for name in FORMATS if name != NOT_TURNING))
def test_a_source_that_turns_is_read_throughout(name: str, recorded, tmp_path: Path) -> None:
    reading = read(recorded(name, TURN), tmp_path)
    assert compare(reading, TURN) == ([], []), reading.line
    assert reading.duration_s == pytest.approx(8.0, abs=0.7)
    assert len(reading.moments) in (15, 16, 17)


def test_pictures_the_parameters_cannot_decode_are_not_read(recorded, tmp_path: Path) -> None:
    reading = read(recorded(NOT_TURNING, TURN), tmp_path)
    wrong, unread = compare(reading, TURN)
    assert not wrong, reading.line
    before = [moment for moment in reading.moments if moment.at_s < TURNED_AT_S - MARGIN_S]
    assert {moment.at_s for moment in before}.isdisjoint(unread), reading.line
    after = [moment for moment in reading.moments if moment.at_s > TURNED_AT_S + MARGIN_S]
    assert len(after) >= 6
    assert {moment.seen for moment in after} <= {Seen.UNREADABLE, Seen.GAP}, reading.line


@pytest.mark.parametrize("name", each(FORMATS))
def test_a_pause_leaves_no_gap(name: str, recorded, tmp_path: Path) -> None:
    reading = read(recorded(name, PAUSE), tmp_path)
    assert reading.duration_s == pytest.approx(4.0, abs=0.7)
    told = [moment.seen for moment in reading.moments if moment.at_s < 3.5]
    assert len(told) >= 6
    # On a busy machine the first black picture may slip in before the recorder pauses.
    assert told.count(Seen.FACE) >= len(told) - 1, reading.line
    assert Seen.GAP not in told, reading.line


@pytest.mark.parametrize("name", each(FORMATS))
def test_chunks_put_together_are_the_recording(name: str, recorded, tmp_path: Path) -> None:
    reading = read(recorded(name, CHUNKS), tmp_path)
    assert compare(reading, CHUNKS) == ([], []), reading.line


@pytest.mark.parametrize("session", [CHUNKS, WITH_SOUND], ids=["mute", "with sound"])
@pytest.mark.parametrize("name", each(IN_CHUNKS))
@pytest.mark.parametrize(
    "lost", [3, *(pytest.param(lost, marks=pytest.mark.thorough) for lost in (2, 7, 9))]
)
def test_lost_chunks_move_nothing(
    name: str, lost: int, session: Session, recorded, tmp_path: Path
) -> None:
    chunks = recorded(name, session)
    assert len(chunks) >= 11, "the recorder hands over what it has twice a second"
    whole = read(chunks, tmp_path)
    reading = read([*chunks[:lost], *chunks[lost + 1 :]], tmp_path)
    wrong, unread = compare(reading, session)
    late, _ = compare(whole, session)
    assert set(wrong) <= set(late), f"{reading.line} of {whole.line}"
    assert [at_s for at_s in unread if at_s < 0.5 * lost - MARGIN_S] == [], reading.line
    assert len(reading.moments) <= len(whole.moments)


@pytest.mark.parametrize("name", each(IN_CHUNKS))
def test_sound_tells_a_frozen_picture_from_a_lost_chunk(
    name: str, recorded, tmp_path: Path
) -> None:
    reading = read(recorded(name, FROZEN), tmp_path)
    seen = [moment.seen for moment in reading.moments]
    # What came after what, not when: few pictures are drawn, and a busy machine draws them late.
    assert seen[0] is Seen.FACE, reading.line
    assert Seen.NO_FACE in seen, reading.line
    assert Seen.FACE not in seen[seen.index(Seen.NO_FACE) :], reading.line
    assert Seen.UNREADABLE not in seen, reading.line


@pytest.mark.parametrize("name", each(FORMATS))
def test_a_canvas_that_stands_still_is_a_gap(name: str, recorded, tmp_path: Path) -> None:
    reading = read(recorded(name, STILL), tmp_path)
    wrong, _ = compare(reading, STILL)
    assert not wrong, reading.line
    assert reading.moments[0].seen is Seen.FACE
    # Black is drawn once, after four seconds, and is the last there is.
    assert reading.duration_s == pytest.approx(4.0, abs=0.7)


@pytest.mark.parametrize("name", each(FORMATS))
def test_a_recording_that_breaks_off_is_read_to_its_end(
    name: str, recorded, tmp_path: Path
) -> None:
    whole = b"".join(recorded(name, CHUNKS))
    reading = read([whole[: int(0.7 * len(whole))]], tmp_path)
    assert not reading.refused
    wrong, _ = compare(reading, CHUNKS)
    assert not wrong, reading.line
    assert reading.line.startswith("FFF")
