"""Shares as people read them."""

from __future__ import annotations


def percent(share: float) -> str:
    """A share as people read it: a small one is never printed as nothing, nor most as all."""
    if 0 < share < 0.01:
        return "under 1 %"
    if 0.99 < share < 1:
        return "over 99 %"
    return f"{share * 100:.0f} %"
