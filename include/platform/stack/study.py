"""A made study with everything production asks for, and what has to become of it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from include.contracts.reasons import QuarantineCode
from include.ledger.models import State
from include.made_media.demo_video import make_demo_video
from include.platform.stack.observer import Outcome

PURPOSE = "purpose: market_research\nconsent: required\ntitle: A study of the stack's own\n"
_HEADER = "recording,respondent,consent,consent_at,consent_withdrawn_at\n"
DAMAGED, NO_CONSENT = "damaged.mp4", "no-consent.mp4"
_SECONDS = 6.0
"""Long enough for a face, nobody, and the face again."""

Expected = Mapping[str, tuple[State, str | None]]
"""By recording: the end it has to reach, and the reason where it has one."""


def write_study(folder: Path, count: int, *, seconds: float = _SECONDS) -> Expected:
    """Write `count` recordings with consent, a damaged one and one without consent.

    Args:
        folder: Made here.
        count: Recordings that are to be published; each has bytes of its own.
        seconds: Length of the shortest; each is a quarter of a second longer than the one before.

    Returns:
        What has to become of each.
    """
    folder.mkdir(parents=True)
    expected: dict[str, tuple[State, str | None]] = {}
    for number in range(1, count + 1):
        name = f"r{number:02}.mp4"
        make_demo_video(folder / name, seconds=seconds + number / 4)
        expected[name] = (State.PUBLISHED, None)
    first = (folder / "r01.mp4").read_bytes()
    (folder / DAMAGED).write_bytes(first[:64] + bytes(4096))
    expected[DAMAGED] = (State.QUARANTINED, None)
    make_demo_video(folder / NO_CONSENT, seconds=seconds)
    expected[NO_CONSENT] = (State.QUARANTINED, str(QuarantineCode.CONSENT_MISSING))
    lines = [
        f"{name},P-{number:03},{',' if name == NO_CONSENT else 'notice 1,2026-11-02'},\n"
        for number, name in enumerate(sorted(expected), start=1)
    ]
    (folder / "study.yaml").write_text(PURPOSE)
    (folder / "respondents.csv").write_text(_HEADER + "".join(lines))
    return expected


def surprises(expected: Expected, found: Mapping[str, Outcome]) -> list[str]:
    """Return what became of recordings otherwise than it had to, in words."""
    told = []
    for name, (state, reason_code) in expected.items():
        outcome = found.get(name)
        if outcome is None:
            told.append(f"{name} is not in the ledger")
        elif outcome.state is not state:
            told.append(f"{name} is {outcome.state} ({outcome.reason_code}), not {state}")
        elif reason_code and outcome.reason_code != reason_code:
            told.append(f"{name} is {state} for {outcome.reason_code}, not for {reason_code}")
    return told
