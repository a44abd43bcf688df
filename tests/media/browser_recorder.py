"""Records a canvas with a real browser's `MediaRecorder`: the project's posed faces, on a plan.

What web survey tools do with a webcam. One session writes every format asked for at the same
time, from one stream, so formats differ by nothing but themselves.
"""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import av
import cv2

from include.made_media import posed_faces

if TYPE_CHECKING:
    from playwright.sync_api import Browser

LANDSCAPE, PORTRAIT = (320, 180), (180, 320)
FORMATS: Mapping[str, str] = {
    "VP8/WebM": "video/webm;codecs=vp8",
    "VP9/WebM": "video/webm;codecs=vp9",
    "AV1/WebM": "video/webm;codecs=av01",
    "H.264/Matroska": "video/x-matroska;codecs=avc1",
    "VP9/MP4": "video/mp4;codecs=vp9",
    "AV1/MP4": "video/mp4;codecs=av01",
    "H.264/MP4": "video/mp4;codecs=avc1",
}
"""MIME types by how they are called here; a browser may lack some."""
_DRAWN_PER_S = 15
_LONGEST_WAIT_S = 0.3
_TRIES = 3


class TooBusyError(Exception):
    """The machine had no time to draw and code in real time: the recording is not as planned."""


@dataclass(frozen=True, slots=True)
class Scene:
    """What the canvas shows for a while: a pose of the respondent, or black."""

    seconds: float
    shows: str | None
    size: tuple[int, int] = LANDSCAPE


@dataclass(frozen=True, slots=True)
class Session:
    """One recording session.

    Attributes:
        scenes: What is shown, one after the other.
        paused: Start and end of a pause of the recorders, seconds of the session; None: no pause.
        chunk_s: The recorder hands over what it has this often; None: once, at the end.
        still: Each scene is drawn once and the canvas then left alone.
        sound: A tone is recorded beside the canvas, from start to end.
    """

    scenes: Sequence[Scene]
    paused: tuple[float, float] | None = None
    chunk_s: float | None = None
    still: bool = False
    sound: bool = False


def record(
    browser: Browser, session: Session, formats: Collection[str] = tuple(FORMATS)
) -> dict[str, list[bytes]]:
    """Return, for each of `formats` that the browser can write, the chunks it handed over.

    Args:
        browser: Chromium.
        session: What is shown and how it is recorded.
        formats: Names in `FORMATS`; each is one more encoder that runs in real time.

    Raises:
        TooBusyError: The canvas was not drawn in time or a recorder left most pictures out,
            three times over.
    """
    for _ in range(_TRIES):
        answer = _record_once(browser, session, formats)
        longest_wait_s = float(answer.pop("longest wait"))
        made = {
            name: [base64.b64decode(chunk) for chunk in chunks] for name, chunks in answer.items()
        }
        fewest = min((_pictures_in(b"".join(chunks)) for chunks in made.values()), default=math.inf)
        if longest_wait_s <= _LONGEST_WAIT_S and fewest >= _fewest_pictures(session):
            return made
    raise TooBusyError


def _fewest_pictures(session: Session) -> float:
    """Half of what is drawn while the recorders run; an encoder without time leaves the rest out.

    Of a canvas that stands still a recorder may get a single picture.
    """
    start_s, end_s = session.paused or (0.0, 0.0)
    drawn_s = sum(scene.seconds for scene in session.scenes) - (end_s - start_s)
    return 1 if session.still else drawn_s * _DRAWN_PER_S / 2


def _pictures_in(data: bytes) -> int:
    """How many coded pictures a recording holds."""
    try:
        with av.open(io.BytesIO(data), "r") as container:
            return sum(packet.size > 0 for packet in container.demux(video=0))
    except (av.error.FFmpegError, IndexError):
        return 0


def _record_once(browser: Browser, session: Session, formats: Collection[str]) -> dict[str, Any]:
    """Chunks in base 64 by format, and the longest time between two pictures, seconds."""
    context = browser.new_context(offline=True)
    try:
        page = context.new_page()
        page.set_content("<canvas></canvas>")
        written = {
            name: mime
            for name, mime in FORMATS.items()
            if name in formats
            and page.evaluate("mime => MediaRecorder.isTypeSupported(mime)", mime)
        }
        asked = {
            **asdict(session),
            "formats": written,
            "pictures": {
                f"{scene.shows}/{scene.size[0]}": _picture(scene.shows, scene.size)
                for scene in session.scenes
                if scene.shows
            },
            "drawn_per_s": _DRAWN_PER_S,
        }
        answer: dict[str, Any] = page.evaluate(_RECORD, asked)
    finally:
        context.close()
    return answer


def _picture(shows: str | None, size: tuple[int, int]) -> str:
    """A frame of the respondent as a data URL."""
    frames = posed_faces.frames(
        "anna",
        [shows or "neutral"],
        seconds_each=1,
        rate_hz=1,
        size=size,
        lighting=posed_faces.Lighting(),
    )
    ok, data = cv2.imencode(".png", next(frames))
    assert ok
    return "data:image/png;base64," + base64.b64encode(data.tobytes()).decode()


_RECORD = """
async asked => {
  const canvas = document.querySelector('canvas'), context = canvas.getContext('2d');
  const images = {};
  for (const [name, url] of Object.entries(asked.pictures)) {
    images[name] = new Image();
    images[name].src = url;
    await images[name].decode();
  }
  let drawn = 0;
  const draw = scene => {
    const [width, height] = scene.size;
    // Setting a size clears the canvas even where it stays the same.
    if (canvas.width !== width || canvas.height !== height) {
      canvas.width = width;
      canvas.height = height;
    }
    context.fillStyle = drawn++ % 2 ? '#000' : '#010101';
    context.fillRect(0, 0, width, height);
    const image = images[`${scene.shows}/${width}`];
    if (image) context.drawImage(image, 2 * Math.sin(drawn / 5), 0);
  };
  draw(asked.scenes[0]);
  const stream = canvas.captureStream(asked.still ? undefined : asked.drawn_per_s);
  if (asked.sound) {
    const audio = new AudioContext(), tone = audio.createOscillator();
    const outlet = audio.createMediaStreamDestination();
    tone.connect(outlet);
    tone.start();
    await audio.resume();
    stream.addTrack(outlet.stream.getAudioTracks()[0]);
  }
  const chunks = {}, recorders = [], stopped = [];
  for (const [name, mimeType] of Object.entries(asked.formats)) {
    const recorder = new MediaRecorder(stream, {mimeType, videoBitsPerSecond: 800000});
    chunks[name] = [];
    recorder.ondataavailable = event => event.data.size && chunks[name].push(event.data);
    stopped.push(new Promise(done => { recorder.onstop = done; }));
    recorders.push(recorder);
  }
  for (const recorder of recorders)
    asked.chunk_s ? recorder.start(asked.chunk_s * 1000) : recorder.start();
  draw(asked.scenes[0]);
  const started = performance.now();
  let begins = 0, pausing = false, last = started, longest = 0;
  const wait = ms => new Promise(done => setTimeout(done, ms));
  for (const scene of asked.scenes) {
    let first = true;
    for (;;) {
      const now = (performance.now() - started) / 1000;
      longest = Math.max(longest, performance.now() - last);
      last = performance.now();
      if (now >= begins + scene.seconds) break;
      const pause = asked.paused && now >= asked.paused[0] && now < asked.paused[1];
      if (pause !== pausing && asked.paused) {
        recorders.forEach(recorder => pause ? recorder.pause() : recorder.resume());
        pausing = pause;
      }
      if (first || !asked.still) draw(scene);
      first = false;
      await wait(1000 / asked.drawn_per_s);
    }
    begins += scene.seconds;
  }
  recorders.forEach(recorder => recorder.stop());
  await Promise.all(stopped);
  const answer = {'longest wait': longest / 1000};
  for (const [name, blobs] of Object.entries(chunks))
    answer[name] = await Promise.all(blobs.map(async blob => {
      const bytes = new Uint8Array(await blob.arrayBuffer());
      let text = '';
      for (let at = 0; at < bytes.length; at += 32768)
        text += String.fromCharCode(...bytes.subarray(at, at + 32768));
      return btoa(text);
    }));
  return answer;
}
"""
"""Draws the scenes in real time and records them; the answer holds the chunks in base 64."""
