"""What readers are given: valid documents, the same ones damaged, and bytes that mean nothing.

Everything is drawn by Hypothesis, so that a failing input is made small and comes again.
"""

from __future__ import annotations

import gzip
import io
import json
import tarfile
import zipfile
from collections.abc import Mapping, Sequence
from typing import Any

from hypothesis import strategies as st

TOKENS = (
    *(b"\0", b"\r", b"\n", b",", b";", b"\t", b'"', b"'", b":", b"-", b"#", b"&a", b"*a", b"!!x"),
    *(b"{", b"}", b"[", b"]", b"null", b"NaN", b"Infinity", b"-1", b"1e999", b"0x10", b"true"),
    *(b"\xef\xbb\xbf", b"\xff\xfe", b"\xc3", b"\xed\xa0\x80", b"\xe2\x80\xae", b"\x1b[2J"),
    *(b"../", b"/etc/", b"%2e%2e", b"${A}", b"{{ 7 }}", b"=1+1", b"9" * 5000, b"[" * 3000),
    *(b"2026-13-45", b"0000-00-00", b"1.7E+01", b"<b>", b"sep=", b"a" * 3000),
)
"""Words that mean something to one reader or another."""


@st.composite
def damaged(draw: st.DrawFn, documents: Sequence[bytes]) -> bytes:
    """One of the documents with up to five changes: none leaves it valid."""
    found = bytearray(draw(st.sampled_from(documents)))
    for _ in range(draw(st.sampled_from((0, 1, 1, 2, 3, 5)))):
        at = draw(st.integers(0, len(found)))
        until = min(len(found), at + draw(st.integers(0, 40)))
        kind = draw(st.sampled_from(("put", "cut", "flip", "double", "end")))
        if kind == "put":
            found[at:at] = draw(st.sampled_from(TOKENS))
        elif kind == "cut":
            del found[at:until]
        elif kind == "flip" and at < len(found):
            found[at] = draw(st.integers(0, 255))
        elif kind == "double":
            found[at:at] = found[at:until]
        elif kind == "end":
            del found[at:]
    return bytes(found)


def bytes_like(*documents: bytes) -> st.SearchStrategy[bytes]:
    """Damaged documents mostly; bytes and words that mean nothing now and then."""
    words = st.lists(st.sampled_from(TOKENS), max_size=12).map(b"".join)
    return st.one_of(
        damaged(documents), damaged(documents), damaged(documents), words, st.binary(max_size=400)
    )


def texts() -> st.SearchStrategy[str]:
    """Text of any signs, short, or words that mean something."""
    return st.one_of(
        st.text(max_size=40), st.sampled_from([one.decode("utf-8", "replace") for one in TOKENS])
    )


def values() -> st.SearchStrategy[Any]:
    """What JSON can hold, not deep."""
    simple = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), texts())
    return st.recursive(
        simple,
        lambda inner: st.one_of(
            st.lists(inner, max_size=4), st.dictionaries(texts(), inner, max_size=4)
        ),
        max_leaves=12,
    )


@st.composite
def changed(draw: st.DrawFn, document: Any) -> Any:
    """A JSON document with one of its parts replaced, taken away or added, at any depth."""
    if isinstance(document, Mapping) and document and draw(st.integers(0, 3)):
        key = draw(st.sampled_from(sorted(document)))
        kind = draw(st.sampled_from(("into", "into", "replace", "remove", "add")))
        if kind == "into":
            return {**document, key: draw(changed(document[key]))}
        if kind == "replace":
            return {**document, key: draw(values())}
        if kind == "add":
            return {**document, draw(texts()): draw(values())}
        return {name: value for name, value in document.items() if name != key}
    if isinstance(document, list) and document and draw(st.integers(0, 3)):
        at = draw(st.integers(0, len(document) - 1))
        return [*document[:at], draw(changed(document[at])), *document[at + 1 :]]
    return draw(values())


def json_like(document: Any) -> st.SearchStrategy[bytes]:
    """A JSON document whose content is changed, or whose bytes are damaged."""
    whole = json.dumps(document).encode()
    return st.one_of(
        changed(document).map(lambda one: json.dumps(one).encode("utf-8", "surrogatepass")),
        bytes_like(whole),
    )


@st.composite
def archives(
    draw: st.DrawFn, members: Mapping[str, st.SearchStrategy[bytes]], *, kind: str
) -> bytes:
    """A tar, tar.gz or zip whose members and their names are changed, or whose bytes are.

    Args:
        draw: Hypothesis'.
        members: What each member may hold.
        kind: `tar`, `gz` or `zip`.
    """
    content = {name: draw(strategy) for name, strategy in members.items()}
    odd = ("../x", "/abs", "a\0b", "x" * 300, "code/../x", ".", "\u202e.jpg", "%2e%2e/x")
    seldom = st.sampled_from((False,) * 9 + (True,))
    names = {name: draw(st.sampled_from(odd)) if draw(seldom) else name for name in members}
    if draw(seldom):
        content.pop(draw(st.sampled_from(sorted(content))))
    whole = _packed([(names[name], data) for name, data in content.items()], kind, draw)
    return draw(damaged([whole])) if not draw(st.integers(0, 2)) else whole


def _packed(members: Sequence[tuple[str, bytes]], kind: str, draw: st.DrawFn) -> bytes:
    sink = io.BytesIO()
    if kind == "zip":
        with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, data in members:
                archive.writestr(name, data)
        return sink.getvalue()
    with tarfile.open(fileobj=sink, mode="w") as archive:
        for name, data in members:
            info = tarfile.TarInfo(name)
            info.type = draw(
                st.sampled_from((*[tarfile.REGTYPE] * 12, tarfile.SYMTYPE, tarfile.DIRTYPE))
            )
            info.size = len(data) if info.isreg() else 0
            archive.addfile(info, io.BytesIO(data) if info.isreg() else None)
    return gzip.compress(sink.getvalue(), 1, mtime=0) if kind == "gz" else sink.getvalue()
