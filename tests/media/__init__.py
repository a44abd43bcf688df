"""Recordings made for the tests: every kind of bad input, with real bytes."""
