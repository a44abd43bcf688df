"""A health check's answers, with processes that answer and a clock that is turned by hand."""

from __future__ import annotations

import time
from pathlib import Path

from include.platform.stack.compose import HealthCheck
from include.platform.stack.health import Health, Prober

CHECK = HealthCheck(
    ("unused",),
    interval_s=10,
    timeout_s=2,
    retries=2,
    start_period_s=30,
    start_interval_s=1,
)


class Clock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def ask(prober: Prober, clock: Clock, after_s: float) -> Health:
    """Let time pass, let it ask, and wait for the answer."""
    clock.now_s += after_s
    prober.step()
    for _ in range(200):
        prober.step()
        if prober._asking is None:
            break
        time.sleep(0.01)
    return prober.health


def answering(path: Path) -> list[str]:
    return ["test", "-e", str(path)]


def test_it_starts_asks_often_and_failures_do_not_count_yet(tmp_path: Path) -> None:
    clock, good = Clock(), tmp_path / "good"
    prober = Prober(CHECK, lambda: answering(good), clock)
    assert [ask(prober, clock, 1) for _ in range(5)] == [Health.STARTING] * 5
    good.touch()
    assert ask(prober, clock, 1) is Health.HEALTHY


def test_it_is_unhealthy_after_as_many_failures_and_healthy_again(tmp_path: Path) -> None:
    clock, good = Clock(), tmp_path / "good"
    good.touch()
    prober = Prober(CHECK, lambda: answering(good), clock)
    assert ask(prober, clock, 1) is Health.HEALTHY
    good.unlink()
    assert ask(prober, clock, 10) is Health.HEALTHY
    assert ask(prober, clock, 10) is Health.UNHEALTHY
    good.touch()
    assert ask(prober, clock, 10) is Health.HEALTHY


def test_failures_count_once_the_start_is_over(tmp_path: Path) -> None:
    clock = Clock()
    prober = Prober(CHECK, lambda: answering(tmp_path / "never"), clock)
    clock.now_s += 31
    assert ask(prober, clock, 0) is Health.STARTING
    assert ask(prober, clock, 10) is Health.UNHEALTHY


def test_a_question_without_an_answer_is_a_failure() -> None:
    clock = Clock()
    prober = Prober(CHECK, lambda: ["sleep", "60"], clock)
    clock.now_s += 31
    for _ in range(2):
        prober.step()
        asking = prober._asking
        assert asking is not None
        clock.now_s += 3
        prober.step()
        assert asking.poll() is not None
        clock.now_s += 10
    assert prober.health is Health.UNHEALTHY


def test_nothing_is_asked_while_there_is_no_process() -> None:
    clock = Clock()
    prober = Prober(CHECK, lambda: None, clock)
    assert ask(prober, clock, 100) is Health.STARTING
