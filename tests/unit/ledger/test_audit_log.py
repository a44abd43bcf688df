"""The audit log's chain: what was done to it shows, on both databases; writers take turns."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import DatabaseError

from include.ledger.audit_tables import GENESIS, Deed
from include.ledger.ledger import Ledger
from tests.unit.ledger.support import Clock


def _filled(url: str, clock: Clock, entries: int = 6) -> Ledger:
    ledger = Ledger.open(url, clock=clock)
    for number in range(entries):
        ledger.audit.append(
            Deed.LOOK, who="ada", what=f"picture {number}", detail={"n": number, "ü": "é"}
        )
    return ledger


def _by_hand(url: str, *statements: str) -> None:
    """Change rows as the owner of the database can: the triggers are taken off first."""
    engine = create_engine(url)
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(text("ALTER TABLE audit_log DISABLE TRIGGER ALL"))
        else:
            for deed in ("update", "delete"):
                connection.execute(text(f"DROP TRIGGER audit_log_no_{deed}"))
        for statement in statements:
            connection.execute(text(statement))
    engine.dispose()


def test_the_chain_holds_and_says_what_was_written(url: str, clock: Clock) -> None:
    ledger = _filled(url, clock)
    assert ledger.audit.verify().faults == ()
    first, *_, last = ledger.audit.entries()
    assert (first.number, first.previous, first.who) == (1, GENESIS, "ada")
    assert last.detail == '{"n":5,"ü":"é"}'
    assert ledger.audit.verify().entries == last.number == 6
    assert ledger.audit.verify().last_hash == last.hash
    newest = list(ledger.audit.entries(newest_first=True, limit=2))
    assert [entry.number for entry in newest] == [6, 5]
    assert list(ledger.audit.entries(who="grace")) == []


def test_an_empty_log_holds(url: str, clock: Clock) -> None:
    verdict = Ledger.open(url, clock=clock).audit.verify()
    assert (verdict.entries, verdict.last_hash, verdict.faults) == (0, GENESIS, ())


def test_a_deed_that_is_reported_twice_is_one_entry(url: str, clock: Clock) -> None:
    audit = Ledger.open(url, clock=clock).audit
    first = audit.append(Deed.APPROVAL, who="ada", what="version 2", once="request-1")
    again = audit.append(Deed.APPROVAL, who="ada", what="version 2", once="request-1")
    other = audit.append(Deed.SIGN_OFF, who="ada", what="audit", once="request-1")
    assert again == first
    assert other.number == 2
    assert audit.last(Deed.APPROVAL) == first


def test_nobody_is_no_who(url: str, clock: Clock) -> None:
    with pytest.raises(ValueError, match="names who"):
        Ledger.open(url, clock=clock).audit.append(Deed.LOOK, who=" ", what="picture")


@pytest.mark.parametrize(
    "statement",
    ["UPDATE audit_log SET who = 'eve' WHERE number = 2", "DELETE FROM audit_log"],
)
def test_rows_are_not_changed_through_the_ledgers_own_connection(
    url: str, clock: Clock, statement: str
) -> None:
    ledger = _filled(url, clock)
    engine = create_engine(url)
    with pytest.raises(DatabaseError, match="only added to"), engine.begin() as connection:
        connection.execute(text(statement))
    engine.dispose()
    assert ledger.audit.verify().faults == ()


_SWAP = (
    "UPDATE audit_log SET number = 100 WHERE number = 2",
    "UPDATE audit_log SET number = 2 WHERE number = 3",
    "UPDATE audit_log SET number = 3 WHERE number = 100",
)


@pytest.mark.parametrize(
    ("statements", "fault"),
    [
        (("UPDATE audit_log SET who = 'eve' WHERE number = 3",), "changed: 3"),
        (("UPDATE audit_log SET what = 'nothing' WHERE number = 6",), "changed: 6"),
        (("UPDATE audit_log SET detail = '{}' WHERE number = 1",), "changed: 1"),
        (("UPDATE audit_log SET deed = 'requeue' WHERE number = 1",), "changed: 1"),
        (("UPDATE audit_log SET at = '2020-01-01 00:00:00' WHERE number = 4",), "changed: 4"),
        (("DELETE FROM audit_log WHERE number = 3",), "missing: 3"),
        (("DELETE FROM audit_log WHERE number IN (2, 3)",), "missing: 2 to 3"),
        (("DELETE FROM audit_log WHERE number = 1",), "missing: 1"),
        (("DELETE FROM audit_log WHERE number = 6",), "the end is 5, and was 6"),
        (("DELETE FROM audit_log",), "the end is 0, and was 6"),
        (_SWAP, "changed: 2"),
        (_SWAP, "broken: 2"),
    ],
)
def test_what_was_done_to_it_shows(
    url: str, clock: Clock, statements: tuple[str, ...], fault: str
) -> None:
    ledger = _filled(url, clock)
    _by_hand(url, *statements)
    assert any(fault in found for found in ledger.audit.verify().faults)


def test_a_chain_written_anew_shows_against_what_was_written_down(url: str, clock: Clock) -> None:
    ledger = _filled(url, clock)
    written = {entry.number: entry.hash for entry in ledger.audit.entries()}
    _by_hand(url, "DELETE FROM audit_log WHERE number > 3", "DELETE FROM audit_log_end")
    _append_three_others(ledger)
    assert ledger.audit.verify().faults == ()
    faults = ledger.audit.verify({5: written[5]}).faults
    assert faults == ("rewritten: 5 has not the hash written down for it",)
    shorter = ledger.audit.verify({9: written[5]}).faults
    assert shorter == ("missing: 9, of which a hash was written down",)


def _append_three_others(ledger: Ledger) -> None:
    for number in range(3):
        ledger.audit.append(Deed.LOOK, who="eve", what=f"other {number}")


def _write(url: str, who: str, start: Any) -> None:
    audit = Ledger.open(url).audit
    start.wait()
    for number in range(15):
        audit.append(Deed.LOOK, who=who, what=f"picture {number}", once=f"{number}")
        audit.append(Deed.REQUEUE, who=who, what=f"recording {number}")


def test_writers_at_once_make_one_chain(url: str, clock: Clock) -> None:
    Ledger.open(url)
    fork = multiprocessing.get_context("fork")
    start = fork.Barrier(4)
    children = [fork.Process(target=_write, args=(url, f"user {n}", start)) for n in range(4)]
    _each(children, lambda child: child.start())
    _each(children, lambda child: child.join(timeout=60))
    assert [child.exitcode for child in children] == [0] * 4
    verdict = Ledger.open(url).audit.verify()
    # Looks were reported by all four, and are written once.
    assert (verdict.entries, verdict.faults) == (15 + 4 * 15, ())


def _each(items: list[Any], work: Callable[[Any], None]) -> None:
    for item in items:
        work(item)
