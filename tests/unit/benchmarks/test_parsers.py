"""Readers of outside text and bytes on a few damaged inputs each; `make parsers` takes hundreds."""

from __future__ import annotations

import json
import time
import warnings

import pytest
from hypothesis import strategies as st

from benchmarks.parsers.readers import READERS, Reader
from benchmarks.parsers.run import HangError, run

EXAMPLES = 10


@pytest.mark.parametrize("name", READERS)
def test_a_reader_reads_or_refuses_and_leaves_nothing(name: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # libraries' remarks on damaged archives
        count = run(READERS[name], EXAMPLES)
    assert count.examples >= EXAMPLES
    assert count.left == ()
    assert count.worst_s < 5


def test_an_error_that_is_not_documented_fails() -> None:
    with pytest.raises(json.JSONDecodeError):
        run(Reader(st.just("{"), json.loads, (KeyError,)), 5)


def test_a_reader_that_hangs_fails() -> None:
    with pytest.raises(HangError):
        run(Reader(st.just(2.0), time.sleep, ()), 1, hang_s=0.2)
