"""The seven displayed expressions, in the one order the platform knows.

The order is sealed into every model package (`signature.json`) and read from
there by whatever interprets a model's output. Nothing else spells an order.
"""

from __future__ import annotations

EXPRESSIONS: tuple[str, ...] = (
    "anger",
    "disgust",
    "fear",
    "happiness",
    "neutral",
    "sadness",
    "surprise",
)
