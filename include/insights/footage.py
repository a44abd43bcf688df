"""What extraction found out about the file itself, in the words of the report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from include.contracts.extraction import Damage, Extraction, Seam, VideoStream
from include.insights.charts import clock

_SHOWN_AT_MOST = 3


@dataclass(frozen=True, slots=True)
class Footage:
    """A recording's file. Times are seconds from the first sampling target.

    Attributes:
        seams: Where its clock started again or jumped.
        streams: Its video streams, as in extraction.json; `chosen_by` marks the one read.
        damaged: Stretches that cannot be decoded.
    """

    seams: tuple[Seam, ...] = ()
    damaged: tuple[Damage, ...] = ()
    streams: tuple[VideoStream, ...] = ()

    def clock_sentence(self) -> str:
        """How the recording's clock runs."""
        if not self.seams:
            return "The recording's clock runs on without a break."
        first = self.seams[0]
        where = clock(first.at_s) if len(self.seams) == 1 else _places([s.at_s for s in self.seams])
        way = "back" if first.jump_s < 0 else "ahead"
        leap = "" if len(self.seams) > 1 else f" ({way} by {_span(abs(first.jump_s))})"
        return (
            f"The recording's clock starts again or jumps at {where}{leap}: parts were joined or "
            "the clock was set. Time is counted on without a break; check that what comes next "
            "belongs to the same session and starts where the stimulus does."
        )

    def sentences(self) -> list[str]:
        """What else a reader of the numbers must know."""
        found = _streams_sentence(self.streams)
        for span in self.damaged[:_SHOWN_AT_MOST]:
            reach = "to the end" if span.until_s is None else f"to {clock(span.until_s)}"
            found.append(
                f"From {clock(span.from_s)} {reach} the recording is damaged: its pictures "
                "cannot be decoded rightly, and no face in them is read."
            )
        more = len(self.damaged) - _SHOWN_AT_MOST
        if more > 0:
            found.append(f"{more} more damaged stretches are in the tables.")
        return found

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "seams": [asdict(seam) for seam in self.seams],
            "damaged": [asdict(span) for span in self.damaged],
            "video_streams": [asdict(stream) for stream in self.streams],
            "sentences": self.sentences(),
        }


UNTOLD = Footage()
"""A file of which nothing special is known."""


def read(extraction: Extraction | None, *, origin_s: float) -> Footage:
    """Read what extraction noted of the file; None: nothing is known.

    Args:
        extraction: What it noted.
        origin_s: The file's clock at the first target.
    """
    if extraction is None:
        return UNTOLD
    return Footage(
        seams=tuple(
            Seam(_from_start(seam.at_s, origin_s), round(seam.jump_s, 3))
            for seam in extraction.seams
        ),
        damaged=tuple(
            Damage(
                _from_start(span.from_s, origin_s),
                None if span.until_s is None else _from_start(span.until_s, origin_s),
            )
            for span in extraction.damaged
        ),
        streams=tuple(extraction.video_streams),
    )


_WHY_CHOSEN = {
    "default": "the file marks it as the default",
    "faces": "a look at a few pictures of each found a face there (or, in each, fewest there)",
    "order": "it comes first; neither the file nor a look at a few pictures of each decides",
}


def _streams_sentence(streams: Sequence[VideoStream]) -> list[str]:
    chosen = next((stream for stream in streams if stream.chosen_by), None)
    if chosen is None or len(streams) < 2:
        return []
    why = _WHY_CHOSEN.get(str(chosen.chosen_by), "it was asked for")
    others = ", ".join(_picture(stream) for stream in streams if stream is not chosen)
    read = _picture(chosen)
    sentence = f"The file holds {len(streams)} video streams. Read was {read}, because {why}; "
    return [sentence + f"not read: {others}."]


def _picture(stream: VideoStream) -> str:
    return f"stream {stream.index} ({stream.width_px} × {stream.height_px})"


def _from_start(time_s: float, origin_s: float) -> float:
    return round(max(0.0, float(time_s) - origin_s), 3)


def _places(times_s: Sequence[float]) -> str:
    shown = ", ".join(clock(time_s) for time_s in times_s[:_SHOWN_AT_MOST])
    more = len(times_s) - _SHOWN_AT_MOST
    return f"{shown} and {more} more times" if more > 0 else shown


def _span(seconds: float) -> str:
    return f"{seconds:.3g} s" if seconds < 60 else clock(seconds)
