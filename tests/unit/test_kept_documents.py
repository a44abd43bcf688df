"""Documents as earlier builds wrote them are read, and nothing that they say is lost.

The files were written by those builds' own writers: 78251cd, and f31d3df for what it did not have
yet or what got its form after it. Names of people are made up, and folders of
the machine replaced.
"""

from __future__ import annotations

import hashlib
import json
import math
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from include.contracts.documents import DocumentError, Form
from include.contracts.extraction import EXTRACTION
from include.contracts.published import PUBLISHED_MANIFEST
from include.contracts.quarantine import QUARANTINE_REASON
from include.contracts.summary import RECORDING_SUMMARY
from include.contracts.validation import VALIDATION
from include.governance.bias.record import RECORD as AUDIT_RECORD
from include.governance.bias.record import SIGN_OFF, read_record, sign_off
from include.governance.bias.store import POINTER
from include.inference.answers import ANSWERS
from include.inference.embedded_job import TransformFolder
from include.insights.change_report import CHANGES
from include.jobs.folder import RUNNER_PROCESS
from include.labelling.evaluation import EVALUATION
from include.labelling.queue import DRAW, LAID_OUT
from include.labelling.summary import SUMMARY
from include.labelling.votes import VOTE, read_votes
from include.monitoring.drift import KEPT_DAY
from include.observability.cpu import NOTE
from include.observability.notice import CLAIMED, DELIVERED
from include.observability.sink import METRIC
from include.pipeline.current import CHOICE
from include.pipeline.drift.reference import FROZEN
from include.pipeline.erasure.record import RECORD as ERASURE
from include.pipeline.erasure.register import ERASED
from include.pipeline.labelling.milestones import MILESTONE
from include.pipeline.labelling.receipts import RECEIPT
from include.pipeline.model_retraining import documents as retraining
from include.pipeline.model_rollback import ROLLBACK
from include.pipeline.reprocess.request import REQUEST_FORM
from include.platform.backup.objects import OBJECT
from include.platform.backup.run import INVENTORY
from include.platform.processes import RECORD as COMPONENT_PROCESS
from include.training_jobs.embedded import TrainingFolder
from ml.data.bundle import BUNDLE_ROWS
from ml.data.frozen import FROZEN_ROWS
from ml.training.checkpoint import PROGRESS

FAKES = Path(__file__).parents[1] / "fakes"
WRITTEN, LATER = FAKES / "written_by_78251cd", FAKES / "written_by_f31d3df"

SHARD = f"{'e' * 32}-00000.tar"

KEPT: dict[str, Form[Any]] = {
    "manifest.json": PUBLISHED_MANIFEST,
    "current.json": CHOICE,
    "extraction.json": EXTRACTION,
    "validation.json": VALIDATION,
    "reason.json": QUARANTINE_REASON,
    "label-reason.json": QUARANTINE_REASON,
    "receipt.json": RECEIPT,
    "label-record.json": DRAW,
    "label-queue.json": LAID_OUT,
    "label-summary.json": SUMMARY,
    "evaluation.json": EVALUATION,
    "milestone.json": MILESTONE,
    "rollback.json": ROLLBACK,
    "request.json": REQUEST_FORM,
    "change-report.json": CHANGES,
    "erasure.json": ERASURE,
    "answers.json": ANSWERS,
    "drift-report.json": KEPT_DAY,
    "drift-reference.json": FROZEN,
    "notice.json": CLAIMED,
    "delivered.json": DELIVERED,
    "cpu.json": NOTE,
    "metric.json": METRIC,
    "transform-job/spec.json": TransformFolder.spec_form,
    "transform-job/runtime.json": TransformFolder.runtime_form,
    "transform-job/status.json": TransformFolder.standing_form,
    "transform-job/process.json": RUNNER_PROCESS,
    "training-job/spec.json": TrainingFolder.spec_form,
    "training-job/runtime.json": TrainingFolder.runtime_form,
    "training-job/status.json": TrainingFolder.standing_form,
    "audit-record.json": AUDIT_RECORD,
    "audit-pointer.json": POINTER,
    "sign-off.json": SIGN_OFF,
    "bundle-rows.json": BUNDLE_ROWS,
    "frozen-rows.json": FROZEN_ROWS,
    "checkpoint-progress.json": PROGRESS,
    "component-process.json": COMPONENT_PROCESS,
    "backup.json": INVENTORY,
    "backup-object.json": OBJECT,
    "erased.json": ERASED,
    **{
        f"retraining/{document.name}": document.form
        for document in vars(retraining).values()
        if isinstance(document, retraining.Document)
    },
}
LEFT_OUT = {
    "backup.json": {"format"},
    "retraining/evaluation.json": {"ratio"},
    "change-report.json": {"report_version"},
    "rollback.json": {"from", "to"},
    "answers.json": {SHARD},
    "audit-record.json": {"version"},
    "label-record.json": {"items", "version"},
    "evaluation.json": {"drops", "n", "rule_version", "version"},
}
"""What follows from the rest, or is called otherwise now."""


def _written(name: str) -> bytes:
    path = WRITTEN / name
    return (path if path.is_file() else LATER / name).read_bytes()


@pytest.mark.parametrize("name", KEPT)
def test_what_the_build_before_wrote_is_read_and_kept(name: str) -> None:
    form, content = KEPT[name], _written(name)
    again = json.loads(form.write(form.read(content, name)))
    assert again.pop(form.number) == form.schema
    left_out = LEFT_OUT.get(name, set())
    assert _lost(json.loads(content), again, left_out) == []


@pytest.mark.parametrize("name", KEPT)
def test_a_field_of_another_type_is_refused_by_file_and_name(name: str) -> None:
    form = KEPT[name]
    content = json.loads(form.write(form.read(_written(name), name)))
    field = next(one for one in content if one != form.number)
    with pytest.raises(DocumentError) as caught:
        form.read(json.dumps({**content, field: [{"no": "such"}]}), f"x/{name}")
    assert str(caught.value).startswith(f"x/{name}: ")
    assert f"`{field}" in str(caught.value)


def test_what_is_called_otherwise_now_is_found() -> None:
    rollback = ROLLBACK.read((WRITTEN / "rollback.json").read_bytes(), "k")
    assert (rollback.source, rollback.target) == ("2", "1")
    answers = ANSWERS.read((WRITTEN / "answers.json").read_bytes(), "k").answers
    assert answers == {SHARD: f"transforms/fex-1/output/{SHARD}.out"}


def test_a_draw_and_the_drops_of_an_evaluation_are_found() -> None:
    content = (WRITTEN / "label-record.json").read_bytes()
    items = DRAW.plain(DRAW.read(content, "k"))["selected"]
    assert _lost(json.loads(content)["items"], json.loads(json.dumps(items)), set()) == []
    content = (WRITTEN / "evaluation.json").read_bytes()
    before, found = json.loads(content), EVALUATION.read(content, "k")
    assert found.estimates.judged_n == before["estimates"]["n"]
    assert found.rule_version == before["rule"]["version"]
    drops = [
        drop.fell.to_json() | {"figure": drop.figure, "reference": drop.reference}
        for drop in found.decision.drops
    ]
    assert _lost(before["decision"]["drops"], drops, {"tolerated"}) == []
    assert [drop["n"] for drop in drops] == [15] * 4


def test_an_audit_keeps_its_bytes_and_hash_and_says_whom_estimates_rest_on() -> None:
    content = (WRITTEN / "audit-record.json").read_bytes()
    sha256 = hashlib.sha256(content).hexdigest()
    kept = read_record("k", content, sha256)
    assert (kept.content, kept.sha256) == (content, sha256)
    (found, none) = (section.results for section in kept.record.sections)
    assert none is None
    assert found is not None
    everyone, a, b = (one for one in found.figures if one.metric == "prediction_rate:neutral")
    assert [one.result and one.result.n for one in (everyone, a, b)] == [12, 4, 8]
    first = next(one for one in found.comparisons if one.metric == "prediction_rate:neutral")
    assert first.group == ("a",)
    assert (first.gap.n, first.ratio.n, first.to_geometric_mean.n) == (4, 4, 4)
    never = next(one for one in found.comparisons if one.metric == "prediction_rate:anger")
    assert math.isnan(never.ratio.value), "none of neither is no ratio"
    when = datetime(2026, 12, 1, tzinfo=UTC)
    signed = sign_off(kept, who="ada", when=when, decision="accepted", audit_sha256=sha256)
    assert signed.audit_sha256 == sha256, "what is signed is what lies in the lake"
    later = content.replace(b'"version":2', b'"version":4')
    with pytest.raises(DocumentError, match=r"x/record\.json: version is 4"):
        read_record("x/record.json", later, hashlib.sha256(later).hexdigest())


def test_lines_of_votes_are_read_and_a_bad_one_is_named() -> None:
    content = (WRITTEN / "votes.jsonl").read_bytes()
    votes = [json.loads(VOTE.line(vote)) for vote in read_votes(content, "votes.jsonl")]
    assert _lost([json.loads(line) for line in content.splitlines()], votes, set()) == []
    with pytest.raises(DocumentError, match=r"votes\.jsonl, line 3: .*`row_id`"):
        read_votes(b"".join([*content.splitlines(keepends=True)[:2], b"{}"]), "votes.jsonl")


def test_of_a_published_summary_is_read_what_the_platform_needs() -> None:
    content = (WRITTEN / "recording-summary.json").read_bytes()
    before, found = json.loads(content), RECORDING_SUMMARY.read(content, "k")
    read = json.loads(RECORDING_SUMMARY.write(found))
    assert _lost({name: read[name] for name in read if name in before}, before, set()) == []
    assert found.respondents == ()
    with pytest.raises(DocumentError, match=r"x/summary\.json: .*`faces`"):
        RECORDING_SUMMARY.read(json.dumps({**before, "faces": {}}), "x/summary.json")


def test_every_file_of_those_builds_has_a_form() -> None:
    files = {
        path.relative_to(build).as_posix()
        for build in (WRITTEN, LATER)
        for path in build.rglob("*.json")
    }
    assert files == KEPT.keys() | {"recording-summary.json"}


def _lost(before: Any, after: Any, left_out: set[str], path: str = "") -> list[str]:
    """Return where what was written is not what would be written now; more may be."""
    if isinstance(before, dict) and isinstance(after, dict):
        return [
            where
            for name, value in before.items()
            if name not in left_out
            for where in _lost(value, after.get(name, "missing"), left_out, f"{path}/{name}")
        ]
    if isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        return [
            where
            for number, (one, other) in enumerate(zip(before, after, strict=True))
            for where in _lost(one, other, left_out, f"{path}/{number}")
        ]
    if isinstance(before, float) and isinstance(after, float) and math.isclose(before, after):
        return []
    return [] if before == after else [f"{path}: {before!r} is {after!r}"]
