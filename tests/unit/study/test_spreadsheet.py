"""Tables as people save them: read where it is certain, else the cause is named."""

from __future__ import annotations

import csv
import io

import pytest

from include.contracts.spoiled_cells import dated, ranged_columns, restored, spoiled
from include.contracts.spreadsheet import TableError, decode_text, folded, read_table

REQUIRED = ("recording", "respondent")
PLAIN = "recording,respondent,age_group\nr1.mp4,Jörg,25-34\nr 2.mp4,P2,\n"
CELLS = [
    {"recording": "r1.mp4", "respondent": "Jörg", "age_group": "25-34"},
    {"recording": "r 2.mp4", "respondent": "P2", "age_group": ""},
]


def cells(content: bytes) -> list[dict[str, str]]:
    return [line.cells for line in read_table(content, REQUIRED).lines]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"]
)
@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_delimiters_encodings_and_line_endings(delimiter: str, encoding: str, ending: str) -> None:
    text = PLAIN.replace(",", delimiter).replace("\n", ending)
    assert cells(text.encode(encoding)) == CELLS


@pytest.mark.parametrize(
    "text",
    [
        "sep=;\n" + PLAIN.replace(",", ";"),
        "sep=,\r\n" + PLAIN,
        "SEP=\t\n" + PLAIN.replace(",", "\t"),
        '"sep=;"\n' + PLAIN.replace(",", ";"),
        # Saved once more with another delimiter, the first line stays as a cell.
        "sep=;,,\n" + PLAIN,
        "sep=;\n" + PLAIN,
        # Empty columns and rows at the end, as spreadsheets add them, and cells they leave out.
        "recording,respondent,age_group,,\nr1.mp4,Jörg,25-34,,\n,,,,\nr 2.mp4,P2\n,,,,\n\n",
        "\n \n,,\n" + PLAIN,
        " Recording , RESPONDENT,Age Group\n r1.mp4 ,Jörg , 25-34\nr 2.mp4,P2,\n",
        "recording:,Respondent*,age-group\nr1.mp4,Jörg,25-34\nr 2.mp4,P2,\n",
        '"recording", "respondent", "age_group"\n"r1.mp4", "Jörg", "25-34"\n"r 2.mp4","P2",""\n',
        # A CSV pasted into one column of a sheet.
        '"recording,respondent,age_group"\n"r1.mp4,Jörg,25-34"\n"r 2.mp4,P2,"\n',
        PLAIN.removesuffix("\n"),
    ],
)
def test_what_spreadsheets_add_is_taken_off(text: str) -> None:
    assert cells(text.encode()) == CELLS


def test_a_cell_may_hold_delimiters_quotes_and_new_lines() -> None:
    file = io.StringIO()
    writer = csv.writer(file, delimiter=";")
    writer.writerows([("recording", "respondent", "note"), ("a;b.mp4", 'P"1', "one\ntwo, three")])
    writer.writerow(("c.mp4", "P2", ""))
    table = read_table(file.getvalue().encode(), REQUIRED)

    assert [line.cells["note"] for line in table.lines] == ["one\ntwo, three", ""]
    assert table.lines[0].cells["recording"] == "a;b.mp4"
    # Lines are those of the file, as an editor counts them.
    assert [line.number for line in table.lines] == [2, 4]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "line 1: is missing"),
        (b"sep=;\n", "line 1: is missing"),
        (
            b"recording,who\nr,p\n",
            "line 1: has no column respondent (its columns: 'recording', 'who')",
        ),
        (b"sep=;\nrecording;who\n", "line 2: has no column respondent"),
        (b"recording,respondent,Age,age\n", "line 1: names a column twice (age)"),
        (b"recording,respondent\nr1,p\nr2\n", "line 3: has 1 cells, the header 2"),
        (
            b"recording,respondent,x\nr1,p,17,0\n",
            "line 2: has 4 cells, the header 3: '0' in column 4",
        ),
        (
            b"recording,,respondent\nr1,stray,p\n",
            "line 2: has 'stray' in column 2, which has no name",
        ),
        (b'recording,respondent\nr1,"p\n', "line 2: is not CSV"),
        (b"recording,respondent\nr\xff,p\n", "the whole file: is not UTF-8 (byte 22, in line 2)"),
        # Polish in the Central European code page would be read as other letters.
        ("recording,respondent\nr,Wałęsa\n".encode("cp1250"), "is not UTF-8"),
        ("recording,respondent\nr,Jörg\n".encode("mac-roman"), "is not UTF-8"),
        (b"PK\x03\x04rest of a zip", "is an Excel or OpenDocument workbook, not text"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1", "is an Excel file, not text"),
        (b"\xff\xfer\x00e", "is not UTF-16"),
        (b"recording,respondent\nr\x00,p\n" + b"x" * 4000, "holds zero bytes"),
    ],
)
def test_what_is_not_certain_names_its_cause(content: bytes, said: str) -> None:
    with pytest.raises(TableError) as caught:
        read_table(content, REQUIRED)
    assert said in str(caught.value)


def test_a_heading_in_one_form() -> None:
    names = ("Consent At", " consent-at ", "CONSENT__AT:", "consent\u00a0at", "\u200bconsent_at")
    assert {folded(name) for name in names} == {"consent_at"}
    assert decode_text(b"\xef\xbb\xbfa") == "a"


@pytest.mark.parametrize(
    ("cell", "before"),
    [
        ("1.7E+01", "17"),
        ("1,7E+01", "17"),
        ("1.234E+3", "1234"),
        ("-5E+00", "-5"),
        ("17,0", "17"),
        ("17.00", "17"),
        ('="001"', "001"),
        ("'007", "007"),
        *((cell, cell) for cell in ("17", "001", "17,5", "P1", "2E", "E+5", "1.2.3", "")),
        # Digits are lost: it could be any of many numbers.
        *((cell, cell) for cell in ("1.23457E+12", "1E+05", "1.7E-01")),
    ],
)
def test_a_number_is_restored_where_all_of_it_is_there(cell: str, before: str) -> None:
    assert restored(cell) == before


@pytest.mark.parametrize(
    "cell", ["1.23457E+12", "1E+05", "1,00E+09", "#NAME?", "####", "#WERT!", "#N/A"]
)
def test_what_is_lost_is_named(cell: str) -> None:
    assert repr(cell) in (spoiled(cell) or "")


@pytest.mark.parametrize("cell", ["1.7E+01", "#1", "P1", "A#", "12", "", "3D", "E5", "12. Nov"])
def test_sound_cells_stay(cell: str) -> None:
    assert spoiled(cell) is None


@pytest.mark.parametrize(
    "cell", ["12. Nov", "12-Nov", "Nov 12", "03. Apr", "3. Sep", "Okt 24", "12 nov 2026", "avr-25"]
)
def test_a_date_that_was_a_range_is_named(cell: str) -> None:
    assert "a spreadsheet turned into a date" in (dated(cell) or "")
    assert dated(cell, numbers=False) is not None


def test_what_is_no_date() -> None:
    for cell in ("25-34", "Novara 12", "Maria 3", "Mara-12", "Julia 4", "P12", "18+", "123. Nov"):
        assert dated(cell) is None
    assert dated("01.02.2026") is not None
    assert dated("01.02.2026", numbers=False) is None


def test_columns_of_ranges_are_known_by_name_or_by_what_they_hold() -> None:
    text = "recording,respondent,Age,income,session_date,stage\na,b,x,10-20,1-2,m\nc,d,,,,\n"
    table = read_table(text.encode(), REQUIRED)
    assert ranged_columns(table, besides=REQUIRED) == {"age", "income"}
