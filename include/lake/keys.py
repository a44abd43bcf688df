"""The lake's key layout. Every key the platform writes is made here.

```
incoming/{study}/{recording}                      dropped by people
extractions/{extraction_id}/                      manifest, shards/, frames/, extraction.json (last)
validations/{extraction_id}/result.json
transforms/{job_name}/                            input.manifest, output/**.out
transforms/answers/{model_sha256}/                {extraction_id}.json: where its answers are
analyses/{analysis_id}/predictions.parquet
published/{study}/{recording}/{analysis_id}/      results; manifest.json (last)
quarantine/{study}/{recording}/{object_id}/       reason.json
data-docs/{batch_id}/                             Great Expectations, index.html
watch/metrics/{day}/                              figures of the platform, JSON Lines
watch/notices/{key}/                              notice.json, delivered.json (last)
```

`{study}` and `{recording}` of what we write are slugs: keys that people chose
are data, never a path.
"""

from __future__ import annotations

from datetime import date

from include.contracts.identity import slug

INCOMING = "incoming"
EXTRACTIONS = "extractions"
DATA_DOCS = "data-docs"
PUBLISHED = "published"
PUBLISHED_MANIFEST = "manifest.json"
"""Written last: the entry point of every reader of results."""
STUDY_FILES = ("study.yaml", "study.yml", "respondents.csv")
"""Names under a study that describe it and are no recordings."""


def data_docs(batch_id: str) -> str:
    """Data Docs of one batch."""
    return f"{DATA_DOCS}/{batch_id}"


def extraction(extraction_id: str) -> str:
    """Prefix of one extraction."""
    return f"{EXTRACTIONS}/{extraction_id}"


def extraction_marker(extraction_id: str) -> str:
    """Written last: an extraction without it is not complete."""
    return f"{extraction(extraction_id)}/extraction.json"


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
    return f"transforms/{job_name}/input.manifest"


def transform_output(job_name: str) -> str:
    """Output prefix of a job: one prefix per job."""
    return f"transforms/{job_name}/output"


def transform_answers(model_sha256: str, extraction_id: str) -> str:
    """Which shards of an extraction a model has answered, and where the answers lie."""
    return f"transforms/answers/{model_sha256}/{extraction_id}.json"


def analysis_predictions(analysis_id: str) -> str:
    """Collected predictions of one analysis (schema `PREDICTIONS`)."""
    return f"analyses/{analysis_id}/predictions.parquet"


def published(study: str, recording: str, analysis_id: str) -> str:
    """Prefix of one recording's results; `manifest.json` there is written last."""
    return f"{PUBLISHED}/{slug(study)}/{slug(recording)}/{analysis_id}"


def quarantine_reason(study: str, recording: str, object_id: str) -> str:
    """The reason one version of a recording was set aside."""
    return f"quarantine/{slug(study)}/{slug(recording)}/{object_id}/reason.json"


def metrics_day(day: date) -> str:
    """Prefix of a day's figures (UTC) in the embedded sink."""
    return f"watch/metrics/{day.isoformat()}"


def metrics_part(day: date, name: str) -> str:
    """What one call emitted; `name` is a hash of it."""
    return f"{metrics_day(day)}/{name}.jsonl"


def metrics_whole(day: date) -> str:
    """A past day's figures put together."""
    return f"{metrics_day(day)}/day.jsonl"


def notice(key: str) -> str:
    """Prefix of one notice to people; the key is free text."""
    return f"watch/notices/{slug(key)}"


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
    return f"audits/by-model/{model_sha256}"


def audit_pointer(model_sha256: str, stamp: str, audit_sha256: str) -> str:
    """Pointer to an audit; `stamp` is its time, written so that it sorts."""
    return f"{audits_of_model(model_sha256)}/{stamp}-{audit_sha256}.json"


def audit_fixed_set(set_id: str) -> str:
    """Root of the nested lake in which a fixed audit set runs through the pipeline."""
    return f"audits/fixed-set/{set_id}"
