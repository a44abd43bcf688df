"""The audit page: what was found comes first, and hostile names stay text."""

from __future__ import annotations

import pandas as pd

from include.governance.bias.audit import audit
from include.governance.bias.page import plain_findings, render_page
from include.governance.bias.record import (
    AuditedModel,
    DataCut,
    SealedRecord,
    audit_record,
    section_of,
)
from include.governance.bias.rows import audit_rows
from include.governance.bias.settings import AuditSettings


def audited(name: str) -> SealedRecord:
    """The record of an audit in which most faces of one group were not found.

    `name` stands wherever people give a name: model, version, group, attribute, note.
    """
    frame = pd.DataFrame(
        {
            "person_id": [str(number) for number in range(80)],
            name: [name] * 40 + ["other"] * 40,
            "face_found": [True] * 10 + [False] * 30 + [True] * 40,
            "quality_ok": [True] * 10 + [False] * 30 + [True] * 40,
            "abstained": False,
            "answer": ["neutral"] * 10 + [None] * 30 + ["neutral"] * 40,
            "truth": None,
            "confidence": [0.9] * 10 + [None] * 30 + [0.9] * 40,
        }
    )
    settings = AuditSettings(minimum_people=20, resamples=50)
    rows = audit_rows(frame, attributes=[name], source="declared")
    before = audit_rows(frame.assign(face_found=True), attributes=[name], source="declared")
    found = audit(rows, settings, previous=before)
    return audit_record(
        [
            section_of("production", rows, found, DataCut("2026-11-09", "2026-11-16")),
            section_of("labelled", None, None, notes=(name,)),
        ],
        settings,
        AuditedModel(name, name, "m" * 64),
        audited_at="2026-11-16T05:00:00+00:00",
        previous_sha256="b" * 64,
    )


def test_page_says_what_was_found_and_escapes_groups():
    hostile = "<script>x</script>"
    record = audited(hostile)
    page = render_page(record).decode()
    assert "must not be promoted" in page
    assert "not audited (&lt;script&gt;x&lt;/script&gt;)" in page
    assert record.sha256 in page
    assert "<script>" not in page
    assert "default-src 'none'" in page
    finding = next(line for line in plain_findings(record.record) if "face found" in line)
    assert "0.250" in finding
    assert "1.000" in finding


def test_a_group_stands_beside_everybody_else_and_beside_the_last_audit():
    page = render_page(audited("age")).decode()
    row = page[page.index("age<span") : page.index("</tr>", page.index("age<span"))]
    for figure in ("0.250", "1.000", "-0.750"):
        assert f">{figure}<" in row
    assert row.count("-0.750") == 2, "the gap, and the change since the last audit"
    assert "Since last audit" in page
    assert "audit bbbbbbbbbbbb" in page
