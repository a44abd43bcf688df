"""The sampling frame: every face published in a window, once, with the model's answer."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pyarrow as pa

from include.contracts.answers import ANSWER
from include.contracts.errors import PermanentInputError
from include.contracts.labels import EXPRESSIONS
from include.contracts.reasons import RowReason
from include.inference.answers import AnswerIndex
from include.labelling.queue import Source
from include.labelling.selection import Instant
from include.labelling.votes import lake_row_id, pseudonym
from include.pipeline.study_files import people_of
from include.study.respondents import Respondents

if TYPE_CHECKING:
    from include.lake.store import Lake
    from include.pipeline.published import PublishedRecording

log = logging.getLogger(__name__)

Probabilities = tuple[float, ...]


@dataclass(slots=True)
class Frame:
    """What may be drawn.

    Attributes:
        instants: Every face with an answer, one per row id.
        sources: Every extraction, also one without a face, by its id.
        abstained: Row ids published as "not readable".
    """

    instants: list[Instant] = field(default_factory=list)
    sources: dict[str, Source] = field(default_factory=dict)
    abstained: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class FrameReader:
    """Turns published recordings into a frame.

    Attributes:
        lake: Where everything is.
        key: Keys the pseudonyms of respondents.
        champion_sha256: Whose answers count where several models published; None: the latest.
        challenger_sha256: Whose answers are compared where there are any; None: nobody's.
        names: Every recording of a study (`Ledger.names`), for lines of respondents.csv to
            be matched with.
    """

    lake: Lake
    key: bytes
    champion_sha256: str | None
    challenger_sha256: str | None
    names: Callable[[str], Collection[str]] = lambda _: ()

    def read(self, published: Iterable[PublishedRecording], drawn: Collection[str]) -> Frame:
        """Read the frame.

        Args:
            published: Results of the window, the oldest first.
            drawn: Extractions that were in the frame of a draw before. They stay out: the
                frames of two draws never overlap, so that their samples can be put together.

        Raises:
            TransientError: The lake failed for now.
        """
        frame = Frame()
        people: dict[str, Respondents] = {}
        for recording in self._one_per_extraction(published):
            if recording.extraction_id in drawn:
                continue
            try:
                table = recording.predictions()
            except FileNotFoundError:
                log.info("left out: the results of %r are gone", recording.prefix)
                continue
            study = recording.study
            if study not in people:
                people[study] = self._people(study)
            self._add(frame, recording, table, self._respondent(recording, people[study]))
        return frame

    def _one_per_extraction(
        self, published: Iterable[PublishedRecording]
    ) -> Iterable[PublishedRecording]:
        """Keep the champion's results of each extraction, else the latest."""
        kept: dict[str, PublishedRecording] = {}
        for recording in published:
            before = kept.get(recording.extraction_id)
            if before is None or before.model.sha256 != self.champion_sha256:
                kept[recording.extraction_id] = recording
        return kept.values()

    def _people(self, study: str) -> Respondents:
        try:
            people = people_of(self.lake, study, self.names(study))
        except PermanentInputError as error:
            # Labels can do without: each recording then counts as a person of its own.
            log.warning("%s", error)
            return Respondents(study, {}, ())
        for note in people.notes():
            log.warning("%s", note)
        return people

    def _respondent(self, recording: PublishedRecording, people: Respondents) -> str:
        known = people.of(recording.recording)
        if known is None:
            return f"recording-{recording.video_id[:12]}"
        # Ids such as "P1" mean other people in other studies.
        identity = f"{recording.study}\n{known.respondent}"
        return pseudonym(identity, key=self.key, kind="respondent")

    def _add(
        self, frame: Frame, recording: PublishedRecording, table: pa.Table, respondent: str
    ) -> None:
        extraction_id = recording.extraction_id
        model = recording.model
        frame.sources[extraction_id] = Source(
            recording.analysis_id,
            model.name,
            model.version,
            model.sha256,
            recording.published_at.isoformat(),
        )
        champion = _published_answers(table)
        challenger = self._challenger(extraction_id) if champion else {}
        for name, (face_id, reason, answer) in champion.items():
            row_id = lake_row_id(extraction_id, name)
            if reason is not None:
                frame.abstained.add(row_id)
            frame.instants.append(
                Instant(
                    row_id=row_id,
                    study=recording.study,
                    recording=recording.recording,
                    respondent=respondent,
                    face_id=face_id,
                    champion=answer,
                    challenger=challenger.get(name),
                )
            )

    def _challenger(self, extraction_id: str) -> dict[str, Probabilities]:
        """What the challenger answers to the same crops; empty where it did not run."""
        if self.challenger_sha256 is None:
            return {}
        found: dict[str, Probabilities] = {}
        for key in AnswerIndex(self.lake, self.challenger_sha256).find(extraction_id).values():
            for answer in ANSWER.read_lines(self.lake.get_bytes(key), key):
                given = answer.probabilities
                if given:
                    found[answer.row_id] = tuple(given[label] for label in EXPRESSIONS)
        return found


def _published_answers(table: pa.Table) -> dict[str, tuple[str, str | None, Probabilities]]:
    """Return face id, reason and probabilities by row id, of the faces that were judged.

    A face is judged when it got an expression, or the model abstained from naming one.
    """
    columns = ("row_id", "face_id", "reason", *(f"p_{label}" for label in EXPRESSIONS))
    rows = zip(*(table[name].to_pylist() for name in columns), strict=True)
    return {
        row_id: (face_id or "unknown", reason, tuple(answer))
        for row_id, face_id, reason, *answer in rows
        if reason in (None, RowReason.LOW_CONFIDENCE) and answer[0] is not None
    }
