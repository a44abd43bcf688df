"""Colours of every page, light and dark; what is printed takes the light ones.

The seven of the expressions are told apart with and without colour vision: the least CIEDE2000
difference of any two, under full protanopia, deuteranopia, tritanopia and none, is measured by
`tests/unit/pages/test_colours.py`. Why these: docs/decisions/0040-pages.md.
"""

from __future__ import annotations

from collections.abc import Mapping

from include.contracts.labels import EXPRESSIONS

Colours = Mapping[str, str]
"""`#rrggbb` by name."""

LEAST_DIFFERENCE = 18.0
"""CIEDE2000, of any two expressions, for any kind of sight, light and dark."""
LEAST_TEXT_CONTRAST = 4.5
"""WCAG 2.2, 1.4.3: of text on its ground."""
LEAST_SHAPE_CONTRAST = 2.0
"""Of a coloured shape on its panel. Each shape has its name beside it besides."""

LIGHT: Colours = {
    "page": "#f5f6f8",
    "panel": "#ffffff",
    "ink": "#16202e",
    "dim": "#5a6678",
    "line": "#dfe3e9",
    "grid": "#e9ecf1",
    "bed": "#eef0f4",
    "hatch": "#b3bcc9",
    "dot": "#8e99a9",
    "accent": "#2456a6",
    "accent-bg": "#e6edf8",
    "good": "#0b7a53",
    "good-bg": "#e5f4ee",
    "care": "#8a5700",
    "care-bg": "#fbf0db",
    "bad": "#b3261e",
    "bad-bg": "#fbe7e5",
}
DARK: Colours = {
    "page": "#0e131a",
    "panel": "#171e28",
    "ink": "#e7ecf3",
    "dim": "#9aa7b8",
    "line": "#2a3442",
    "grid": "#232c39",
    "bed": "#202937",
    "hatch": "#465264",
    "dot": "#6b788b",
    "accent": "#8ab4f8",
    "accent-bg": "#1d2a40",
    "good": "#52c99b",
    "good-bg": "#12302a",
    "care": "#f0b64f",
    "care-bg": "#33280f",
    "bad": "#f28b82",
    "bad-bg": "#381b1b",
}

EXPRESSIONS_LIGHT: Colours = dict(
    zip(
        EXPRESSIONS,
        ("#bc2f0e", "#018e67", "#703d5b", "#e0a125", "#907f9c", "#0843da", "#82b9ff"),
        strict=True,
    )
)
EXPRESSIONS_DARK: Colours = dict(
    zip(
        EXPRESSIONS,
        ("#e04024", "#3fba8e", "#755b69", "#fbe03b", "#9a96b6", "#2562ce", "#e5edf8"),
        strict=True,
    )
)

_BLACK, _WHITE = "#0b0f15", "#ffffff"


def luminance(colour: str) -> float:
    """Return the relative luminance of `#rrggbb`, 0 to 1 (WCAG 2.2)."""
    parts = (int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5))
    linear = (
        part / 12.92 if part <= 0.04045 else float(((part + 0.055) / 1.055) ** 2.4)
        for part in parts
    )
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colours, 1 to 21 (WCAG 2.2)."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def text_on(colour: str) -> str:
    """Return the colour of text that stands on a coloured shape."""
    return max((_BLACK, _WHITE), key=lambda ink: contrast(ink, colour))
