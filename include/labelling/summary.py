"""What all answers together say: `labels/summary.json`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from include.contracts.documents import Form
from include.labelling.agreement import Agreement


@dataclass(frozen=True, slots=True)
class QueueAnswered:
    """How far one draw is answered.

    Attributes:
        queue_id: The draw.
        since: First moment of its window; aware, ISO 8601.
        until: First moment after it; aware, ISO 8601.
        frame: Faces that could have been drawn.
        asked: Faces drawn.
        labelled: Those with an answer.
        labelled_twice: Those with two or more.
        agreement: Of the people who answered; None where no face has two answers.
    """

    queue_id: str
    since: str
    until: str
    frame: int
    asked: int
    labelled: int
    labelled_twice: int
    agreement: Agreement | None


@dataclass(frozen=True, slots=True)
class FileRead:
    """What became of one dropped file, as people are told.

    Attributes:
        key: Where it was dropped.
        received_at: When it was read; aware, ISO 8601.
        votes: Answers taken from it.
        unknown_rows: Faces it names that nobody was asked about.
        ignored: Skipped tasks and empty lines.
        superseded: Answers the same person gave again later in it.
        reason: Why it is in quarantine; None when it was accepted.
    """

    key: str
    received_at: str
    votes: int
    unknown_rows: int
    ignored: int
    superseded: int
    reason: str | None


@dataclass(frozen=True, slots=True)
class LabelSummary:
    """What all answers say.

    Attributes:
        state: Identity of what it was made of: receipts, and faces that were withdrawn.
        labels_id: Identity of the labels; empty where there are none.
        updated_at: Aware, ISO 8601; None before the first answer.
        faces: Faces with a label.
        faces_without_picture: Those whose crop is gone.
        votes: Answers that count.
        annotators: People who gave them.
        answers: How often each was given.
        agreement: Over all draws; None where no face has two answers.
        queues: The newest first.
        files: The newest first.
    """

    state: str = ""
    labels_id: str = ""
    updated_at: str | None = None
    faces: int = 0
    faces_without_picture: int = 0
    votes: int = 0
    annotators: int = 0
    answers: Mapping[str, int] = field(default_factory=dict)
    agreement: Agreement | None = None
    queues: tuple[QueueAnswered, ...] = ()
    files: tuple[FileRead, ...] = ()


SUMMARY = Form(LabelSummary, undefined=True, decimals=5)
