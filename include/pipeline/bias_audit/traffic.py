"""Rows of an audit from what respondents dropped: production traffic, and labelled instants.

Groups are what respondents declared in `respondents.csv` of their study; a recording
without a line there cannot be audited and is counted. Person ids are hashed on the way in
and leave only as counts: an audit keeps nothing of a person.
"""

from __future__ import annotations

import hashlib
import io
import logging
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from include.composition import Services
from include.contracts.labels import EXPRESSIONS
from include.contracts.reasons import QuarantineCode
from include.governance.bias.rows import (
    CONFIDENCE,
    PERSON,
    TRUTH,
    WEIGHT,
    AuditRows,
    Source,
    audit_rows,
)
from include.labelling.estimate import truth
from include.labelling.votes import counts
from include.lake import keys
from include.pipeline import published
from include.pipeline.bias_audit.outcomes import main_faces, outcome
from include.pipeline.labelling.receipts import all_votes, read_receipts
from include.pipeline.labelling.records import read_draws
from include.pipeline.withdrawals import Withdrawals
from include.study.respondents import Respondents

log = logging.getLogger(__name__)

NOT_DECLARED = "not declared"
_COLUMNS = ["instant", "face_id", "respondent", "reason", "emotion", "confidence"]


@dataclass(slots=True)
class Declared:
    """Who is seen in which recording, read once per study.

    Attributes:
        services: Where the studies are.
        withdrawals: Recordings that are left out because consent was withdrawn.
        unknown: Recordings without a line in it.
    """

    services: Services
    withdrawals: Withdrawals
    unknown: set[tuple[str, str]] = field(default_factory=set)
    _studies: dict[str, Respondents] = field(default_factory=dict)

    def person(self, study: str, recording: str) -> dict[str, str] | None:
        """Return a person's id and declared groups, None where nobody says who is seen."""
        if self.withdrawals.holds(study, recording):
            return None
        if study not in self._studies:
            self._studies[study] = self.withdrawals.people(study)
        known = self._studies[study].of(recording)
        if known is None:
            self.unknown.add((study, recording))
            return None
        # Ids such as "P1" mean other people in other studies.
        identity = hashlib.sha256(f"{study}\n{known.respondent}".encode()).hexdigest()
        attributes = self.services.settings.audit.declared_attributes
        groups = {name: known.attributes.get(name, NOT_DECLARED) for name in attributes}
        return {PERSON: identity[:16], **groups}

    def notes(self) -> list[str]:
        """Return what a reader must know of what was left out."""
        notes = [
            f"a study is left out: {sentence}" for sentence in self.withdrawals.unread.values()
        ]
        notes += [note for people in self._studies.values() for note in people.notes()]
        if self.withdrawals.left_out:
            notes.append(
                f"{len(self.withdrawals.left_out)} recording(s) are left out: consent was withdrawn"
            )
        if self.unknown:
            notes.append(
                f"{len(self.unknown)} recording(s) have no line in respondents.csv and are left out"
            )
        return notes


def production_rows(
    services: Services, model_sha256: str, since: datetime, until: datetime
) -> tuple[AuditRows | None, list[str]]:
    """Return what a model published in [since, until), and notes on what was left out.

    Recordings that the quality gate refused for having no readable face are in: leaving
    out whoever is never found would hide the very thing an audit looks for.

    Raises:
        TransientError: The lake failed for now.
    """
    declared = Declared(services, Withdrawals(services))
    rows: list[dict[str, Any]] = []
    latest: dict[tuple[str, str], published.PublishedRecording] = {}
    for item in published.recordings(services, since, until, declared.withdrawals):
        if item.model.sha256 == model_sha256:
            latest[item.study, item.recording] = item
    for (study, recording), item in latest.items():
        person = declared.person(study, recording)
        if person is not None:
            rows += _instants(person, item.predictions().select(_COLUMNS).to_pandas())
    for person, table in _refused(services, declared, since, until, published_too=latest):
        rows += _instants(person, table)
    return _audited(services, rows, declared)


def labelled_rows(services: Services, model_sha256: str) -> tuple[AuditRows | None, list[str]]:
    """Return labelled instants that a model answered, weighted by the design of their draw.

    Truth is the answer most annotators gave; ties, and faces in which most found none of the
    seven expressions, cannot be judged. Faces that were not found were never drawn: the
    parity panels speak of those.

    Raises:
        TransientError: The lake failed for now.
    """
    votes = counts(all_votes(services.lake, read_receipts(services.lake)))
    declared = Declared(services, Withdrawals(services))
    rows: list[dict[str, Any]] = []
    for draw in read_draws(services.lake):
        for item in draw.answered_by(model_sha256):
            instant = item.instant
            given = votes.get(instant.row_id)
            label = -1 if given is None else int(truth(given[None, :])[0])
            if label < 0:
                continue
            person = declared.person(instant.study, instant.recording)
            if person is None:
                continue
            abstained = instant.row_id in draw.abstained
            best = int(np.argmax(instant.champion))
            row = outcome(
                "",
                "low_confidence" if abstained else None,
                None if abstained else EXPRESSIONS[best],
                float(instant.champion[best]),
            )
            weight = 1.0 / item.inclusion_probability
            rows.append({**row, **person, TRUTH: EXPRESSIONS[label], WEIGHT: weight})
    return _audited(services, rows, declared)


def _audited(
    services: Services, rows: list[dict[str, Any]], declared: Declared
) -> tuple[AuditRows | None, list[str]]:
    """Validate rows; attributes that nobody declared are no groups."""
    notes = declared.notes()
    frame = pd.DataFrame(rows)
    attributes = [
        name
        for name in services.settings.audit.declared_attributes
        if name in frame and (frame[name] != NOT_DECLARED).any()
    ]
    if not attributes:
        notes.append("nobody declared a group: there is nothing to compare")
        return None, notes
    _settle_contradictions(frame, attributes)
    return audit_rows(frame, attributes=attributes, source=Source.DECLARED), notes


def _settle_contradictions(frame: pd.DataFrame, attributes: Iterable[str]) -> None:
    """A person who declared two values of an attribute declared none."""
    for name in attributes:
        contradicting = frame.groupby(PERSON)[name].transform("nunique") > 1
        frame.loc[contradicting, name] = NOT_DECLARED


def _instants(person: Mapping[str, str], table: pd.DataFrame) -> list[dict[str, Any]]:
    faces = main_faces(table)
    return [
        {
            **outcome(
                "",
                reason if isinstance(reason, str) else None,
                answer if isinstance(answer, str) else None,
                None if pd.isna(confidence) else float(confidence),
            ),
            **person,
        }
        for reason, answer, confidence in zip(
            faces["reason"], faces["emotion"], faces["confidence"], strict=True
        )
    ]


def _refused(
    services: Services,
    declared: Declared,
    since: datetime,
    until: datetime,
    *,
    published_too: Mapping[tuple[str, str], object],
) -> Iterable[tuple[dict[str, str], pd.DataFrame]]:
    """Yield person and instants of recordings that were refused for their faces."""
    codes = (QuarantineCode.DATA_QUALITY,)
    ledger = services.ledger
    seen: defaultdict[str, set[str]] = defaultdict(set)
    for study in ledger.quarantined_studies(codes):
        for item in ledger.quarantined(study, codes):
            if (
                item.extraction_id is None
                or not since <= item.first_seen_at < until
                or (study, item.recording) in published_too
                or item.recording in seen[study]
            ):
                continue
            seen[study].add(item.recording)
            person = declared.person(study, item.recording)
            if person is None:
                continue
            try:
                content = services.lake.get_bytes(keys.extraction_manifest(item.extraction_id))
            except FileNotFoundError:
                continue
            table = pq.read_table(io.BytesIO(content), columns=["instant", "reason"]).to_pandas()
            # Faces that could have been read were not answered: only the refused ones count.
            table = table[table["reason"].notna()]
            yield person, table.assign(**{"emotion": None, CONFIDENCE: None})
