"""The folder of annotator labels: what the platform's label queue writes.

The contract between the queue (writer) and training (reader)::

    {folder}/labels.csv       file,annotator,label
    {folder}/images/{file}    the face crop as it was shown to the annotator

- UTF-8, comma-separated, first row is the header; more columns may follow and are
  ignored here.
- `file` is the name of a picture below `images/`; grey or colour, any size.
- `annotator` is a pseudonym and never empty. It is read only to count each person
  once; it is not kept in a record.
- `label` is one of the seven expressions, or `contempt`, `unknown`, `not_a_face`.
- The file is append-only: where an annotator labelled a picture again, the last row
  counts. Each annotator has one vote per picture.
- A picture without a row has no record; a row without a picture is an error.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from ml.data.records import VOTE_NAMES, FaceRecord
from ml.data.sources import DataSource, open_source

NAME = "annotations"
LABEL_FILE = "labels.csv"
IMAGE_FOLDER = "images"
COLUMNS: tuple[str, ...] = ("file", "annotator", "label")


def load_annotations(path: Path) -> Iterator[FaceRecord]:
    """Yield the pictures people labelled on the platform, in order of first appearance.

    Args:
        path: Folder or zip with `labels.csv` and `images/`.

    Raises:
        ConfigurationError: A file is missing, a label is unknown or an annotator is not
            named; the message names file and row.
    """
    with open_source(NAME, path) as source:
        if not source.has(LABEL_FILE):
            raise source.error(LABEL_FILE, "is not there", f"start it with {','.join(COLUMNS)}")
        for file, answers in _answers(source).items():
            counts = Counter(answers.values())
            name = f"{IMAGE_FOLDER}/{file}"
            votes = tuple(counts[label] for label in VOTE_NAMES)
            yield FaceRecord(name, source.picture(name, colour=True), votes, NAME)


def _answers(source: DataSource) -> dict[str, dict[str, str]]:
    """Return label by annotator by file."""
    answers: dict[str, dict[str, str]] = {}
    for number, row in source.table(LABEL_FILE, COLUMNS):
        where = f"{LABEL_FILE} row {number}"
        if row["label"] not in VOTE_NAMES:
            accepted = ", ".join(VOTE_NAMES)
            raise source.error(
                where, f"has the unknown label {row['label']!r}", f"accepted: {accepted}"
            )
        for column in ("file", "annotator"):
            if not row[column]:
                raise source.error(
                    where, f"has no {column}", "every label has a picture and a person"
                )
        answers.setdefault(row["file"], {})[row["annotator"]] = row["label"]
    return answers
