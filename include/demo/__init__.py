"""Demonstrations on made data: one recording until its report (`recording`, `results`), and
the loop of labels, retraining and release (`loop`). They drive the embedded platform from
outside, by its own doors.
"""
