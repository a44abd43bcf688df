"""The audit page: what was found comes first, and hostile names stay text."""

from __future__ import annotations

import pandas as pd

from include.governance.bias.audit import audit
from include.governance.bias.page import plain_findings, render_page
from include.governance.bias.record import Section, audit_record, record_sha256
from include.governance.bias.rows import audit_rows
from include.governance.bias.settings import AuditSettings


def test_page_says_what_was_found_and_escapes_groups():
    hostile = "<script>x</script>"
    frame = pd.DataFrame(
        {
            "person_id": [str(number) for number in range(80)],
            "group": [hostile] * 40 + ["other"] * 40,
            "face_found": [True] * 10 + [False] * 30 + [True] * 40,
            "quality_ok": [True] * 10 + [False] * 30 + [True] * 40,
            "abstained": False,
            "answer": ["neutral"] * 10 + [None] * 30 + ["neutral"] * 40,
            "truth": None,
            "confidence": [0.9] * 10 + [None] * 30 + [0.9] * 40,
        }
    )
    settings = AuditSettings(minimum_people=20, resamples=100)
    rows = audit_rows(frame, attributes=["group"], source="declared")
    record = audit_record(
        [
            Section("production", rows, audit(rows, settings), "2026-11-09", "2026-11-16"),
            Section("labelled", None, None, notes=("nobody declared a group",)),
        ],
        settings,
        model_name="expression",
        model_version="7",
        model_sha256="m",
        audited_at="2026-11-16T05:00:00+00:00",
    )
    page = render_page(record).decode()
    assert "must not be promoted" in page
    assert "not audited (nobody declared a group)" in page
    assert record_sha256(record) in page
    assert "<script>" not in page
    assert "&lt;script&gt;x" in page
    finding = next(line for line in plain_findings(record) if "face found" in line)
    assert "0.250" in finding
    assert "1.000" in finding
