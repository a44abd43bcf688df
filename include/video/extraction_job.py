"""The extraction as the confined child does it: sample, analyse, report."""

from __future__ import annotations

from typing import Any, BinaryIO

from include.contracts.reasons import QuarantineCode, RowReason
from include.video.analysis import (
    AnalysedFace,
    AnalysisOptions,
    CpuSeconds,
    PictureAnalyser,
    detector_for,
)
from include.video.decoding import SampledFrame, sampled_frames
from include.video.face_quality import QualityLimits
from include.video.messages import write_message
from include.video.opening import Request, header_message, open_respondent, stream_limits
from include.video.packets import StreamNotes, StreamRefusedError
from include.video.sampling import Sampler, expected_instants
from include.video.stillness import FaceChange, StillnessMeter
from include.video.upright import SQUARE, UnreadableColoursError, frame_to_bgr
from include.video.warmup import warm_up


class ExtractionJob:
    """Loads what extraction needs when made; touches the recording only when called."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self._cpu = CpuSeconds()
        quality = QualityLimits(**request["analysis"]["quality"])
        options = AnalysisOptions(**{**request["analysis"], "quality": quality})
        detector = detector_for(options)
        self._analyser = PictureAnalyser(options, self._cpu, detector)
        self._detector = detector
        self._stillness = StillnessMeter()
        self._shown_px: tuple[int, int] | None = None
        self._pixel_aspect = SQUARE
        self._nothing_shown = QuarantineCode.UNDECODABLE
        warm_up(options, detector)
        self._cpu.book("start")

    def __call__(self, recording: BinaryIO, pipe: BinaryIO) -> None:
        """Report every sampling instant of the recording.

        Raises:
            StreamRefusedError: A limit is passed, or not one sampled frame can be shown.
        """
        opened = open_respondent(self._request, recording, self._detector)
        stream = opened.stream
        if stream.time_base is None:
            raise StreamRefusedError(QuarantineCode.NO_TIMESTAMPS)
        write_message(
            pipe,
            {
                "kind": "opened",
                **header_message(opened, opened.promised_s),
                "video_streams": opened.video_streams,
            },
        )
        self._pixel_aspect = opened.pixel_aspect
        rate_hz = self._request["sample_rate_hz"]
        sampler = Sampler(rate_hz, stream.time_base)
        expected = expected_instants(opened.promised_s, rate_hz)
        limits = stream_limits(self._request)
        notes = StreamNotes()
        for shot in sampled_frames(
            opened.container,
            stream,
            sampler,
            expected=expected,
            limits=limits,
            notes=notes,
            recording=opened.recording,
        ):
            self._report(shot, sampler, pipe)
        if self._shown_px is None:
            raise StreamRefusedError(self._nothing_shown)
        self._cpu.book("decode")
        width_px, height_px = self._shown_px
        write_message(
            pipe,
            {
                "kind": "extracted",
                "expected": 0 if notes.seams else expected,
                **_notes_message(notes, sampler),
                "width_px": width_px,
                "height_px": height_px,
                "people": self._analyser.people(),
                "cpu_s": self._cpu.parts,
            },
        )

    def _report(self, shot: SampledFrame, sampler: Sampler, pipe: BinaryIO) -> None:
        if shot.after_seam:
            self._analyser.begin_scene()
        message: dict[str, Any] = {
            "kind": "instant",
            "instant": shot.instant,
            "target_s": sampler.target_s(shot.instant),
            "pts_s": None,
            "scene": self._analyser.scene,
            "faces": [],
        }
        if shot.frame is None or shot.pts is None:
            write_message(pipe, {**message, "reason": _why_not(shot).value})
            return
        try:
            image = frame_to_bgr(shot.frame, self._pixel_aspect)
        except UnreadableColoursError:
            self._nothing_shown = QuarantineCode.UNSUPPORTED_COLOURS
            write_message(pipe, {**message, "reason": RowReason.UNREADABLE_FRAME.value})
            return
        self._cpu.book("decode")
        self._shown_px = self._shown_px or (image.shape[1], image.shape[0])
        picture = self._analyser.analyse(shot.instant, image)
        at_s = sampler.pts_s(shot.pts)
        found = [face.detection for face in picture.faces]
        changes = self._stillness.changes(image, found, scene=picture.scene, at_s=at_s)
        self._cpu.book("stillness")
        message |= {
            "pts_s": at_s,
            "scene": picture.scene,
            "reason": None if picture.faces else RowReason.NO_FACE.value,
            "faces": [
                _face_message(face, change)
                for face, change in zip(picture.faces, changes, strict=True)
            ],
            "frame_bytes": len(picture.frame_jpeg),
        }
        crops = (face.crop_jpeg or b"" for face in picture.faces)
        write_message(pipe, message, b"".join([picture.frame_jpeg, *crops]))
        self._cpu.book("other")


def _why_not(shot: SampledFrame) -> RowReason:
    if shot.after_seam:
        return RowReason.CLOCK_SEAM
    return RowReason.GAP if shot.pts is None else RowReason.UNREADABLE_FRAME


def _notes_message(notes: StreamNotes, sampler: Sampler) -> dict[str, Any]:
    """What turned out while the stream was read, in seconds of its steady clock."""
    seconds = sampler.pts_s
    length_s = None
    start = sampler.start
    if notes.end is not None and start is not None and (notes.seams or start < 0):
        length_s = seconds(notes.end - start)
    return {
        # Behind a seam the header's length means nothing; below zero it does not count.
        "length_s": length_s,
        "seams": [{"at_s": seconds(seam.at), "jump_s": seconds(seam.jump)} for seam in notes.seams],
        "damaged": [
            {"from_s": seconds(since), "until_s": None if until is None else seconds(until)}
            for since, until in notes.damage.spans
        ],
    }


def _face_message(face: AnalysedFace, change: FaceChange | None) -> dict[str, Any]:
    found, measures = face.detection, face.measures
    return {
        "tracklet": face.tracklet,
        "box_px": [found.x_px, found.y_px, found.width_px, found.height_px],
        "detector_score": found.score,
        "landmarks_px": found.landmarks_px,
        "blur": measures.blur,
        "brightness": measures.brightness,
        "yaw_deg": measures.yaw_deg,
        "roll_deg": measures.roll_deg,
        "change": change and change.face,
        "scene_change": change and change.scene,
        "reason": face.reason,
        "crop_bytes": len(face.crop_jpeg or b""),
    }
