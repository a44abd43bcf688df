"""Faults on the running stack: kinds, batches to disturb, what must hold after, and a long run.

`tests/chaos/test_production.py` tries each kind alone; `make soak` one after the other under load.
"""
