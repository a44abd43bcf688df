"""Pages about labels: what is in them, and what cannot get out of them."""

from __future__ import annotations

import base64
import json
import math
import re
from dataclasses import replace
from typing import Any

import pytest

from include.labelling.agreement import Agreement
from include.labelling.overview import alpha_verdict, render_overview
from include.labelling.page import labelling_page
from include.labelling.summary import FileRead, LabelSummary, QueueAnswered
from include.statistics.estimate import Estimate

FIGURE = Estimate(0.61, 0.52, 0.7, 30)


def summary(**changes: Any) -> LabelSummary:
    file = FileRead(
        key="labels/incoming/</td><script>alert(1)</script>.csv",
        received_at="2026-03-10T10:00:00+00:00",
        votes=12,
        unknown_rows=2,
        ignored=0,
        superseded=1,
        reason=None,
    )
    queue = QueueAnswered(
        queue_id="q-1",
        since="2026-03-02T04:00:00+00:00",
        until="2026-03-09T04:00:00+00:00",
        frame=900,
        asked=12,
        labelled=9,
        labelled_twice=7,
        agreement=Agreement(7, 14, alpha=FIGURE, majority_share=FIGURE),
    )
    whole = LabelSummary(
        updated_at="2026-03-10T12:00:00+02:00",
        faces=9,
        votes=16,
        annotators=2,
        answers={"neutral": 10, "not_a_face": 6},
        agreement=queue.agreement,
        queues=(queue,),
        files=(file, replace(file, reason="b.csv, line 3: has no annotator.")),
    )
    return replace(whole, **changes)


def test_overview_shows_queues_answers_and_bad_files() -> None:
    page = render_overview(summary()).decode()
    assert "9 of 12" in page
    assert "1 in quarantine" in page
    assert "b.csv, line 3: has no annotator." in page
    assert "2 faces nobody was asked about; 1 answered again" in page
    assert "People disagree often" in page
    assert "0.61 (0.52 to 0.70)" in page
    assert "2026-03-10 10:00 UTC" in page
    assert "<script" not in page
    assert "script-src" not in page
    assert page.index('class="bar e-neutral" style="width:100.00%"') < page.index(
        'class="bar before" style="width:60.00%"'
    )


def test_overview_before_anybody_answered_twice() -> None:
    page = render_overview(summary(agreement=None, queues=(), files=(), answers={})).decode()
    assert "no face has two answers" in page
    assert "nothing was asked yet" in page
    assert "All read" in page


@pytest.mark.parametrize(
    ("alpha", "mark"),
    [(0.9, "good"), (0.8, "good"), (0.7, "care"), (0.5, "bad"), (math.nan, "care")],
)
def test_agreement_in_words(alpha: float, mark: str) -> None:
    assert alpha_verdict(Agreement(7, 14, replace(FIGURE, value=alpha), FIGURE))[0] == mark


def test_the_page_to_answer_with_holds_pictures_and_row_ids_only() -> None:
    rows = [("e1-0000000-00", b"\xff\xd8one"), ("e</script>2-0000000-00", b"\xff\xd8two")]
    page = labelling_page("q-1", rows).decode()
    [data] = re.findall(r'<script type="application/json" id="data">(.*?)</script>', page)
    content = json.loads(data)
    assert content["queue"] == "q-1"
    assert [(item["row"], base64.b64decode(item["picture"])) for item in content["items"]] == rows
    assert content["items"][0].keys() == {"row", "picture"}
    assert "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img" in page
    assert not re.search(r"https?://", page)
