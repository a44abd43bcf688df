"""What is looked for: names in every form they are written in, ids, and the bytes of files."""

from __future__ import annotations

import html
import json
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import quote, quote_plus

from include.contracts.identity import slug

NEAR_BYTES = 512
"""How far from a name its study may stand where the name alone says too little."""
OVERLAP_BYTES = 4096
"""Windows of a long text overlap by this much: more than any name with its study."""

NAME, ID, BYTES = "a name", "an id", "the bytes of a recording"
"""What was seen, for sentences."""

_HEX_RUN = re.compile(rb"[0-9a-f]{32,}")
_WORDS = re.compile(rb"[0-9a-z]+")
_ESCAPE = re.compile(rb"(?:%[0-9a-f]{2}|\\[nrtbf]|\\u[0-9a-f]{4}|\\x[0-9a-f]{2})\Z")
_BINARY = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")
_AROUND = 12
_ALNUM = frozenset(b"0123456789abcdefghijklmnopqrstuvwxyz")


@dataclass(frozen=True, slots=True)
class Name:
    """A name to look for.

    Attributes:
        text: As it is written.
        studies: Studies it belongs to.
        alone: Whether it says by itself who is meant; else a study must stand near it.
        within: Longer names of others that hold it ("day 2/r01.mp4" holds "r01.mp4").
    """

    text: str
    studies: tuple[str, ...] = ()
    alone: bool = True
    within: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Form:
    form: bytes
    core: bytes
    studies: frozenset[bytes]
    alone: bool
    within: tuple[bytes, ...]


class Wanted:
    """What is looked for. Not changed once made; safe to share between threads."""

    def __init__(
        self,
        names: Iterable[Name] = (),
        ids: Iterable[str] = (),
        files: Mapping[int, frozenset[str]] | None = None,
    ) -> None:
        """Take in what is looked for.

        Args:
            names: Of recordings and respondents.
            ids: 32 or more hex digits: of recordings, extractions, analyses, faces.
            files: sha256 (hex) of files by their size in bytes.
        """
        self._ids = frozenset(identity.encode() for identity in ids)
        self.files = files or {}
        forms: dict[tuple[bytes, tuple[str, ...]], _Form] = {}
        for name in names:
            studies = frozenset(form for study in name.studies for form in forms_of(study))
            within = tuple({form for longer in name.within for form in forms_of(longer)})
            written = forms_of(name.text)
            core = _core_of(name.text, written)
            for form in written:
                forms[form, name.studies] = _Form(form, core, studies, name.alone, within)
        by_core: dict[bytes, list[_Form]] = {}
        for one in forms.values():
            by_core.setdefault(one.core, []).append(one)
        self._forms = by_core

    def seen_in(
        self, text: bytes, *, near_bytes: int | None = NEAR_BYTES, run_together: bool = False
    ) -> str | None:
        """Return what of it stands in a text (`NAME` or `ID`), None when nothing does.

        Args:
            text: Any bytes; case is looked through.
            near_bytes: How far from a name its study may stand; None: anywhere in the text.
            run_together: Whether values may follow each other without anything between them,
                as in the pages of a database.
        """
        low = text.lower()
        if any(run.group() in self._ids for run in _HEX_RUN.finditer(low)):
            return ID
        return NAME if next(self._spans(low, near_bytes, run_together), None) else None

    def masked(self, text: str) -> str:
        """Return a text without the names and ids: for documents that must name nobody."""
        content = text.encode("utf-8", "backslashreplace")
        # Longer than the text: lower() of bytes keeps every place where it is.
        low = content.lower()
        spans = [run.span() for run in _HEX_RUN.finditer(low) if run.group() in self._ids]
        for form in self._candidates(low):
            spans += [(at, at + len(form.form)) for at in _all(low, form.form)]
        for start, end in sorted(spans, reverse=True):
            content = content[:start] + b"*" * (end - start) + content[end:]
        return re.sub(r"\*+", "***", content.decode("utf-8", "replace"))

    def _spans(
        self,
        low: bytes,
        near_bytes: int | None,
        run_together: bool,  # noqa: FBT001
    ) -> Iterator[tuple[int, int]]:
        for form in self._candidates(low):
            for start in _all(low, form.form):
                end = start + len(form.form)
                if (
                    (run_together or _apart(low, start, end))
                    and not any(_holds(low, start, longer, form.form) for longer in form.within)
                    and (form.alone or _near(low, start, end, form.studies, near_bytes))
                ):
                    yield start, end

    def _candidates(self, low: bytes) -> Iterator[_Form]:
        """Yield the forms of which at least the core is there: most texts hold none."""
        for core, forms in self._forms.items():
            if core in low:
                yield from forms


def _core_of(text: str, forms: Iterable[bytes]) -> bytes:
    """Return the longest run of letters and digits that all forms of a name share."""
    runs = sorted(_WORDS.findall(text.lower().encode("ascii", "replace")), key=len)
    forms = list(forms)
    return next((run for run in reversed(runs) if all(run in form for form in forms)), b"")


def forms_of(text: str) -> set[bytes]:
    """Return the ways in which a text is written in files, in lower case where it is ASCII.

    Unicode forms and cases; as it is, in a URL, in JSON, HTML and XML, as Python shows it, in
    Latin-1, with back slashes, and as the platform's slug.
    """
    found = {slug(text).encode()}
    texts = {text}
    for form in ("NFC", "NFD", "NFKC", "NFKD"):
        composed = unicodedata.normalize(form, text)
        texts |= {composed, composed.lower(), composed.upper(), composed.casefold()}
    texts |= {one.replace("/", "\\") for one in texts}
    for one in texts:
        found |= {
            one.encode("utf-8", "surrogateescape"),
            quote(one, errors="surrogateescape").encode(),
            quote(one, safe="", errors="surrogateescape").encode(),
            quote_plus(one, errors="surrogateescape").encode(),
            json.dumps(one)[1:-1].encode(),
            ascii(one)[1:-1].encode(),
            html.escape(one).encode("utf-8", "surrogateescape"),
            one.encode("ascii", "xmlcharrefreplace"),
            one.encode("latin-1", "ignore") if _is_latin(one) else b"",
        }
    return {form.lower() for form in found if form}


def _is_latin(text: str) -> bool:
    return all(ord(character) < 256 for character in text)


def _all(text: bytes, form: bytes) -> Iterator[int]:
    at = text.find(form)
    while at >= 0:
        yield at
        at = text.find(form, at + 1)


def _apart(text: bytes, start: int, end: int) -> bool:
    """Whether a name is no part of a longer word; an escape before it is no letter.

    Among bytes that are no text a letter may be a length, or of the next value.
    """
    before, after = text[max(0, start - _AROUND) : start], text[end : end + _AROUND]
    if _BINARY.search(before) or _BINARY.search(after):
        return True
    if after and after[0] in _ALNUM:
        return False
    return not before or before[-1] not in _ALNUM or _ESCAPE.search(before) is not None


def _holds(text: bytes, start: int, longer: bytes, form: bytes) -> bool:
    return any(text.startswith(longer, start - at) for at in _all(longer, form) if start >= at)


def _near(
    text: bytes, start: int, end: int, studies: Iterable[bytes], near_bytes: int | None
) -> bool:
    around = text
    if near_bytes is not None:
        around = text[max(0, start - near_bytes) : end + near_bytes]
    return any(study in around for study in studies)
