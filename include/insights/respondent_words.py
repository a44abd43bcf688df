"""Why a face is the respondent's, and why another is not, in sentences with their numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from include.insights.candidates import Candidate
from include.insights.charts import clock
from include.insights.respondent import Choice, Kind, Other, Respondent, SeatChange
from include.statistics.words import percent

_ALIKE = 0.9
_FURTHER = 0.1
_TOLD_CHANGES = 3


def chosen_because(choice: Choice, respondent: Respondent) -> list[str]:
    """Return what speaks for a respondent's face, as clauses."""
    face = respondent.face
    everybody = [item.face for item in choice.respondents]
    everybody += [item.face for item in choice.others]
    alone = len(everybody) == 1
    rest = [item for item in everybody if item is not face]
    longest = all(face.present_share >= item.present_share for item in rest)
    clauses = [where] if (where := place(face)) else []
    clauses.append(
        f"in view {percent(face.present_share)} of the time"
        + (", as long as any other" if longest and not alone else "")
    )
    if face.size_share is not None:
        clauses.append(f"{percent(face.size_share)} as large as the picture is high")
    if not alone and all(face.size_px > item.size_px for item in rest):
        clauses.append("the largest of all")
    if respondent.seat is not None:
        clauses.append(f"nearest to the {respondent.seat.value} seat that the study names")
    elif not alone and _offset(face) is not None and _nearest(face, rest):
        clauses.append("nearest to the middle")
    clauses.append(movement(face))
    return clauses


def left_out_because(other: Other) -> str:
    """Return why a face is not a respondent's, as a clause."""
    face, instead = other.face, other.of.face
    if other.kind is Kind.PICTURE:
        never = "it never moved" if not face.moved else "it hardly moved"
        return f"a still picture: {never} ({face.moved} of {face.compared} comparisons)"
    if other.kind is Kind.MIRROR:
        return f"moves as {instead.face_id} does and is smaller: perhaps its mirror image"
    if other.kind is Kind.SEAT:
        return (
            f"at the place of {instead.face_id} at another time; "
            f"in view {percent(face.present_share)} of the time"
        )
    if other.kind is Kind.SCREEN:
        return (
            "one of several that come and go at one place, as on a screen; "
            f"in view {percent(face.present_share)} of the time"
        )
    if other.kind is Kind.PASSING:
        return f"in view {percent(face.present_share)} of the time"
    return _less(face, instead)


def place(face: Candidate) -> str | None:
    """Return where in the picture a face is, None where that is not known."""
    if face.x_share is None:
        return None
    thirds = ("at the left", "in the middle", "at the right")
    return thirds[min(2, max(0, int(face.x_share * 3)))]


def movement(face: Candidate) -> str:
    """Return whether a face moves, as a clause."""
    if not face.measured:
        return "whether it moves was not measured"
    counted = f"{face.moved} of {face.compared} comparisons"
    if not face.moved:
        return f"it never moved ({counted})"
    return f"it hardly moved ({counted})" if face.still else f"it moves ({counted})"


def seat_changes_text(changes: Sequence[SeatChange]) -> str:
    """Return when a seat changed hands: "0:05 (f1, then f2)"."""
    told = [
        f"{clock(change.at_s)} ({change.before}, then {change.after})"
        for change in changes[:_TOLD_CHANGES]
    ]
    left = len(changes) - len(told)
    return ", ".join(told) + (f" and {left} more times" if left else "")


def choice_json(choice: Choice) -> dict[str, Any]:
    """Return the choice for `summary.json`, without what the respondents display."""
    return {
        "expected": {
            "respondents": choice.seating.respondents,
            "seats": [seat.value for seat in choice.seating.seats],
            "declared": choice.seating.declared,
        },
        "others": [
            {
                "face_id": other.face.face_id,
                "kind": other.kind.value,
                "reason": left_out_because(other),
                "could_be_the_respondent": other.close,
                "weight_ratio": round(other.ratio, 6),
                **measures_json(other.face),
            }
            for other in choice.others
        ],
        "unattributed_instants": choice.unattributed,
    }


def respondent_json(choice: Choice, respondent: Respondent) -> dict[str, Any]:
    """Return who a respondent is and why, for `summary.json`."""
    return {
        "respondent": respondent.label,
        "seat": None if respondent.seat is None else respondent.seat.value,
        "face_id": respondent.face.face_id,
        "reasons": chosen_because(choice, respondent),
        **measures_json(respondent.face),
        "seat_changes": [
            {"at_s": round(change.at_s, 6), "from": change.before, "to": change.after}
            for change in respondent.seat_changes
        ],
    }


def measures_json(face: Candidate) -> dict[str, Any]:
    """Return the numbers behind a choice; shares 0..1, null where not known."""
    return {
        "place": place(face),
        "in_view_share": round(face.present_share, 6),
        "size_share": None if face.size_share is None else round(face.size_share, 6),
        "x_share": None if face.x_share is None else round(face.x_share, 6),
        "compared_instants": face.compared,
        "moved_instants": face.moved,
    }


def _less(face: Candidate, instead: Candidate) -> str:
    clauses = []
    if face.present_share < _ALIKE * instead.present_share:
        clauses.append(f"in view {percent(face.present_share)} of the time")
    if face.size_px < _ALIKE * instead.size_px:
        share = face.size_px / max(instead.size_px, 1e-9)
        clauses.append(f"{percent(share)} as large as {instead.face_id}")
    offsets = _offset(face), _offset(instead)
    if offsets[0] is not None and offsets[1] is not None and offsets[0] > offsets[1] + _FURTHER:
        clauses.append("further from the middle")
    if not clauses:
        return f"about as long in view, as large and as near the middle as {instead.face_id}"
    return ", ".join(clauses)


def _offset(face: Candidate) -> float | None:
    return None if face.x_share is None else abs(face.x_share - 0.5)


def _nearest(face: Candidate, rest: Sequence[Candidate]) -> bool:
    own = _offset(face)
    return own is not None and all((_offset(item) or 0.0) > own for item in rest)
