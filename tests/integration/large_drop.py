"""Many recordings dropped at once, some of them bad."""

from __future__ import annotations

from pathlib import Path

from include.ledger.ledger import State
from tests.integration.conftest import make_pipeline
from tests.media.make_media import many_short_videos


def check_large_drop(home: Path, count: int, *, bad: int, per_batch: int) -> None:
    """Every recording has an end: the good are published, the bad quarantined."""
    pipeline = make_pipeline(home, max_videos_per_batch=per_batch)
    many_short_videos(pipeline.incoming / "large drop", count, bad=bad)
    batches = pipeline.run()
    assert len(batches) == -(-count // per_batch)
    counts = pipeline.services.ledger.counts()
    assert counts[State.PUBLISHED] == count - bad
    assert counts[State.QUARANTINED] == bad
    assert sum(counts.values()) == count
