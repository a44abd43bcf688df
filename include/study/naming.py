"""Names as people type them, matched with the names that exist.

A table of respondents, a form or a command names recordings as somebody wrote them down: in
another Unicode form (a Mac decomposes "ä"), in another case, without the ending, with back
slashes, in quotes. One rule serves everywhere where such a name meets recordings.

A name is tried from strict to loose, and the first step at which anything matches decides:

1. as it is;
2. tidied: spaces and quotes around it, `./`, back slashes, the study's own folder in front,
   canonical Unicode form (NFC);
3. folded: case, compatibility forms (NFKC: full width, ligatures), invisible characters, runs
   of spaces, the dashes and apostrophes that word processors put in;
4. without the ending of the name that exists.

Several that match at that step are ambiguous: none is chosen. Another ending, another folder
or a misspelling never match; the nearest names are offered for people to choose from.
"""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

NEAREST_N = 3
_NEAR_RATIO = 0.6
"""difflib's own default: half of what two names hold is common to both, and more."""
_ENDING = re.compile(r"(?<=[^/.])\.(?:[a-z][a-z0-9]{0,7}|3gp|3g2|3gpp)$")
"""A file's ending: begins with a letter, so that "take 1.5" has none."""
_SPACES = re.compile(r"\s+")
_QUOTES = ('""', "''", "``", "“”", "„“", "””", "‘’", "‚‘", "’’", "«»", "»«", "‹›", "›‹")
_APOSTROPHES = dict.fromkeys(map(ord, "‘’‚‛′´`"), "'")
_INCOMING = "incoming"


@dataclass(frozen=True, slots=True)
class NameMatch:
    """What a typed name stands for.

    Attributes:
        typed: The name as it was typed.
        found: The one name that exists and is meant; None where there is none or several.
        candidates: Every name it may stand for: one when it is found, several when it is
            ambiguous, none when nothing matches. Sorted.
        nearest: Where nothing matches, names that are written alike, the nearest first.
    """

    typed: str
    found: str | None
    candidates: tuple[str, ...] = ()
    nearest: tuple[str, ...] = ()

    @property
    def ambiguous(self) -> bool:
        """Whether it may stand for several."""
        return len(self.candidates) > 1

    @property
    def problem(self) -> str | None:
        """A clause that says why nothing is meant, and what to write; None when it is found."""
        if self.found is not None:
            return None
        if self.ambiguous:
            return f"{self.typed!r} may be {_or(self.candidates)}: write the whole name"
        if self.nearest:
            return f"{self.typed!r} matches nothing; the nearest: {_or(self.nearest)}"
        return f"{self.typed!r} matches nothing"


class KnownNames:
    """The names that exist, for matching typed ones with them. Not changed once made."""

    def __init__(self, names: Iterable[str], *, folder: str = "", endings: bool = True) -> None:
        """Take the names in.

        Args:
            names: The names, as they are.
            folder: Name of the folder they lie in (the study): people put it in front.
            endings: Whether an ending may be missing; not so for names of studies.
        """
        self._names = frozenset(names)
        self._fronts = _fronts(folder)
        self._tidied = _index((tidied(name), name) for name in self._names)
        self._folded = _index((folded(name), name) for name in self._names)
        self._without_ending: dict[str, tuple[str, ...]] = {}
        if endings:
            shortened = ((_ENDING.sub("", folded(name)), name) for name in self._names)
            self._without_ending = _index(
                (key, name) for key, name in shortened if key != folded(name)
            )

    def match(self, typed: str, *, nearest_n: int = NEAREST_N) -> NameMatch:
        """Return what a typed name stands for.

        Args:
            typed: The name.
            nearest_n: Most names to offer where nothing matches. Looking for them compares
                with every name: 0 for whole tables.
        """
        if typed in self._names:
            return NameMatch(typed, typed, (typed,))
        forms = self._forms(typed)
        loose = {folded(form) for form in forms}
        for index, wanted in (
            (self._tidied, forms),
            (self._folded, loose),
            (self._without_ending, loose),
        ):
            found = sorted({name for form in wanted for name in index.get(form, ())})
            if found:
                return NameMatch(typed, found[0] if len(found) == 1 else None, tuple(found))
        return NameMatch(typed, None, nearest=self._nearest(typed, nearest_n))

    def _forms(self, typed: str) -> set[str]:
        """The tidied name, with and without the study's folder in front."""
        whole = tidied(typed)
        loose, forms = folded(whole), {whole}
        if whole.count("/") != loose.count("/"):
            return forms  # some compatibility forms hold a slash
        for front in self._fronts:
            # Where a name stands in a longer path, what lies above `incoming/` is any folder.
            start = loose.rfind(f"/{front}") + 1 if front.startswith(_INCOMING) else 0
            if loose.startswith(front, start):
                forms.add(whole.split("/", loose[:start].count("/") + front.count("/"))[-1])
        return forms - {""}

    def _nearest(self, typed: str, nearest_n: int) -> tuple[str, ...]:
        if nearest_n < 1:
            return ()
        near = difflib.get_close_matches(
            folded(typed), sorted(self._folded), n=nearest_n, cutoff=_NEAR_RATIO
        )
        return tuple(name for key in near for name in self._folded[key])[:nearest_n]


def tidied(name: str) -> str:
    """Return a name in canonical form (NFC), as a path without `./` and back slashes, unquoted."""
    text = unicodedata.normalize("NFC", name).strip()
    while len(text) > 1 and text[0] + text[-1] in _QUOTES:
        text = text[1:-1].strip()
    return "/".join(part for part in text.replace("\\", "/").split("/") if part not in ("", "."))


def folded(name: str) -> str:
    """Return what a name has in common with all its loose forms.

    Caseless matching of compatibility forms as Unicode defines it (chapter 3.13, D146),
    without what cannot be seen.
    """
    text = tidied(name)
    for _ in range(2):
        text = unicodedata.normalize("NFKC", unicodedata.normalize("NFD", text).casefold())
    seen = (
        "-" if unicodedata.category(character) == "Pd" else character
        for character in text.translate(_APOSTROPHES)
        if unicodedata.category(character) != "Cf"
    )
    return tidied(_SPACES.sub(" ", "".join(seen)))


def has_ending(name: str) -> bool:
    """Whether a name ends as files do (`.mp4`)."""
    return _ENDING.search(folded(name)) is not None


def _fronts(folder: str) -> tuple[str, ...]:
    study = folded(folder)
    return (f"{study}/", f"{_INCOMING}/{study}/") if study else ()


def _index(pairs: Iterable[tuple[str, str]]) -> dict[str, tuple[str, ...]]:
    gathered: dict[str, list[str]] = {}
    for key, name in sorted(pairs):
        gathered.setdefault(key, []).append(name)
    return {key: tuple(names) for key, names in gathered.items()}


def _or(names: Iterable[str]) -> str:
    quoted: Iterator[str] = map(repr, names)
    return " or ".join(quoted)
