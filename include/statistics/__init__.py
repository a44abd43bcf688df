"""Estimates with their intervals, and how they are computed. No I/O, nothing of ours.

Who prints a figure that rests on a sample takes it from here: evaluation, bias audit, labels,
drift, comparisons, reports, benchmarks.
"""
