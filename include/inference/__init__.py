"""Batch inference: the transform job's contract, its two backends, and the coordination of jobs."""
