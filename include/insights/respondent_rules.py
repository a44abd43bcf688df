"""Whether the right person is reported on: the rules of the verdict about the respondent."""

from __future__ import annotations

from include.insights.respondent import COMPANY_SHARE, Choice, Kind, Other
from include.insights.respondent_words import movement, seat_changes_text
from include.insights.verdict import Rule, Verdict
from include.statistics.words import percent

UNATTRIBUTED_SHARE_GOOD = 0.05

_TOLD = 3


def respondent_rules(choice: Choice) -> list[Rule]:
    """Apply the rules about whom the recording is about."""
    return [_which_face(choice), _moving(choice), _same_person(choice), _attributed(choice)]


def _which_face(choice: Choice) -> Rule:
    name = "which face"
    if not choice.respondents:
        if choice.unattributed:
            sentence = (
                "No face could be followed, so it cannot be told whose expressions were read: "
                "nothing is attributed to a respondent."
            )
            return Rule(name, Verdict.NOT_USABLE, sentence)
        return Rule(name, Verdict.GOOD, "No face is in the picture.")
    expected, found = choice.seating.respondents, len(choice.respondents)
    whom = _whom(choice)
    if found < expected:
        sentence = f"The study expects {expected} respondents in each recording; found: {whom}."
        return Rule(name, Verdict.CARE, sentence)
    if rivals := [other for other in choice.others if other.close]:
        return Rule(name, Verdict.CARE, _close(rivals))
    if not_told := _movement_not_told(choice):
        sentence = (
            f"The shares are those of {whom}. Whether {_names(not_told)} move was not measured, "
            "so a picture on the wall could not be told from a person: make sure that it is the "
            "respondent."
        )
        return Rule(name, Verdict.CARE, sentence)
    if not choice.others:
        few = "One face is" if found == 1 else f"{found} faces are"
        return Rule(name, Verdict.GOOD, f"{few} in the picture.")
    faces = "1 other face was" if len(choice.others) == 1 else f"{len(choice.others)} others were"
    longest = max(other.face.present_share for other in choice.others)
    sentence = (
        f"The shares are those of {whom}; {faces} found, in view up to {percent(longest)} of the "
        f"time, and left out{_kinds(choice)}."
    )
    return Rule(name, Verdict.GOOD, sentence)


def _close(rivals: list[Other]) -> str:
    rivals = sorted(rivals, key=lambda other: -other.ratio)
    told = "; ".join(
        f"{other.face.face_id} has {percent(min(round(other.ratio, 3), 1.0))} of the weight of "
        f"{other.of.face.face_id}"
        for other in rivals[:_TOLD]
    )
    more = f" and {len(rivals) - _TOLD} more faces likewise" if len(rivals) > _TOLD else ""
    return (
        "Which face is the respondent's is a close choice by time in view, size and place: "
        f"{told}{more}. The shares are those of {_names([r.of.face.face_id for r in rivals])}: "
        "make sure that it is the respondent, or say in study.yaml how many respondents there "
        "are and where they sit."
    )


def _movement_not_told(choice: Choice) -> list[str]:
    """Faces in view for long of which it is not known whether they move, where that matters."""
    company = [item.face for item in choice.others if item.face.present_share >= COMPANY_SHARE]
    if not company:
        return []
    faces = [*(item.face for item in choice.respondents), *company]
    return [face.face_id for face in faces if not face.measured]


def _moving(choice: Choice) -> Rule:
    name = "a person, not a picture"
    still = [item.face for item in choice.respondents if item.face.still]
    if still:
        counts = ", ".join(f"{face.moved} of {face.compared}" for face in still)
        sentence = (
            f"No respondent was seen moving: {_names([face.face_id for face in still])} moved in "
            f"{counts} comparisons with the picture a second before, so it may be a picture "
            "rather than a person."
        )
        return Rule(name, Verdict.CARE, sentence)
    if not choice.respondents:
        return Rule(name, Verdict.GOOD, "There is no respondent's face to judge.")
    told = "; ".join(f"{item.face.face_id}: {movement(item.face)}" for item in choice.respondents)
    return Rule(name, Verdict.GOOD, f"Movement: {told}.")


def _same_person(choice: Choice) -> Rule:
    name = "one person in the seat"
    changed = [item for item in choice.respondents if item.seat_changes]
    if not changed:
        followed = " who could be followed" if choice.unattributed else ""
        sentence = f"Nobody else{followed} was seen in the respondent's place."
        return Rule(name, Verdict.GOOD, sentence)
    sentence = " ".join(
        f"The person in the seat changed at {seat_changes_text(item.seat_changes)}; the shares "
        f"are those of {item.face.face_id} only."
        for item in changed
    )
    return Rule(name, Verdict.CARE, sentence)


def _attributed(choice: Choice) -> Rule:
    name = "identity"
    count, share = choice.unattributed, choice.unattributed / max(choice.framed, 1)
    if not count:
        return Rule(name, Verdict.GOOD, "Every face that was found could be followed.")
    moments = "1 moment" if count == 1 else f"{count} moments"
    sentence = (
        f"In {moments} ({percent(share)}) a face was seen of which it could not be told whose it "
        "is; it is attributed to nobody."
    )
    return Rule(name, Verdict.GOOD if share <= UNATTRIBUTED_SHARE_GOOD else Verdict.CARE, sentence)


def _kinds(choice: Choice) -> str:
    counts = {kind: sum(item.kind is kind for item in choice.others) for kind in Kind}
    told = [
        f"{count} {words}"
        for kind, words in (
            (Kind.PICTURE, "still"),
            (Kind.MIRROR, "perhaps mirrored"),
            (Kind.SCREEN, "as on a screen"),
        )
        if (count := counts[kind])
    ]
    return f" ({', '.join(told)})" if told else ""


def _whom(choice: Choice) -> str:
    named = len(choice.respondents) > 1 or choice.seating.seats
    return _names(
        [
            f"{item.face.face_id} ({item.label})" if named else item.face.face_id
            for item in choice.respondents
        ]
    )


def _names(names: list[str]) -> str:
    unique = list(dict.fromkeys(names))
    if len(unique) < 2:
        return "".join(unique)
    return f"{', '.join(unique[:-1])} and {unique[-1]}"
