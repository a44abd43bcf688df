"""Measuring a packed model: figures with intervals, calibration, crop policy, golden gate."""
