"""Drift of what is published: what is watched, against what, by which test, and who hears of it."""
