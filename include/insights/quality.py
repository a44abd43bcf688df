"""How far a recording's numbers can be trusted: one verdict, the rules behind it, in sentences.

| rule | good | usable with care | not usable |
|---|---|---|---|
| instants with a readable face | 80 % or more | 40 % or more | less |
| readable instants | 10 or more | 3 or more | fewer |
| instants without a frame | up to 2 % | up to 20 % | more |
| usable faces on which the model abstained | up to 20 % | up to 50 % | more |
| instants with one other face | under 20 % | 20 % or more | never for this |
| data-quality checks | all passed | a warning | an error |

The verdict is the worst of the rules. The shares follow what commercial panels
accept (they drop 15 to 25 % of sessions); they are conventions, kept here and
printed in each report, not properties of the model.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np

from include.insights.moments import NONE, UNKNOWN_FACE, Moments, State

READABLE_SHARE_GOOD = 0.8
READABLE_SHARE_CARE = 0.4
READABLE_COUNT_GOOD = 10
READABLE_COUNT_CARE = 3
NO_FRAME_SHARE_GOOD = 0.02
NO_FRAME_SHARE_CARE = 0.2
ABSTAINED_SHARE_GOOD = 0.2
ABSTAINED_SHARE_CARE = 0.5
COMPANY_SHARE_CARE = 0.2


class Verdict(StrEnum):
    """Worst last."""

    GOOD = "good"
    CARE = "usable with care"
    NOT_USABLE = "not usable"


_RANK = {Verdict.GOOD: 0, Verdict.CARE: 1, Verdict.NOT_USABLE: 2}


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule applied: what was found and what it means for the reader."""

    name: str
    verdict: Verdict
    sentence: str

    def to_json(self) -> dict[str, str]:
        """Plain strings."""
        return {
            "name": self.name,
            "verdict": self.verdict.value,
            "sentence": self.sentence,
        }


def judge(moments: Moments, validation: Mapping[str, Any] | None) -> tuple[Verdict, list[Rule]]:
    """Apply every rule.

    Args:
        moments: The recording.
        validation: JSON form of the data-quality result, when there is one.
    """
    instants = len(moments.instant)
    readable = int((moments.state == State.READABLE).sum())
    no_frame = int((moments.state == State.NO_FRAME).sum())
    usable, abstained = abstention_counts(moments)
    rules = [
        _readable_share(readable, instants),
        _readable_count(readable),
        _no_frame(no_frame, instants),
        _abstained(abstained, usable),
        _company(moments),
        _checks(validation),
    ]
    return max((rule.verdict for rule in rules), key=_RANK.__getitem__), rules


def abstention_counts(moments: Moments) -> tuple[int, int]:
    """Faces that the model judged, and those of them on which it abstained."""
    named = sum(int((track.emotion != NONE).sum()) for track in moments.tracks)
    abstained = sum(
        int(np.count_nonzero(track.present & (track.state == State.ABSTAINED)))
        for track in moments.tracks
    )
    return named + abstained, abstained


def _readable_share(readable: int, instants: int) -> Rule:
    share = readable / instants if instants else 0.0
    verdict = _at_least(share, READABLE_SHARE_GOOD, READABLE_SHARE_CARE)
    sentence = (
        f"A face could be read in {percent(share)} of the sampled moments "
        f"({readable} of {instants}); {percent(READABLE_SHARE_GOOD)} or more is good, "
        f"under {percent(READABLE_SHARE_CARE)} is not usable."
    )
    return Rule("readable share", verdict, sentence)


def _readable_count(readable: int) -> Rule:
    verdict = _at_least(readable, READABLE_COUNT_GOOD, READABLE_COUNT_CARE)
    if not readable:
        return Rule("readable moments", verdict, "No moment could be read: there are no shares.")
    moments = "1 moment" if readable == 1 else f"{readable} moments"
    sentence = (
        f"The shares rest on {moments}; with fewer than "
        f"{READABLE_COUNT_GOOD} a single moment moves them by more than ten points."
    )
    return Rule("readable moments", verdict, sentence)


def _no_frame(no_frame: int, instants: int) -> Rule:
    share = no_frame / instants if instants else 0.0
    verdict = _at_most(share, NO_FRAME_SHARE_GOOD, NO_FRAME_SHARE_CARE)
    if not no_frame:
        return Rule("frames", verdict, "The recording has a frame for every sampled moment.")
    sentence = (
        f"No frame could be shown for {percent(share)} of the sampled moments "
        f"({no_frame} of {instants}): the recording has gaps or damaged frames."
    )
    return Rule("frames", verdict, sentence)


def _abstained(abstained: int, usable: int) -> Rule:
    share = abstained / usable if usable else 0.0
    verdict = _at_most(share, ABSTAINED_SHARE_GOOD, ABSTAINED_SHARE_CARE)
    if not abstained:
        found = "The model was confident enough on every face it judged."
        return Rule("model confidence", verdict, found if usable else "No face was judged.")
    sentence = (
        f"The model abstained on {percent(share)} of the faces it judged "
        f"({abstained} of {usable}); more than {percent(ABSTAINED_SHARE_CARE)} is not usable."
    )
    return Rule("model confidence", verdict, sentence)


def _company(moments: Moments) -> Rule:
    """Whether another face is there for long: the main one may then not be the respondent."""
    name = "one respondent"
    main = moments.main_face()
    if main is None:
        return Rule(name, Verdict.GOOD, "No second face is in the picture.")
    others = [
        float(track.present.mean())
        for track in moments.tracks
        if track.face_id not in (main.face_id, UNKNOWN_FACE)
    ]
    if not others:
        return Rule(name, Verdict.GOOD, "One face is in the picture.")
    longest = max(others)
    verdict = Verdict.CARE if longest >= COMPANY_SHARE_CARE else Verdict.GOOD
    sentence = (
        f"{len(others) + 1} faces were found, another one in up to {percent(longest)} of the "
        f"moments. The shares are those of {main.face_id}: make sure that it is the respondent."
    )
    return Rule(name, verdict, sentence)


def _checks(validation: Mapping[str, Any] | None) -> Rule:
    name = "data-quality checks"
    if validation is None:
        return Rule(name, Verdict.CARE, "No data-quality checks were recorded.")
    level = str(validation.get("level", "ok"))
    failures: Sequence[object] = validation.get("failures") or ()
    if level == "ok":
        return Rule(name, Verdict.GOOD, "All data-quality checks of the sampled data passed.")
    verdict = Verdict.NOT_USABLE if level == "error" else Verdict.CARE
    told = " ".join(str(failure) for failure in failures)
    return Rule(name, verdict, f"Data-quality checks: {told}")


def _at_least(value: float, good: float, care: float) -> Verdict:
    return Verdict.GOOD if value >= good else Verdict.CARE if value >= care else Verdict.NOT_USABLE


def _at_most(value: float, good: float, care: float) -> Verdict:
    return Verdict.GOOD if value <= good else Verdict.CARE if value <= care else Verdict.NOT_USABLE


def percent(share: float) -> str:
    """A share as people read it: a small one is never printed as nothing, nor most as all."""
    if 0 < share < 0.01:
        return "under 1 %"
    if 0.99 < share < 1:
        return "over 99 %"
    return f"{share * 100:.0f} %"
