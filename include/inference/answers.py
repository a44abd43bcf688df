"""Which shards of an extraction a model has answered, and where the answers lie.

One small object per extraction and model, written when a job is reconciled and
read before one is planned. It makes an answer findable from what it answers,
whichever job or batch computed it: a second recording of the same bytes, or a
second attempt at a batch, pays for nothing that is there already. Nothing is
copied; the object points at the job's own `.out` files.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from include.contracts.documents import Content, Form
from include.lake import keys

if TYPE_CHECKING:
    from include.lake.store import Lake


@dataclass(frozen=True, slots=True)
class Answers:
    """Lake keys of the answers to an extraction's shards, by basename of the shard."""

    answers: dict[str, str]


def _wrapped(content: Content) -> Content:
    """Schema 1 was the mapping alone."""
    return {"answers": content}


ANSWERS = Form(Answers, schema=2, upgrades={1: _wrapped})


class AnswerIndex:
    """The answers of one model, in the lake."""

    def __init__(self, lake: Lake, model_sha256: str) -> None:
        self._lake = lake
        self._model_sha256 = model_sha256

    def find(self, extraction_id: str) -> dict[str, str]:
        """Return the lake key of each known answer by shard basename.

        Answers whose objects have been removed since are left out.

        Raises:
            TransientError: The lake failed for now.
        """
        known = self._read(extraction_id)
        folders = {key.rpartition("/")[0] for key in known.values()}
        present = {key for folder in folders for key in self._lake.list(folder)}
        return {shard: key for shard, key in known.items() if key in present}

    def add(self, answers: Mapping[str, str]) -> None:
        """Note answers by shard basename, beside those noted before.

        Two writers at once may drop one another's entries: the price is an
        answer computed again, never a wrong one.

        Raises:
            TransientError: The lake failed for now.
        """
        by_extraction: defaultdict[str, dict[str, str]] = defaultdict(dict)
        for shard, key in answers.items():
            by_extraction[extraction_of(shard)][shard] = key
        for extraction_id, found in by_extraction.items():
            known = self._read(extraction_id)
            if not known.items() >= found.items():
                answers_of = Answers(known | found)
                self._lake.write(ANSWERS, self._key(extraction_id), answers_of)

    def _read(self, extraction_id: str) -> dict[str, str]:
        found = self._lake.find(ANSWERS, self._key(extraction_id))
        return {} if found is None else found.answers

    def _key(self, extraction_id: str) -> str:
        return keys.transform_answers(self._model_sha256, extraction_id)


def extraction_of(shard_basename: str) -> str:
    """Extraction that a shard belongs to: the inverse of `keys.shard_basename`."""
    return shard_basename.rpartition("-")[0]


def shard_key(shard_basename: str) -> str:
    """Lake key of a shard."""
    return keys.shard(extraction_of(shard_basename), shard_basename)
