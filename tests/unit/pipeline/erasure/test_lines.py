"""A person's lines go out of a table, every other byte stays."""

from __future__ import annotations

import pytest

from include.pipeline.erasure.lines import without_lines


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_lines_go_and_the_rest_stays(separator: str, newline: str, mark: str) -> None:
    def table(*lines: tuple[str, ...]) -> bytes:
        return (mark + newline.join(separator.join(line) for line in lines)).encode()

    head = ("Respondent", " Recording", "note")
    stays = ("r1.mp4", "other.mp4", '"said\u2028 ""r1.mp4"""'), ("P2", "r11.mp4", "")
    before = table(head, ("P1", "r1.mp4", "x"), stays[0], ("P1", ' "r,2;\t" ', ""), stays[1])
    quoted = table(head, ("P1", "r1.mp4", "x"), stays[0], ("P1", '"r,2;\t"', ""), stays[1])
    assert without_lines(before, {"r1.mp4"})[1] == 1
    assert without_lines(quoted, {"r1.mp4", "r,2;"}) == (table(head, *stays), 2)


def test_a_line_over_two_lines_goes_whole() -> None:
    before = b'recording,note\nr1.mp4,"two\nlines"\nr2.mp4,"two\nlines"\n'
    assert without_lines(before, {"r1.mp4"}) == (b'recording,note\nr2.mp4,"two\nlines"\n', 1)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be", "cp1252", "latin-1"])
def test_tables_as_spreadsheets_save_them(encoding: str) -> None:
    mark = "\ufeff" if encoding == "utf-16-be" else ""
    hole = "\x81" if encoding == "latin-1" else "€"
    before = f"{mark}recording;respondent\r\nJörg.mp4;P1\r\nÄnne.mp4;{hole}\r\n"
    after = f"{mark}recording;respondent\r\nÄnne.mp4;{hole}\r\n"
    found = without_lines(before.encode(encoding), {"Jörg.mp4"})
    assert found == (after.encode(encoding), 1)


@pytest.mark.parametrize(
    "content", [b"", b"recording", b"\xff\xfer\x00e\x00", b"a,b\nr1.mp4,x\n", b'recording\n"r1.mp4']
)
def test_what_cannot_be_understood_stays(content: bytes) -> None:
    kept, count = without_lines(content, {"x", "recording"})
    assert (kept, count) == (content, 0)
