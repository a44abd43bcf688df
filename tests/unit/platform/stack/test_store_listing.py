"""The stand-in's listings hold what localbucket's own hold."""

from __future__ import annotations

import itertools
import random
from pathlib import Path

import localbucket
import pytest

from include.platform.stack.standins.store import list_entries

KEYS = [
    f"{a}/{b}/{c}"
    for a, b, c in itertools.product(("in", "in-x", "lake"), ("s", "s 1", "t"), ("a", "b.c", "d"))
] + ["top", "in.txt", "lake/s.json"]
PREFIXES = ("", "in", "in/", "in/s", "in/s/", "in/s 1/b", "lake/", "none/", "in/../lake/", "in//")


@pytest.fixture(scope="module")
def bucket(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bucket")
    for key in KEYS:
        path = folder / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    return folder


def test_a_page_is_the_same_whatever_is_asked(bucket: Path) -> None:
    drawn = random.Random(1)
    handler = object.__new__(localbucket.S3Handler)
    compared = 0
    for prefix, delimiter in itertools.product(PREFIXES, ("", "/")):
        for _ in range(20):
            marker = drawn.choice(["", drawn.choice(KEYS), f"{drawn.choice(PREFIXES)}", "zzz"])
            asked = (prefix, delimiter, marker, drawn.random() < 0.3, drawn.choice([0, 1, 3, 99]))
            own = localbucket.S3Handler._list_entries(handler, bucket, *asked)
            assert list_entries(handler, bucket, *asked) == own, asked
            compared += bool(own[0] or own[1])
    assert compared > 50
