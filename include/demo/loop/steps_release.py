"""From a degraded model to a better one and back: trained, compared, approved, rolled back."""

from __future__ import annotations

from datetime import datetime
from typing import TypeVar

from include.demo.loop.settings import APPROVER
from include.demo.loop.stage import Stage, Told, require
from include.demo.loop.steps_week import interval
from include.insights.change_report import CHANGES
from include.lake import keys
from include.ledger.retraining_tables import RequestState, RetrainingRequest
from include.pipeline.model_retraining import documents
from include.pipeline.model_rollback import ROLLBACK as ROLLBACK_RECORD
from include.platform.credentials import ADMIN
from ml.registry.protocol import CHAMPION, ModelVersion

RETRAINING, ROLLBACK, REPROCESS = "model_retraining", "model_rollback", "reprocess"
_APPROVE = "approve"
_COMMENT = "Reads the dark rooms, loses nothing in daylight."

T = TypeVar("T")


def champion(stage: Stage) -> ModelVersion:
    """Return who answers now.

    Raises:
        StepFailedError: Nobody does.
    """
    found = stage.registry().get_by_alias(stage.model, CHAMPION)
    require(found is not None, "No version is the champion.")
    assert found is not None
    return found


def retraining(stage: Stage, since: datetime, evidence: str) -> Told:
    """Follow the retraining that a degraded evaluation started, up to its question.

    Args:
        stage: The platform.
        since: Before the evaluation.
        evidence: Lake key of the evaluation that should have asked.

    Raises:
        StepFailedError: None started, it was asked for by another report, or it ended
            without asking anybody.
    """
    run_id = stage.started_since(RETRAINING, since)
    body = stage.wait(lambda: stage.asked(RETRAINING, run_id, _APPROVE), RETRAINING, run_id)
    request = _request(stage, run_id)
    require(
        (request.reason, request.evidence) == ("degraded", evidence),
        f"The retraining was asked for by {request.reason} {request.evidence}, not by {evidence}.",
    )
    assembled = _document(stage, request, documents.ASSEMBLED)
    pool = _document(stage, request, documents.EVALUATION).pool
    audited = _document(stage, request, documents.AUDIT)
    gates = _document(stage, request, documents.GATES)
    less_first = pool.challenger.accuracy_less_first
    assert less_first is not None
    require("### " in str(body["body"]), "The question has no comparison in it.")
    return Told(
        "Retraining",
        f"learnt {assembled.train} faces, {assembled.new_labels_train} of them newly "
        f"labelled; on {pool.n} faces that neither learnt {interval(less_first, signed=True)} "
        f"of accuracy; {len(gates.gates)} gates passed; audit {audited.verdict}; waits for "
        "approval",
        run=(RETRAINING, run_id),
        path=stage.path(keys.retraining_document(request.request_id, documents.COMPARISON)),
        figures={
            "request_id": request.request_id,
            "accuracy_difference": less_first,
            "faces": pool.n,
            "train": assembled.train,
            "new_labels_train": assembled.new_labels_train,
            "audit": audited.verdict,
        },
    )


def approval(stage: Stage, run_id: str) -> Told:
    """Approve the challenger as the approver, after somebody else was refused.

    Raises:
        StepFailedError: The wrong person could, or the challenger is not the champion.
    """
    before = champion(stage)
    stage.require_refusal(ADMIN, RETRAINING, run_id, _APPROVE)
    stage.decide(APPROVER, RETRAINING, run_id, _APPROVE, "Approve", _COMMENT)
    after, request = champion(stage), _request(stage, run_id)
    require(
        after.version != before.version
        and after.metadata.get("approved_by") == APPROVER
        and request.state is RequestState.PROMOTED,
        f"Version {after.version} is the champion, the request is {request.state}.",
    )
    return Told(
        "Approval",
        f"refused to {ADMIN}; {APPROVER} approved by REST: version {after.version} is the "
        f"champion, version {before.version} a rollback away",
        run=(RETRAINING, run_id),
        path=stage.path(documents.DECISION.key(request.request_id)),
        figures={"from": before.version, "to": after.version, "by": APPROVER},
    )


def reanalysis(stage: Stage, study: str) -> Told:
    """Have the degraded week analysed again by the new champion, and readers take that.

    Raises:
        StepFailedError: The run failed.
    """
    conf: dict[str, object] = {"study": study, "model": CHAMPION, "make_current": True}
    run_id = stage.run(REPROCESS, conf)
    key = keys.reprocess(run_id, "report.json")
    report = stage.lake.read(CHANGES, key)
    in_front = sum(item.in_front for item in report.recordings)
    [changed] = [item.changed for item in report.studies if item.study == study]
    require(
        in_front == len(report.recordings) > 0,
        f"Readers were given {in_front} of {len(report.recordings)} new results.",
    )
    return Told(
        "Second analysis",
        f"{in_front} recordings of {study} answered again by the new champion: the displayed "
        f"expression changes at {interval(changed)} of the moments; readers take "
        "the new results, the old ones stay",
        run=(REPROCESS, run_id),
        path=stage.path(key).with_name("report.html"),
        figures={"recordings": in_front, "changed": changed},
    )


def rollback(stage: Stage) -> Told:
    """Roll back to the version that answered before the approval.

    Raises:
        StepFailedError: The run failed, or another version answers than its record says.
    """
    before = champion(stage)
    run_id = stage.run(ROLLBACK, {"why": "the demonstration ends"})
    after = champion(stage)
    moved = stage.lake.read(ROLLBACK_RECORD, keys.rollback_record(run_id))
    require(
        (moved.source, after.version) == (before.version, moved.target)
        and after.version != before.version,
        f"Version {after.version} answers after a rollback from version {before.version}.",
    )
    return Told(
        "Rollback",
        f"version {after.version} answers again, version {before.version} stays approved",
        run=(ROLLBACK, run_id),
        path=stage.path(keys.rollback_record(run_id)),
        figures={"from": before.version, "to": after.version},
    )


def _request(stage: Stage, run_id: str) -> RetrainingRequest:
    found = stage.ledger.retraining.of_run(run_id)
    require(found is not None, f"{run_id} has no request in the ledger.")
    assert found is not None
    return found


def _document(stage: Stage, request: RetrainingRequest, document: documents.Document[T]) -> T:
    return stage.lake.read(document.form, document.key(request.request_id))
