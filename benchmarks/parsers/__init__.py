"""Readers of text and bytes from outside, on valid input that was damaged and on made input."""
