"""What one recording shows, in numbers: the content of `summary.json`.

Shares are shares of *time*: an instant counts for the time until the next
sampling target. They are taken over the readable instants of a face, so that
time without a face changes the verdict, never the shares.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from include.contracts.extraction import Extraction
from include.contracts.labels import EXPRESSIONS
from include.contracts.reasons import RowReason
from include.contracts.validation import ValidationResult
from include.insights import footage
from include.insights.moments import NONE, FloatArray, Moments, State, Track, runs
from include.insights.quality import abstention_counts, judge, readable_instants
from include.insights.respondent import Choice, Respondent
from include.insights.respondent_words import choice_json, respondent_json

SUMMARY_VERSION = 2
"""2: `respondents` and `others`; means and abstentions are those of the respondents."""

WORDING = (
    "Expressions displayed on the face, as classified by a model; "
    "no statement about a person's inner state."
)

REASON_MEANINGS: Mapping[str, str] = {
    RowReason.GAP: "The recording shows no frame at this time.",
    RowReason.UNREADABLE_FRAME: "The frame or the face crop could not be decoded.",
    RowReason.CLOCK_SEAM: (
        "The recording's clock starts again or jumps here: "
        "what comes next may be another part of the recording."
    ),
    RowReason.NO_FACE: "No face was found in the frame.",
    RowReason.FACE_TOO_SMALL: "The face is too far away to be read.",
    RowReason.FACE_BLURRED: "The face is out of focus or moving fast.",
    RowReason.FACE_TOO_DARK: "The face is too dark.",
    RowReason.FACE_TOO_BRIGHT: "The face is overexposed.",
    RowReason.FACE_IN_PROFILE: "The head is turned too far away from the camera.",
    RowReason.LOW_CONFIDENCE: "The model was not confident enough to name an expression.",
}

SHORT_RUN_SHARE = 0.5
"""Above this share of one-moment stretches the sampling rate is called too coarse."""


def summarise(
    moments: Moments,
    choice: Choice,
    *,
    sample_rate_hz: float,
    validation: ValidationResult | None,
    extraction: Extraction | None = None,
) -> dict[str, Any]:
    """Summarise a recording.

    Args:
        moments: The recording's predictions.
        choice: Whom it is about.
        sample_rate_hz: Targets per second.
        validation: The data-quality result, when there is one.
        extraction: Facts about the file (extraction.json), when they are at hand.

    Returns:
        A JSON-able mapping; shares 0..1, null where nothing can be said. Times are
        seconds: those named `pts_s` on the file's own clock, the others counted
        from the first sampling target, at `clock_starts_at_s`. `respondents` holds what each
        of them displayed; `main_face` and `segments` are the first one's.
    """
    file = footage.read(extraction, origin_s=moments.origin_s)
    verdict, rules = judge(moments, choice, validation, file)
    judged, abstained = abstention_counts(choice.tracks)
    readable = readable_instants(choice)
    faces = {track.face_id: _face(track, moments) for track in moments.tracks}
    respondents = [
        _respondent(choice, item, faces[item.face.face_id], moments) for item in choice.respondents
    ]
    segments = [segment for item in respondents for segment in item["segments"]]
    return {
        "summary_version": SUMMARY_VERSION,
        "wording": WORDING,
        "duration_s": _rounded(moments.end_s),
        "clock_starts_at_s": moments.origin_s,
        "quality": {"verdict": verdict.value, "rules": [rule.to_json() for rule in rules]},
        "instants": {
            "sampled": len(moments.instant),
            **{state.name.lower(): int((moments.state == state).sum()) for state in State},
            "readable_share": _rounded(readable / max(len(moments.instant), 1)),
        },
        "file": file.to_json(),
        "main_face": respondents[0]["face_id"] if respondents else None,
        "respondents": respondents,
        **choice_json(choice),
        "faces": list(faces.values()),
        "mean_confidence": _mean_confidence(choice.tracks),
        "abstention_share": _rounded(abstained / judged) if judged else None,
        "segments": respondents[0]["segments"] if respondents else [],
        "exclusions": [
            {
                "reason": reason,
                "rows": count,
                "share": _rounded(count / moments.rows),
                "meaning": REASON_MEANINGS.get(reason, "Not explained."),
            }
            for reason, count in sorted(
                moments.reasons.items(), key=lambda item: (-item[1], item[0])
            )
        ],
        "sampling": _sampling(segments, sample_rate_hz),
    }


def _respondent(
    choice: Choice, respondent: Respondent, face: Mapping[str, Any], moments: Moments
) -> dict[str, Any]:
    """Who a respondent is, why, and what was displayed."""
    shown = (
        "readable_instants",
        "readable_s",
        "mean_confidence",
        "abstention_share",
        "expressions",
    )
    return {
        **respondent_json(choice, respondent),
        **{key: face[key] for key in shown},
        "segments": _segments(respondent.track, moments),
    }


def _face(track: Track, moments: Moments) -> dict[str, Any]:
    readable = track.emotion != NONE
    seen = np.flatnonzero(track.present)
    judged = readable | (track.present & (track.state == State.ABSTAINED))
    seconds = [
        float(moments.seconds[track.emotion == index].sum()) for index in range(len(EXPRESSIONS))
    ]
    instants = [int((track.emotion == index).sum()) for index in range(len(EXPRESSIONS))]
    # Instants can stand for no time (a last target at the very end): then they count equally.
    weights = seconds if sum(seconds) > 0 else [float(count) for count in instants]
    total = sum(weights)
    return {
        "face_id": track.face_id,
        "instants": int(track.present.sum()),
        "presence_share": _rounded(float(track.present.mean())),
        "first_pts_s": _pts(moments, seen[0]),
        "last_pts_s": _pts(moments, seen[-1]),
        "first_s": _rounded(float(moments.start_s[seen[0]])),
        "last_s": _rounded(float(moments.start_s[seen[-1]])),
        "readable_instants": int(readable.sum()),
        "readable_s": _rounded(sum(seconds)),
        "mean_confidence": _mean(track.confidence[readable]),
        "abstention_share": (
            _rounded(1.0 - float(readable.sum()) / float(judged.sum())) if judged.any() else None
        ),
        "expressions": [
            {
                "expression": label,
                "share": _rounded(weights[index] / total) if total else None,
                "seconds": _rounded(seconds[index]),
                "instants": instants[index],
                "mean_probability": _mean(track.probabilities[readable, index]),
            }
            for index, label in enumerate(EXPRESSIONS)
        ],
    }


def _segments(track: Track, moments: Moments) -> list[dict[str, Any]]:
    """Stretches of one displayed expression of a face."""
    found = runs(
        moments.start_s,
        moments.start_s + moments.seconds,
        track.state.tolist(),
        track.emotion.tolist(),
    )
    return [
        {
            "first_pts_s": _pts(moments, run.first),
            "last_pts_s": _pts(moments, run.last),
            "start_s": _rounded(run.start_s),
            "end_s": _rounded(run.end_s),
            "expression": EXPRESSIONS[run.emotion],
            "instants": run.last - run.first + 1,
            "mean_confidence": _mean(track.confidence[run.first : run.last + 1]),
        }
        for run in found
        if run.emotion != NONE
    ]


def _sampling(segments: list[dict[str, Any]], sample_rate_hz: float) -> dict[str, Any]:
    period = f"{1.0 / sample_rate_hz:g} s"
    short = sum(segment["instants"] == 1 for segment in segments)
    share = short / len(segments) if segments else None
    note = (
        f"One frame every {period} was read. Displayed expressions shorter than that "
        "can fall between two frames."
    )
    if share is not None and len(segments) > 1 and share > SHORT_RUN_SHARE:
        note += (
            f" Here {short} of {len(segments)} stretches last a single sampled moment: "
            "expressions change about as fast as they were sampled, and a higher rate "
            "would show more."
        )
    return {
        "rate_hz": sample_rate_hz,
        "single_moment_stretch_share": _rounded(share) if share is not None else None,
        "note": note,
    }


def _pts(moments: Moments, index: int) -> float | None:
    pts_s = float(moments.pts_s[index])
    return pts_s if math.isfinite(pts_s) else None


def _mean_confidence(tracks: tuple[Track, ...]) -> float | None:
    values = [track.confidence[track.emotion != NONE] for track in tracks]
    return _mean(np.concatenate(values)) if values else None


def _mean(values: FloatArray) -> float | None:
    finite = values[np.isfinite(values)]
    return _rounded(float(finite.mean())) if finite.size else None


def _rounded(value: float) -> float:
    return round(value, 6)
