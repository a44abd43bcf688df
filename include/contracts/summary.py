"""What the platform itself reads of a recording's `summary.json`.

The file is published for others and holds more: `include.insights.summary` writes it, and
docs/outputs.md says what is in it.
"""

from __future__ import annotations

from dataclasses import dataclass

from include.contracts.documents import Form


@dataclass(frozen=True, slots=True)
class AnsweredBy:
    """The model version that answered."""

    version: str


@dataclass(frozen=True, slots=True)
class Quality:
    """How far a result can be used, in the words of the report."""

    verdict: str


@dataclass(frozen=True, slots=True)
class Instants:
    """How many moments were sampled, and the share of them that could be read."""

    sampled: int
    readable_share: float


@dataclass(frozen=True, slots=True)
class Sampling:
    """How often a moment was sampled."""

    rate_hz: float


@dataclass(frozen=True, slots=True)
class ExpressionShown:
    """How much of a face's readable time shows an expression; None where there is none."""

    expression: str
    share: float | None


@dataclass(frozen=True, slots=True)
class FaceShown:
    """What a face displayed.

    Attributes:
        face_id: Track of the face in its recording.
        mean_confidence: Of what was answered; None where nothing was.
        abstention_share: Of the moments judged; None where none was.
        expressions: In label order.
    """

    face_id: str
    mean_confidence: float | None
    abstention_share: float | None
    expressions: tuple[ExpressionShown, ...]


@dataclass(frozen=True, slots=True)
class RespondentShown:
    """Which face is a respondent's, and what it displayed."""

    respondent: str
    face_id: str
    expressions: tuple[ExpressionShown, ...]


@dataclass(frozen=True, slots=True)
class RecordingSummary:
    """A recording's summary.

    Attributes:
        study: As people wrote it.
        recording: As people wrote it.
        model: Who answered.
        duration_s: Of what was sampled.
        quality: How far the result can be used.
        instants: Sampled moments.
        sampling: How often.
        faces: Every face that was followed.
        respondents: Whom the recording is about; summaries of version 1 name none.
    """

    study: str
    recording: str
    model: AnsweredBy
    duration_s: float
    quality: Quality
    instants: Instants
    sampling: Sampling
    faces: tuple[FaceShown, ...]
    respondents: tuple[RespondentShown, ...] = ()


RECORDING_SUMMARY = Form(RecordingSummary)
