"""The lake's key layout. Every key the platform writes is made here.

```
incoming/{study}/{recording}                      dropped by people
extractions/{extraction_id}/                      manifest, shards/, frames/, extraction.json (last)
validations/{extraction_id}/result.json
transforms/{job_name}/                            input.manifest, output/**.out
transforms/answers/{model_sha256}/                {extraction_id}.json: where its answers are
analyses/{analysis_id}/predictions.parquet
published/{study}/{recording}/{analysis_id}/      results; manifest.json (last)
published/{study}/{recording}/withdrawn.json      consent was taken back: results are not read
published/{study}/{recording}/current/            which result readers take: the last number counts
reprocess/{run}/                                  request.json, report.html; report.json (last)
quarantine/{study}/{recording}/{object_id}/       reason.json
retraining/{request_id}/                          data/, frozen/, training/, package/, documents
training-source/{sha256}/sourcedir.tar.gz         code of SageMaker training jobs
rollbacks/{run}.json                              from which version to which
comparisons/{run}/                                tables and page of a comparison of architectures
audit-log/{number}                                hash of that entry, noted by each check
erasures/{run}.json                               that somebody was erased: counts, nobody named
erasures/open/{run}.json                          what an erasure that is not done looks for
data-docs/{batch_id}/                             Great Expectations, index.html
labels/incoming/                                  answers to labels, dropped by people
labels/records/{queue_id}.json                    the design of a draw; not for annotators
labels/queues/{queue_id}/                         pictures/, tasks; queue.json (last)
labels/answers/{object_id}/                       copy and votes of a file; receipt.json (last)
labels/annotations/                               labels.csv, images/: what training reads
labels/summary.json, labels/index.html            queues, answers, agreement
evaluations/{evaluation_id}/                      index.html; evaluation.json (last)
audits/{audit_sha256}/                            record.json, report.html, sign-off.json
audits/by-model/{model_sha256}/                   {time}-{audit_sha256}.json, the newest last
audits/fixed-set/{set_id}/                        a lake of its own: the audit set's recordings,
                                                  and what came out per package
monitoring/figures/{day}.parquet                  figures of the recordings published on a day
monitoring/references/{stamp}.json                frozen references, the newest counts
monitoring/drift/{reference}/{day}/               index.html, Model Monitor's; report.json (last)
watch/metrics/{day}/                              figures of the platform, JSON Lines
watch/notices/{key}/                              notice.json, delivered.json (last)
watch/cpu/{batch_id}/                             CPU time of each try of its tasks
watch/batches/{batch_id}.json                     figures of a settled batch
```

`{study}` and `{recording}` of what we write are slugs: keys that people chose
are data, never a path.
"""

from __future__ import annotations

from datetime import date

from include.contracts.identity import slug

INCOMING = "incoming"
EXTRACTIONS = "extractions"
EXTRACTION_MARKER = "extraction.json"
TRANSFORMS = "transforms"
REPROCESS = "reprocess"
DRIFT_FIGURES = "monitoring/figures"
DATA_DOCS = "data-docs"
PUBLISHED = "published"
PUBLISHED_MANIFEST = "manifest.json"
"""Written last: the entry point of every reader of results."""
NOTICES = "watch/notices"
LABELS_INCOMING = "labels/incoming"
"""Where people drop answers; like `incoming/`, its keys are theirs."""
LABEL_RECORDS = "labels/records"
LABEL_QUEUES = "labels/queues"
LABEL_ANSWERS = "labels/answers"
LABEL_RECEIPT = "receipt.json"
LABEL_ANNOTATIONS = "labels/annotations"
"""The folder that `ml.data.annotations` reads."""
LABEL_MILESTONES = "labels/milestones"
LABEL_SUMMARY = "labels/summary.json"
LABEL_PAGE = "labels/index.html"
EVALUATIONS = "evaluations"
AUDIT_LOG_NOTES = "audit-log"
"""Hashes of entries of the ledger's audit log, kept where its database is not."""
DRIFT_REFERENCES = "monitoring/references"
DRIFT_REPORT = "report.json"
DRIFT_PAGE = "monitoring/index.html"
"""The page of the day judged last."""
AUDITS_BY_MODEL = "audits/by-model"
"""Pointers to all bias audits."""


def data_docs(batch_id: str) -> str:
    """Data Docs of one batch."""
    return f"{DATA_DOCS}/{batch_id}"


def extraction(extraction_id: str) -> str:
    """Prefix of one extraction."""
    return f"{EXTRACTIONS}/{extraction_id}"


def extraction_marker(extraction_id: str) -> str:
    """Written last: an extraction without it is not complete."""
    return f"{extraction(extraction_id)}/{EXTRACTION_MARKER}"


def extraction_manifest(extraction_id: str) -> str:
    """The manifest table (schema `MANIFEST`)."""
    return f"{extraction(extraction_id)}/manifest.parquet"


def shard(extraction_id: str, basename: str) -> str:
    """A tar of face crops; basenames are unique in the lake."""
    return f"{extraction(extraction_id)}/shards/{basename}"


def shard_basename(extraction_id: str, index: int) -> str:
    """Basename of shard `index` of an extraction."""
    return f"{extraction_id}-{index:05d}.tar"


def frames(extraction_id: str, index: int) -> str:
    """A tar of sampled frames, bounded in size, named `{instant:07d}.jpg`."""
    return f"{extraction(extraction_id)}/frames/{extraction_id}-{index:05d}.tar"


def validation_result(extraction_id: str) -> str:
    """Outcome of the data-quality suite."""
    return f"validations/{extraction_id}/result.json"


def transform_input(job_name: str) -> str:
    """SageMaker `ManifestFile` of a job."""
    return f"{TRANSFORMS}/{job_name}/input.manifest"


def transform_output(job_name: str) -> str:
    """Output prefix of a job: one prefix per job."""
    return f"{TRANSFORMS}/{job_name}/output"


def transform_answers(model_sha256: str, extraction_id: str) -> str:
    """Which shards of an extraction a model has answered, and where the answers lie."""
    return f"{TRANSFORMS}/answers/{model_sha256}/{extraction_id}.json"


def analysis_predictions(analysis_id: str) -> str:
    """Collected predictions of one analysis (schema `PREDICTIONS`)."""
    return f"analyses/{analysis_id}/predictions.parquet"


def published_recording(study: str, recording: str) -> str:
    """Prefix of all results of one recording."""
    return f"{PUBLISHED}/{slug(study)}/{slug(recording)}"


def published(study: str, recording: str, analysis_id: str) -> str:
    """Prefix of one recording's results; `manifest.json` there is written last."""
    return f"{published_recording(study, recording)}/{analysis_id}"


def withdrawn(study: str, recording: str) -> str:
    """Why the results of a recording are read no more: consent was taken back."""
    return f"{published_recording(study, recording)}/withdrawn.json"


def current_choices(study: str, recording: str) -> str:
    """Prefix of the choices of which result readers take."""
    return f"{published_recording(study, recording)}/current"


def current_choice(study: str, recording: str, number: int) -> str:
    """One choice, from 1; the last one counts."""
    return f"{current_choices(study, recording)}/{number:06d}.json"


def reprocess(run_id: str, name: str) -> str:
    """A document of a run that re-analyses: `request.json`, `report.html`, `report.json`."""
    return f"{REPROCESS}/{slug(run_id)}/{name}"


def quarantined(study: str, recording: str) -> str:
    """Prefix of the reasons for which versions of a recording were set aside."""
    return f"quarantine/{slug(study)}/{slug(recording)}"


def quarantine_reason(study: str, recording: str, object_id: str) -> str:
    """The reason one version of a recording was set aside."""
    return f"{quarantined(study, recording)}/{object_id}/reason.json"


def retraining(request_id: str) -> str:
    """Prefix of everything that one retraining wrote."""
    return f"retraining/{request_id}"


def retraining_data(request_id: str) -> str:
    """What a training reads: faces, recipe, the weights it starts from; `bundle.json` last."""
    return f"{retraining(request_id)}/data"


def retraining_frozen_sets(request_id: str) -> str:
    """Prefix of the faces that champion and challenger are measured on."""
    return f"{retraining(request_id)}/frozen"


def retraining_frozen(request_id: str, name: str) -> str:
    """Faces that champion and challenger are measured on, as one zip."""
    return f"{retraining_frozen_sets(request_id)}/{name}.zip"


def retraining_output(request_id: str) -> str:
    """What the training jobs leave."""
    return f"{retraining(request_id)}/training"


def retraining_checkpoints(request_id: str) -> str:
    """Where a SageMaker job keeps its checkpoints."""
    return f"{retraining(request_id)}/checkpoints"


def retraining_package(request_id: str) -> str:
    """The challenger."""
    return f"{retraining(request_id)}/package/model.tar.gz"


def retraining_document(request_id: str, name: str) -> str:
    """A document about the run: `opened.json`, `gates.json`, `decision.json`, pages."""
    return f"{retraining(request_id)}/{name}"


def training_source(sha256: str) -> str:
    """The code that SageMaker training jobs run, named by its content."""
    return f"training-source/{sha256}/sourcedir.tar.gz"


def rollback_record(run_id: str) -> str:
    """What a rollback moves from and to; written before it moves anything."""
    return f"rollbacks/{slug(run_id)}.json"


def audit_log_note(number: int) -> str:
    """The hash of one entry of the audit log."""
    return f"{AUDIT_LOG_NOTES}/{number:012d}"


def erasure(run_id: str) -> str:
    """That a person's recordings were erased, without saying whose."""
    return f"erasures/{slug(run_id)}.json"


def open_erasure(run_id: str) -> str:
    """Whom and what an erasure looks for: as long as it is not done, and not a day longer."""
    return f"erasures/open/{slug(run_id)}.json"


def comparison(run_id: str) -> str:
    """Prefix of one comparison of architectures."""
    return f"comparisons/{slug(run_id)}"


def drift_figures(day: date) -> str:
    """Figures of the recordings first published on a day, written when it is over."""
    return f"{DRIFT_FIGURES}/{day.isoformat()}.parquet"


def drift_reference(stamp: str) -> str:
    """One frozen reference; `stamp` orders them by time."""
    return f"{DRIFT_REFERENCES}/{stamp}.json"


def drift_days(reference_id: str) -> str:
    """Prefix of the days judged against a reference; `none` where there was none yet."""
    return f"monitoring/drift/{reference_id}"


def drift_day(reference_id: str, day: date) -> str:
    """Prefix of one judged day; `report.json` there is written last."""
    return f"{drift_days(reference_id)}/{day.isoformat()}"


def metrics_day(day: date) -> str:
    """Prefix of a day's figures (UTC) in the embedded sink."""
    return f"watch/metrics/{day.isoformat()}"


def metrics_part(day: date, name: str) -> str:
    """What one call emitted; `name` is a hash of it."""
    return f"{metrics_day(day)}/{name}.jsonl"


def metrics_whole(day: date) -> str:
    """A past day's figures put together."""
    return f"{metrics_day(day)}/day.jsonl"


def cpu_notes(batch_id: str) -> str:
    """CPU time of the tasks of a batch."""
    return f"watch/cpu/{slug(batch_id)}"


def cpu_note(batch_id: str, task: str) -> str:
    """CPU time of one try of a task; `task` names both."""
    return f"{cpu_notes(batch_id)}/{slug(task)}.json"


def batch_figures(batch_id: str) -> str:
    """Figures of a settled batch, written after they were emitted."""
    return f"watch/batches/{slug(batch_id)}.json"


def notice(key: str) -> str:
    """Prefix of one notice to people; the key is free text."""
    return f"{NOTICES}/{slug(key)}"


def audit_record(audit_sha256: str) -> str:
    """The record of a bias audit, under the hash of its own bytes."""
    return f"audits/{audit_sha256}/record.json"


def audit_page(audit_sha256: str) -> str:
    """The same for people."""
    return f"audits/{audit_sha256}/report.html"


def audit_sign_off(audit_sha256: str) -> str:
    """The one decision a named person made on an audit."""
    return f"audits/{audit_sha256}/sign-off.json"


def audits_of_model(model_sha256: str) -> str:
    """Prefix of the pointers to a package's audits."""
    return f"{AUDITS_BY_MODEL}/{model_sha256}"


def audit_pointer(model_sha256: str, stamp: str, audit_sha256: str) -> str:
    """Pointer to an audit; `stamp` is its time, written so that it sorts."""
    return f"{audits_of_model(model_sha256)}/{stamp}-{audit_sha256}.json"


def audit_fixed_set(set_id: str) -> str:
    """Root of the nested lake in which a fixed audit set runs through the pipeline."""
    return f"audits/fixed-set/{set_id}"


def label_record(queue_id: str) -> str:
    """The design of one draw and the model's answers: apart, as annotators must not see it."""
    return f"{LABEL_RECORDS}/{queue_id}.json"


def label_queue(queue_id: str) -> str:
    """Prefix of what annotators get of one draw; `queue.json` there is written last."""
    return f"{LABEL_QUEUES}/{queue_id}"


def label_answer(object_id: str) -> str:
    """Prefix of one dropped file of answers: copy, votes, `receipt.json` last."""
    return f"{LABEL_ANSWERS}/{object_id}"


def label_milestone(faces_n: int) -> str:
    """Written when a retraining was started because so many faces were labelled."""
    return f"{LABEL_MILESTONES}/{faces_n:09d}.json"


def evaluation(evaluation_id: str) -> str:
    """Prefix of one evaluation; `evaluation.json` there is written last."""
    return f"{EVALUATIONS}/{evaluation_id}"
