"""What a model answers to a face crop: one line of the answers to a shard.

`ml/packaging/code/inference.py` writes them; it is sealed in packages, so that fields may only be
added, and lines carry no number of a schema.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from include.contracts.documents import Form


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer.

    Attributes:
        row_id: The crop, as its member of the shard is named; empty: asked for alone.
        probabilities: By label, 0 to 1, sum 1; None: there is an error.
        logits: In the order of the package's labels, not scaled.
        emotion: The label of the highest probability.
        error: Why the picture could not be decoded.
    """

    row_id: str = ""
    probabilities: Mapping[str, float] | None = None
    logits: tuple[float, ...] | None = None
    emotion: str | None = None
    error: str | None = None


ANSWER = Form(Answer)
