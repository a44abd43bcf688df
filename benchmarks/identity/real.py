"""Real clips beside the made recordings: faces that really move, speak and change their look.

Two people, filmed: too few for a rate, enough to see what a photograph cannot show. Clips
stand alone and are joined: the same person again after a cut or after half a minute, two
people on one seat. All faces are brought to one place and size, so that the seat is one.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import cv2
import numpy as np
import numpy.typing as npt

from benchmarks.identity.posing import Box
from benchmarks.identity.truth import RESPONDENT, Shown, Truth
from include.made_media.demo_video import write_video
from include.made_media.pasted_faces import FRAME_SIZE_PX, room_of
from include.video.detection import Detection, FaceDetector, Image

RATE_HZ = 15
_FACE_HEIGHT_SHARE = 0.5
_EVERY = 5
"""Frames from one in which the face is looked for to the next."""

Seated = tuple[Image, Box]
"""A frame, and where the face is in it."""


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of a clip, or an empty room (`clip` is None)."""

    clip: str | None
    start_s: float
    lasts_s: float


_W, _S, _F = "WolfgangLanger_Pexels.mp4", "single_face.mp4", "face_noface.mov"
CLIPS: dict[str, float] = {_W: 19.7, _S: 2.3, _F: 2.5}
"""Clips with one person, and for how long that face is to be seen."""
PERSON_OF = {_W: "actor", _S: "man in black", _F: "man in black"}
"""Who it is: two of the clips were taken of one man, apparently on one day."""


def _plans() -> dict[str, tuple[Part, ...]]:
    plans: dict[str, tuple[Part, ...]] = {
        f"whole-{clip.split('.')[0]}": (Part(clip, 0.0, lasts),) for clip, lasts in CLIPS.items()
    }
    for gap_s in (0.5, 2.0, 10.0, 30.0):
        away = Part(None, 0.0, gap_s)
        plans[f"return-{gap_s:g}s"] = (Part(_W, 0.0, 7.0), away, Part(_W, 12.0, 7.0))
    plans["return-sad-happy-sad"] = (
        *(Part(_W, 0.0, 4.0), Part(None, 0.0, 2.0), Part(_W, 15.0, 4.0)),
        *(Part(None, 0.0, 2.0), Part(_W, 5.0, 4.0)),
    )
    for one, other in itertools.permutations(CLIPS, 2):
        for gap_s in (0.0, 2.0):
            away = (Part(None, 0.0, gap_s),) if gap_s else ()
            first, then = (Part(clip, 0.0, min(6.0, CLIPS[clip])) for clip in (one, other))
            kind = "return" if PERSON_OF[one] == PERSON_OF[other] else "seat"
            name = f"{kind}-{one.split('_')[0]}-{other.split('_')[0]}-{gap_s:g}s"
            plans[name] = (first, *away, then)
    return plans


def make_real(videos: Path, folder: Path, tell: Callable[[str], None]) -> list[Path]:
    """Make the recordings of `_plans` from the clips in `videos`; return their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    plans = {folder / f"real-{name}.mp4": parts for name, parts in _plans().items()}
    missing = {path: parts for path, parts in plans.items() if not path.is_file()}
    if missing:
        tell(f"making {len(missing)} recordings of real clips")
        clips = {clip: _seated(videos / clip, until_s) for clip, until_s in CLIPS.items()}
        for path, parts in missing.items():
            _write(path, parts, clips)
    return list(plans)


def _write(path: Path, parts: tuple[Part, ...], clips: dict[str, list[Seated]]) -> None:
    frames: list[tuple[Shown, ...]] = []

    def pictures() -> Iterator[Image]:
        for part in parts:
            first = round(part.start_s * RATE_HZ)
            for index in range(first, first + round(part.lasts_s * RATE_HZ)):
                if part.clip is None:
                    frames.append(())
                    yield room_of(4)
                else:
                    image, box = clips[part.clip][min(index, len(clips[part.clip]) - 1)]
                    frames.append((Shown(PERSON_OF[part.clip], RESPONDENT, box),))
                    yield image

    unfinished = path.with_name(f".{path.stem}.part")
    write_video(unfinished, pictures(), size=FRAME_SIZE_PX, rate=RATE_HZ)
    category = f"real {path.stem.split('-')[1]}"
    truth = Truth(path.stem, category, "real", RATE_HZ, (0.0,), tuple(frames))
    truth.write(path.with_suffix(".json"))
    unfinished.rename(path)


def _seated(path: Path, until_s: float) -> list[Seated]:
    """Read a clip at `RATE_HZ`, moved and scaled as a whole so that the face is on the seat."""
    frames = list(_sampled(path, until_s))
    detector = FaceDetector(width_px=320, score_min=0.5)
    boxes = _boxes([detector.detect(frame)[:1] for frame in frames[::_EVERY]])
    x, y, width, height = np.median(boxes, axis=0)
    scale = _FACE_HEIGHT_SHARE * FRAME_SIZE_PX[1] / height
    shift = np.array(FRAME_SIZE_PX) / 2 - scale * np.array([x + width / 2, y + height / 2])
    transform = np.array([[scale, 0, shift[0]], [0, scale, shift[1]]])
    seated = []
    for index, frame in enumerate(frames):
        image = cv2.warpAffine(frame, transform, FRAME_SIZE_PX, borderMode=cv2.BORDER_REPLICATE)
        x, y, width, height = boxes[index // _EVERY] * scale
        box = (float(x + shift[0]), float(y + shift[1]), float(width), float(height))
        seated.append((np.asarray(image, np.uint8), box))
    return seated


def _boxes(found: list[list[Detection]]) -> npt.NDArray[np.float64]:
    """The box of each look; where nothing was found, that of the look before."""
    boxes: list[tuple[float, float, float, float]] = []
    for faces in found:
        here = [(face.x_px, face.y_px, face.width_px, face.height_px) for face in faces]
        boxes += here or boxes[-1:]
    return np.array(boxes)


def _sampled(path: Path, until_s: float) -> Iterator[Image]:
    due = 0
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            while frame.time is not None and frame.time >= due / RATE_HZ:
                if due / RATE_HZ >= until_s:
                    return
                due += 1
                yield frame.to_ndarray(format="bgr24")
