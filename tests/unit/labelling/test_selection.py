"""The sample has the probabilities it says, and keeps its promises."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from include.labelling.selection import Instant, Plan, Selected, Stratum, select

PEOPLE, EACH = 12, 25


@pytest.fixture(scope="module")
def instants() -> list[Instant]:
    generator = np.random.default_rng(5)
    found = []
    for row in range(PEOPLE * EACH):
        champion = generator.dirichlet(np.full(7, 0.4))
        challenger = generator.dirichlet(np.full(7, 0.4)) if row % 5 == 0 else champion
        person = f"p{row // EACH:02d}"
        found.append(
            Instant(f"x{row:04d}", "ad", person, person, "f1", tuple(champion), tuple(challenger))
        )
    return found


PLAN = Plan(random=20, uncertainty=15, disagreement=10, cap_per_respondent=5)


def ids(chosen: list[Selected]) -> list[str]:
    return [item.instant.row_id for item in chosen]


def test_same_seed_same_sample_whatever_the_order(instants: list[Instant]) -> None:
    assert select(instants, PLAN) == select(instants[::-1], PLAN)
    assert ids(select(instants, PLAN)) != ids(select(instants, Plan(20, 15, 10, 0.2, 5, seed=1)))


def test_written_probabilities_are_the_real_ones(instants: list[Instant]) -> None:
    draws = 250
    seen: Counter[str] = Counter()
    written: dict[str, float] = {}
    for seed in range(draws):
        for item in select(instants, Plan(20, 15, 10, 0.2, 5, seed=seed)):
            seen[item.instant.row_id] += 1
            written[item.instant.row_id] = item.inclusion_probability
    assert len(written) > 0.95 * len(instants), "every instant can be chosen"
    z = [
        (seen[row] / draws - p) / np.sqrt(p * (1 - p) / draws)
        for row, p in written.items()
        if p < 1
    ]
    assert abs(float(np.mean(z))) < 0.2
    assert 0.8 < float(np.std(z)) < 1.2
    assert max(np.abs(z)) < 4.5


def test_weights_estimate_the_size_of_the_frame(instants: list[Instant]) -> None:
    totals = [
        sum(1 / s.inclusion_probability for s in select(instants, Plan(20, 15, 10, seed=seed)))
        for seed in range(60)
    ]
    standard_error = np.std(totals) / np.sqrt(len(totals))
    assert abs(np.mean(totals) - len(instants)) < 4 * standard_error


def test_size_is_the_wished_one_and_every_wish_is_served(instants: list[Instant]) -> None:
    chosen = select(instants, Plan(20, 15, 10, cap_per_respondent=EACH))
    assert len(chosen) in {45, 46}
    assert {item.stratum for item in chosen} == set(Stratum)


@pytest.mark.parametrize("cap", [1, 3])
def test_nobody_is_asked_about_more_than_the_cap(instants: list[Instant], cap: int) -> None:
    for seed in range(8):
        chosen = select(instants, Plan(200, 50, 50, cap_per_respondent=cap, seed=seed))
        per_person = Counter(item.instant.respondent for item in chosen)
        assert max(per_person.values()) <= cap
        assert len(per_person) == PEOPLE


def test_what_is_taken_is_never_chosen_again(instants: list[Instant]) -> None:
    first = ids(select(instants, PLAN))
    again = ids(select(instants, PLAN, taken=first))
    assert again
    assert not set(first) & set(again)
    assert select(instants, PLAN, taken=[i.row_id for i in instants]) == []


def test_a_small_frame_is_taken_whole(instants: list[Instant]) -> None:
    chosen = select(instants[:6], Plan(cap_per_respondent=100))
    assert sorted(ids(chosen)) == [i.row_id for i in instants[:6]]
    assert all(item.inclusion_probability == pytest.approx(1) for item in chosen)


def test_a_row_given_twice_is_refused(instants: list[Instant]) -> None:
    with pytest.raises(ValueError, match="twice"):
        select([instants[0], instants[0]], PLAN)
    with pytest.raises(ValueError, match="random is at least 1"):
        Plan(random=0)


@pytest.mark.parametrize("frame_n", range(9, 40))
def test_rates_are_never_below_nothing(instants: list[Instant], frame_n: int) -> None:
    # Disagreement filled to the last bit, and a wish of nothing after it.
    frame = [
        Instant(i.row_id, i.study, i.recording, i.respondent, "f1", i.champion, i.champion[::-1])
        for i in instants[:frame_n]
    ]
    chosen = select(frame, Plan(random=5, uncertainty=0, disagreement=9, cap_per_respondent=40))
    assert min(item.inclusion_probability for item in chosen) > 0
    assert Stratum.UNCERTAINTY not in {item.stratum for item in chosen}
