"""What one DAG makes and another waits for, as Airflow assets.

Events of assets can coalesce or be lost: they only wake a DAG, which reads the lake again.
"""

from __future__ import annotations

from airflow.sdk import Asset

LABELS = Asset("labels", uri="fex://lake/labels")
"""Answers of annotators, in the tables of the lake; `label_intake` updates it."""
