"""Reading answers back: Label Studio's JSON and JSON-MIN exports, and a plain CSV.

Formats: https://labelstud.io/guide/task_format (JSON: tasks with `annotations`) and
https://labelstud.io/guide/export (JSON-MIN: one flat object per annotation, a single
choice as a text). `completed_by` is a number or an object with id and e-mail address;
JSON-MIN's `annotator` is the same number or that address, so both forms of one export
name a person alike. The CSV has the columns `row_id,annotator,label` and optionally
`answered_at` (ISO 8601), as spreadsheets save it; more columns are ignored.

A file is read whole or not at all: a line that cannot be understood is a
`PermanentInputError`, for the caller to quarantine the file.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import Any, NoReturn

from include.contracts.errors import PermanentInputError
from include.contracts.reasons import QuarantineCode
from include.contracts.spoiled_cells import restored, spoiled
from include.contracts.spreadsheet import TableError, decode_text, read_table
from include.labelling.tasks import IMAGE, QUESTION, ROW_ID
from include.labelling.votes import ANSWERS, Vote, latest, pseudonym

CSV_COLUMNS: tuple[str, ...] = ("row_id", "annotator", "label")
ANSWERED_AT = "answered_at"
MAX_BYTES = 256 << 20
"""Larger than 100,000 annotations of this question, Label Studio's own limit per project."""

_EXPORT_REMEDY = "Export the project again as JSON or JSON-MIN and drop the file unchanged."
_CSV_REMEDY = f"Correct the line ({','.join(CSV_COLUMNS)}) and drop the file again."


@dataclass(frozen=True, slots=True)
class Reading:
    """What a file of answers holds.

    Attributes:
        votes: The latest answer of each annotator to each face that was asked about.
        unknown_rows: Row ids that were never queued, sorted; their answers are left out.
        ignored: Annotations that were cancelled (skipped), lines without a label.
        superseded: Answers that the same person gave again later.
    """

    votes: tuple[Vote, ...]
    unknown_rows: tuple[str, ...]
    ignored: int
    superseded: int


@dataclass(frozen=True, slots=True)
class _Place:
    """Where in a file we are, for the error that may have to be raised."""

    file: str
    where: str
    remedy: str

    def refuse(self, reason: str) -> NoReturn:
        sentence = f"{self.file}, {self.where}: {reason}."
        raise PermanentInputError(QuarantineCode.BAD_LABEL_FILE, sentence, self.remedy)


def read_answers(
    name: str, content: bytes, *, asked: Collection[str], pseudonym_key: bytes = b""
) -> Reading:
    """Read one file of answers.

    Args:
        name: The file's name; `.csv` is read as CSV, `.json` as a Label Studio export.
        content: Its bytes.
        asked: Every row id that was ever queued.
        pseudonym_key: Secret that keys the annotators' pseudonyms.

    Raises:
        PermanentInputError: The file or one of its lines cannot be understood; names the
            file, the line or element, the reason and the remedy.
    """
    suffix = PurePosixPath(name).suffix.lower()
    whole = _Place(name, "the whole file", _EXPORT_REMEDY)
    if suffix not in {".csv", ".json"}:
        whole.refuse("is neither .json nor .csv")
    if len(content) > MAX_BYTES:
        whole.refuse(f"is larger than {MAX_BYTES >> 20} MiB")
    read = _csv_answers if suffix == ".csv" else _json_answers
    return _reading(read(name, content, lambda who: pseudonym(who, key=pseudonym_key)), asked)


def _reading(found: Iterator[Vote | None], asked: Collection[str]) -> Reading:
    known: list[Vote] = []
    unknown: set[str] = set()
    ignored = 0
    asked_rows = frozenset(asked)
    for vote in found:
        if vote is None:
            ignored += 1
        elif vote.row_id in asked_rows:
            known.append(vote)
        else:
            unknown.add(vote.row_id)
    kept = latest(known)
    return Reading(tuple(kept), tuple(sorted(unknown)), ignored, len(known) - len(kept))


def _csv_answers(name: str, content: bytes, named: Callable[[str], str]) -> Iterator[Vote | None]:
    try:
        table = read_table(content, CSV_COLUMNS)
    except TableError as error:
        _Place(name, error.where, _CSV_REMEDY).refuse(error.reason)
    for line in table.lines:
        place, row = _Place(name, line.where, _CSV_REMEDY), line.cells
        if not row["row_id"]:
            place.refuse("has no row_id")
        if (changed := spoiled(row["row_id"])) is not None:
            place.refuse(f"column row_id: {changed}")
        if not row["label"]:
            yield None  # a line of the template that nobody filled in
            continue
        if not row["annotator"]:
            place.refuse("has no annotator")
        answered_at = _time(row.get(ANSWERED_AT) or None, place)
        annotator = named(restored(row["annotator"]))
        yield Vote(row["row_id"], annotator, _label(row["label"], place), answered_at)


def _json_answers(name: str, content: bytes, named: Callable[[str], str]) -> Iterator[Vote | None]:
    try:
        text = decode_text(content)
    except ValueError as error:
        _Place(name, "the whole file", _EXPORT_REMEDY).refuse(str(error))
    try:
        document = json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        where = f"line {error.lineno}" if isinstance(error, json.JSONDecodeError) else "nesting"
        _Place(name, where, _EXPORT_REMEDY).refuse(f"is not JSON ({error})")
    if not isinstance(document, list):
        _Place(name, "the whole file", _EXPORT_REMEDY).refuse("is not a list of tasks")
    for number, element in enumerate(document, start=1):
        place = _Place(name, f"element {number}", _EXPORT_REMEDY)
        if not isinstance(element, dict):
            place.refuse("is not an object")
        if "annotations" in element:
            yield from _task_answers(element, place, named)
        else:
            yield _flat_answer(element, place, named)


def _task_answers(
    task: Mapping[str, Any], place: _Place, named: Callable[[str], str]
) -> Iterator[Vote | None]:
    """Yield the answers of one task of a JSON export."""
    data, annotations = task.get("data"), task["annotations"]
    if not isinstance(data, dict) or not isinstance(annotations, list):
        place.refuse("is no task: `data` is an object and `annotations` a list")
    row_id = _row_id(data, place)
    for number, annotation in enumerate(annotations, start=1):
        here = _Place(place.file, f"{place.where}, annotation {number}", place.remedy)
        if not isinstance(annotation, dict) or not isinstance(annotation.get("result"), list):
            here.refuse("is no annotation: it has no list `result`")
        cancelled = annotation.get("was_cancelled")
        answer = None if cancelled else _chosen(annotation["result"], here)
        if answer is None:
            yield None
            continue
        person = annotation.get("completed_by")
        if isinstance(person, dict):
            person = person.get("email") or person.get("id")
        yield Vote(row_id, _annotator(person, here, named), answer, _stamp(annotation, here))


def _flat_answer(
    record: Mapping[str, Any], place: _Place, named: Callable[[str], str]
) -> Vote | None:
    """Return the answer of one element of a JSON-MIN export."""
    row_id = _row_id(record, place)
    answer = record.get(QUESTION)
    if record.get("was_cancelled") or answer in (None, "", []):
        return None
    if isinstance(answer, dict):
        answer = answer.get("choices")
    label = _only(answer, place)
    return Vote(
        row_id, _annotator(record.get("annotator"), place, named), label, _stamp(record, place)
    )


def _chosen(result: list[Any], place: _Place) -> str | None:
    """Return the answer among an annotation's results; None where the question has none."""
    for region in result:
        if isinstance(region, dict) and region.get("from_name") == QUESTION:
            value = region.get("value")
            return _only(value.get("choices") if isinstance(value, dict) else None, place)
    if result:
        place.refuse(f"does not answer `{QUESTION}`: it is from another project")
    return None


def _only(answer: object, place: _Place) -> str:
    choices = answer if isinstance(answer, list) else [answer]
    if len(choices) != 1:
        place.refuse(f"has {len(choices)} answers, not one")
    return _label(choices[0], place)


def _label(answer: object, place: _Place) -> str:
    if not isinstance(answer, str) or answer not in ANSWERS:
        place.refuse(f"has the unknown label {answer!r} (accepted: {', '.join(ANSWERS)})")
    return answer


def _row_id(data: Mapping[str, Any], place: _Place) -> str:
    """Return the row id, or the picture's name without its ending."""
    row_id = data.get(ROW_ID)
    if isinstance(row_id, str) and row_id:
        return row_id
    picture = data.get(IMAGE)
    if not isinstance(picture, str) or not PurePosixPath(picture).stem:
        place.refuse(f"has neither `{ROW_ID}` nor `{IMAGE}`")
    return PurePosixPath(picture).stem


def _annotator(person: object, place: _Place, named: Callable[[str], str]) -> str:
    if isinstance(person, bool) or not isinstance(person, int | str) or not str(person).strip():
        place.refuse("does not say who answered")
    return named(str(person))


def _stamp(annotation: Mapping[str, Any], place: _Place) -> datetime | None:
    return _time(annotation.get("updated_at") or annotation.get("created_at"), place)


def _time(text: object, place: _Place) -> datetime | None:
    """Read an ISO 8601 time; without a zone it is UTC, as Label Studio's are."""
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(str(text))
    except ValueError:
        place.refuse(f"has the unreadable time {text!r}")
    return found if found.tzinfo else found.replace(tzinfo=UTC)
