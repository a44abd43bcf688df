"""How far a recording's numbers can be trusted: one verdict, the rules behind it, in sentences.

| rule | good | usable with care | not usable |
|---|---|---|---|
| instants in which the respondent is readable | 80 % or more | 40 % or more | less |
| readable instants | 10 or more | 3 or more | fewer |
| instants without a frame | up to 2 % | up to 20 % | more |
| usable faces on which the model abstained | up to 20 % | up to 50 % | more |
| weight of another face by the respondent's | under a third | a third or more | no face followed |
| the respondent's face moves | half of the comparisons | less: it may be a picture | never |
| somebody else had the seat | never | at some time | never for this |
| instants with a face of nobody known | up to 5 % | more | never for this |
| the recording's clock | runs on | starts again or jumps | never for this |
| data-quality checks | all passed | a warning | an error |

The verdict is the worst of the rules. The shares follow what commercial panels
accept (they drop 15 to 25 % of sessions); they are conventions, kept here and
printed in each report, not properties of the model. With several respondents the shares
are those of the one that was read least.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from include.contracts.validation import ValidationResult
from include.insights.footage import UNTOLD, Footage
from include.insights.moments import NONE, Moments, State, Track
from include.insights.respondent import Choice
from include.insights.respondent_rules import respondent_rules
from include.insights.verdict import Rule, Verdict
from include.statistics.words import percent

READABLE_SHARE_GOOD = 0.8
READABLE_SHARE_CARE = 0.4
READABLE_COUNT_GOOD = 10
READABLE_COUNT_CARE = 3
NO_FRAME_SHARE_GOOD = 0.02
NO_FRAME_SHARE_CARE = 0.2
ABSTAINED_SHARE_GOOD = 0.2
ABSTAINED_SHARE_CARE = 0.5

_RANK = {Verdict.GOOD: 0, Verdict.CARE: 1, Verdict.NOT_USABLE: 2}


def judge(
    moments: Moments,
    choice: Choice,
    validation: ValidationResult | None,
    file: Footage = UNTOLD,
) -> tuple[Verdict, list[Rule]]:
    """Apply every rule.

    Args:
        moments: The recording.
        choice: Whom it is about.
        validation: The data-quality result, when there is one.
        file: What extraction found out about the file.
    """
    instants = len(moments.instant)
    readable = readable_instants(choice)
    no_frame = int((moments.state == State.NO_FRAME).sum())
    usable, abstained = abstention_counts(choice.tracks)
    rules = [
        _readable_share(readable, instants),
        _readable_count(readable),
        _no_frame(no_frame, instants),
        _abstained(abstained, usable),
        *respondent_rules(choice),
        _clock(file),
        _checks(validation),
    ]
    return max((rule.verdict for rule in rules), key=_RANK.__getitem__), rules


def readable_instants(choice: Choice) -> int:
    """Instants in which the respondent was read: of several, the one who was read least."""
    return min((int((track.emotion != NONE).sum()) for track in choice.tracks), default=0)


def abstention_counts(tracks: Sequence[Track]) -> tuple[int, int]:
    """Instants at which the model judged some faces, and those of them on which it abstained."""
    named = sum(int((track.emotion != NONE).sum()) for track in tracks)
    abstained = sum(
        int(np.count_nonzero(track.present & (track.state == State.ABSTAINED))) for track in tracks
    )
    return named + abstained, abstained


def _readable_share(readable: int, instants: int) -> Rule:
    share = readable / instants if instants else 0.0
    verdict = _at_least(share, READABLE_SHARE_GOOD, READABLE_SHARE_CARE)
    sentence = (
        f"The respondent's face could be read in {percent(share)} of the sampled moments "
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
        f"({no_frame} of {instants}): the recording has gaps, damaged frames or a seam."
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


def _clock(file: Footage) -> Rule:
    """Behind a seam, times are no longer those of the stimulus for certain."""
    verdict = Verdict.CARE if file.seams else Verdict.GOOD
    return Rule("clock", verdict, file.clock_sentence())


def _checks(validation: ValidationResult | None) -> Rule:
    name = "data-quality checks"
    if validation is None:
        return Rule(name, Verdict.CARE, "No data-quality checks were recorded.")
    if validation.level == "ok":
        return Rule(name, Verdict.GOOD, "All data-quality checks of the sampled data passed.")
    verdict = Verdict.NOT_USABLE if validation.level == "error" else Verdict.CARE
    return Rule(name, verdict, f"Data-quality checks: {' '.join(validation.failures)}")


def _at_least(value: float, good: float, care: float) -> Verdict:
    return Verdict.GOOD if value >= good else Verdict.CARE if value >= care else Verdict.NOT_USABLE


def _at_most(value: float, good: float, care: float) -> Verdict:
    return Verdict.GOOD if value <= good else Verdict.CARE if value <= care else Verdict.NOT_USABLE
