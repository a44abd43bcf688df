"""Adjusted p-values, on published examples."""

from __future__ import annotations

import numpy as np
import pytest

from include.statistics.multiplicity import Method, adjust

INFARCTION = [
    0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262,
    0.5719, 0.6528, 0.7590, 1.0000,
]  # fmt: skip
"""The fifteen tests of Benjamini and Hochberg 1995, section 3.2."""


def test_the_paper_s_own_example() -> None:
    """Four of the fifteen are findings by their procedure, three by Bonferroni's."""
    assert (adjust(INFARCTION, "bh") <= 0.05).sum() == 4
    assert (adjust(INFARCTION, "holm") <= 0.05).sum() == 3
    assert adjust(INFARCTION, "bh")[3] == pytest.approx(0.0095 * 15 / 4)


def test_holm_as_r_s_p_adjust_has_it() -> None:
    assert adjust([0.01, 0.02, 0.03, 0.04, 0.05], "holm") == pytest.approx(
        [0.05, 0.08, 0.09, 0.09, 0.09]
    )
    assert adjust([0.01, 0.04, 0.03], "holm") == pytest.approx([0.03, 0.06, 0.06])
    assert adjust([0.01, 0.04, 0.03], "bh") == pytest.approx([0.03, 0.04, 0.04])


@pytest.mark.parametrize("method", ["holm", "bh"])
def test_order_does_not_matter_and_nothing_gives_nothing(method: Method) -> None:
    order = np.random.default_rng(0).permutation(len(INFARCTION))
    shuffled = adjust(np.array(INFARCTION)[order], method)
    assert shuffled == pytest.approx(adjust(INFARCTION, method)[order])
    assert adjust([], method).shape == (0,)


def test_a_family_without_an_effect_has_a_finding_once_in_twenty() -> None:
    families = np.random.default_rng(1).uniform(size=(2000, 20))
    found = np.mean([adjust(family, "holm").min() <= 0.05 for family in families])
    assert 0.035 <= found <= 0.065
