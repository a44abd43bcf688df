"""Every key that the platform writes has its line in the decision on erasure."""

from __future__ import annotations

import re
from pathlib import Path

from include.lake import keys

DECISION = Path(__file__).parents[3] / "docs" / "decisions" / "0022-erasure.md"


def test_every_key_of_the_lake_is_decided_on() -> None:
    decision = DECISION.read_text()
    layout = (keys.__doc__ or "").split("```")[1]
    written = re.findall(r"^([a-z][a-z./-]*[a-z])(?=[/ {,.])", layout, re.MULTILINE)
    assert len(set(written)) > 25
    missing = [
        name
        for name in written
        if f"`{name}" not in decision and f"`{name.partition('/')[0]}/`" not in decision
    ]
    assert missing == []
