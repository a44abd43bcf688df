"""`respondents` and `seats` of a study file: who is expected in every recording.

respondents: 2
seats: [left, right]
"""

from __future__ import annotations

from collections.abc import Mapping

from include.contracts.seating import MAX_RESPONDENTS, ONE_RESPONDENT, Seat, Seating

RESPONDENTS, SEATS = "respondents", "seats"
_OTHER_SPELLINGS = {"center": "centre", "middle": "centre"}
_ORDER = tuple(Seat)


def read_seating(declared: Mapping[str, object]) -> Seating:
    """Return what a study file says about its recordings' respondents.

    Args:
        declared: The file's keys and values.

    Raises:
        ValueError: It cannot be understood; the message is a clause about the file.
    """
    if RESPONDENTS not in declared and SEATS not in declared:
        return ONE_RESPONDENT
    seats = _seats(declared.get(SEATS))
    count = declared.get(RESPONDENTS, len(seats) or 1)
    if not isinstance(count, int) or isinstance(count, bool) or not 1 <= count <= MAX_RESPONDENTS:
        raise ValueError(
            f"has `{RESPONDENTS}: {count}`, which is no whole number from 1 to {MAX_RESPONDENTS}"
        )
    if seats and len(seats) != count:
        raise ValueError(
            f"says `{RESPONDENTS}: {count}` and names {len(seats)} under `{SEATS}`: "
            "name a seat for each respondent, or none"
        )
    return Seating(respondents=count, seats=seats, declared=True)


def _seats(given: object) -> tuple[Seat, ...]:
    if given is None:
        return ()
    names = given if isinstance(given, list) else [given]
    found = []
    for name in names:
        text = str(name).strip().casefold()
        try:
            found.append(Seat(_OTHER_SPELLINGS.get(text, text)))
        except ValueError:
            raise ValueError(
                f"names the seat {name!r} under `{SEATS}`; seats are {', '.join(Seat)}, as seen "
                "in the picture"
            ) from None
    if len(set(found)) < len(found):
        raise ValueError(f"names a seat twice under `{SEATS}`")
    return tuple(sorted(found, key=_ORDER.index))
