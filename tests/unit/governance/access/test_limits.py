"""How often one person may ask."""

from __future__ import annotations

from include.governance.access.limits import TokenBuckets


class _Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_bucket_is_emptied_and_filled_again() -> None:
    clock = _Clock()
    buckets = TokenBuckets(6, clock=clock)
    assert [buckets.take("ada") for _ in range(7)] == [0] * 6 + [10]
    assert buckets.take("eve") == 0
    clock.now = 9.0
    assert buckets.take("ada") == 1
    clock.now = 10.0
    assert (buckets.take("ada"), buckets.take("ada")) == (0, 10)
    clock.now = 1000.0
    assert [buckets.take("ada") for _ in range(7)] == [0] * 6 + [10]


def test_refused_requests_do_not_put_the_next_token_off() -> None:
    clock = _Clock()
    buckets = TokenBuckets(60, clock=clock)
    while not buckets.take("ada"):
        pass
    clock.now = 0.5
    assert buckets.take("ada") == 1
    clock.now = 1.0
    assert buckets.take("ada") == 0


def test_no_number_of_names_fills_the_memory() -> None:
    buckets = TokenBuckets(1, clock=_Clock(), names_at_most=3)
    for name in "abcde":
        buckets.take(name)
    assert buckets.take("e") > 0
    assert buckets.take("a") == 0
