"""The seven colours are told apart by people with and without colour vision."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from skimage.color import deltaE_ciede2000, rgb2lab

from include.contracts.labels import EXPRESSIONS
from include.pages import tokens

# Machado, Oliveira and Fernandes 2009, severity 1.0; they act on linear RGB.
SIGHT = {
    "full": np.eye(3),
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216],
         [-0.003882, -0.048116, 1.051998]]
    ),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413],
         [-0.011820, 0.042940, 0.968881]]
    ),
    "tritanopia": np.array(
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602],
         [0.004733, 0.691367, 0.303900]]
    ),
}  # fmt: skip
SCHEMES = {
    "light": (tokens.LIGHT, tokens.EXPRESSIONS_LIGHT),
    "dark": (tokens.DARK, tokens.EXPRESSIONS_DARK),
}


def seen(colours, sight):
    """Return what is seen of (n,) colours as (n, 3) CIELAB."""
    rgb = np.array([[int(c[i : i + 2], 16) / 255 for i in (1, 3, 5)] for c in colours])
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    changed = np.clip(linear @ SIGHT[sight].T, 0, 1)
    coded = np.where(changed <= 0.0031308, changed * 12.92, 1.055 * changed ** (1 / 2.4) - 0.055)
    return rgb2lab(coded)


@pytest.mark.parametrize("sight", SIGHT)
@pytest.mark.parametrize("scheme", SCHEMES)
def test_any_two_expressions_differ(scheme, sight):
    lab = seen(SCHEMES[scheme][1].values(), sight)
    for (one, first), (other, second) in combinations(zip(EXPRESSIONS, lab, strict=True), 2):
        difference = float(deltaE_ciede2000(first, second))
        assert difference >= tokens.LEAST_DIFFERENCE, (one, other, difference)


def test_the_former_palette_would_not_pass():
    former = ["#d55e00", "#009e73", "#b55a94", "#e69f00", "#8c97a8", "#0072b2", "#56b4e9"]
    pairs = combinations(seen(former, "protanopia"), 2)
    assert min(float(deltaE_ciede2000(one, other)) for one, other in pairs) < 7


@pytest.mark.parametrize("scheme", SCHEMES)
def test_text_and_shapes_stand_out(scheme):
    colours, expressions = SCHEMES[scheme]
    for colour in expressions.values():
        assert tokens.contrast(tokens.text_on(colour), colour) >= tokens.LEAST_TEXT_CONTRAST
        assert tokens.contrast(colour, colours["panel"]) >= tokens.LEAST_SHAPE_CONTRAST
    for text in ("ink", "dim", "accent", "good", "care", "bad"):
        for ground in ("page", "panel"):
            found = tokens.contrast(colours[text], colours[ground])
            assert found >= tokens.LEAST_TEXT_CONTRAST, (text, ground, found)
    for state in ("good", "care", "bad"):
        found = tokens.contrast(colours[state], colours[f"{state}-bg"])
        assert found >= tokens.LEAST_TEXT_CONTRAST, (state, found)


def test_contrast_is_that_of_wcag():
    assert tokens.contrast("#000000", "#ffffff") == pytest.approx(21)
    assert tokens.contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)
