"""Settings of the way from a dropped recording to a published result."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from include.contracts.purposes import ALLOWED, is_allowed
from include.settings.values import (
    DAY_S,
    MIB,
    AbsolutePath,
    AddedPurposes,
    DatabaseUrl,
    Group,
    HttpUrl,
    ImageUri,
    InstanceType,
    LakeUrl,
    LogUrls,
    Names,
    PollSeconds,
    Region,
    RoleArn,
    Schedule,
    Seconds,
    Share,
    Threads,
    Word,
)


class StorageSettings(Group):
    """Where data and state live."""

    lake_url: LakeUrl = "file:///var/lib/fex/lake"
    """Where recordings are dropped and results are published."""
    ledger_url: DatabaseUrl = "sqlite:////var/lib/fex/ledger.sqlite"
    """The work queue: SQLite embedded, PostgreSQL in production."""
    scratch_dir: AbsolutePath = Path("/var/lib/fex/scratch")
    """Local working space of tasks; nothing there outlives a task."""
    s3_endpoint_url: HttpUrl | None = None
    """Only for S3-compatible stores; credentials come from the standard AWS chain."""
    s3_region: Region = "eu-central-1"
    """Region of the lake's bucket and of every AWS service."""


class DiscoverySettings(Group):
    """Listing, stability, claims."""

    schedule: Schedule = "* * * * *"
    """When the intake looks for new recordings."""
    max_active_batches: Annotated[int, Field(ge=1, le=64)] = 2
    """Analysis runs at a time."""
    stable_for_s: Annotated[float, Field(ge=0, le=DAY_S)] = 30.0
    """Size and etag must stay unchanged this long before a recording is claimed."""
    max_videos_per_batch: Annotated[int, Field(ge=1, le=1000)] = 100
    """Recordings of one analysis run."""
    max_batches_per_run: Annotated[int, Field(ge=1, le=1000)] = 8
    """Batches that one intake run opens; the next run goes on."""
    lease_s: Seconds = 6 * 3600
    """A claim older than this is taken over."""
    max_attempts: Annotated[int, Field(ge=1, le=100)] = 3
    """Analysis runs a recording may fail before it is marked failed."""
    added_purposes: AddedPurposes = ()
    """Purposes that are allowed beside the built-in ones, each `purpose=Name of the person` who
    answers for it."""
    denied_purposes: Names = ()
    """Words that deny a purpose beside those of workplaces and education, which always do
    (EU AI Act, Article 5(1)(f))."""
    default_purpose: Word = "market_research"
    """Used when a study has no study.yaml; `none` where each must state its own (production)."""
    consent: Literal["required", "not_required"] = "not_required"
    """Whether a recording needs a consent in respondents.csv where study.yaml does not say so;
    `required` in production."""

    @property
    def added_purpose_names(self) -> tuple[str, ...]:
        """The added purposes without the persons."""
        return tuple(text.partition("=")[0].strip() for text in self.added_purposes)

    @property
    def stated_default(self) -> str | None:
        """The default purpose; None where each study must state its own."""
        return (
            None
            if self.default_purpose.strip().casefold() in ("", "none")
            else self.default_purpose
        )

    @model_validator(mode="after")
    def _default_purpose_is_allowed(self) -> Self:
        default = self.stated_default
        if default is not None and not is_allowed(default, self.added_purpose_names):
            allowed = ", ".join((*ALLOWED, *self.added_purpose_names))
            raise ValueError(
                f"DEFAULT_PURPOSE ({default!r}) must be one of {allowed}, or none; others are "
                "allowed by ADDED_PURPOSES"
            )
        return self


class LimitSettings(Group):
    """What a recording may be at most (checked before and while decoding)."""

    max_size_bytes: Annotated[int, Field(ge=1, le=1 << 40)] = 20 * 1024 * MIB
    """Size of the file."""
    max_duration_s: Annotated[float, Field(gt=0, le=7 * DAY_S)] = 4 * 3600
    """Length of the recording."""
    max_pixels: Annotated[int, Field(ge=1024, le=1 << 28)] = 4096 * 2304
    """Width times height of the picture."""
    min_side_px: Annotated[int, Field(ge=1, le=4096)] = 32
    """Shorter side of the picture, at least."""
    max_frames: Annotated[int, Field(ge=1, le=1_000_000_000)] = 2_000_000
    """Frames of the recording."""
    decoder_memory_bytes: Annotated[int, Field(ge=64 * MIB, le=1 << 40)] = 600 * MIB
    """Resident memory bound of the confined child."""
    decoder_cpu_s_per_video_s: Annotated[float, Field(ge=0.1, le=10_000)] = 20.0
    """CPU budget of the confined child per second of video (plus a fixed minute)."""


class ExtractionSettings(Group):
    """Sampling, detection, alignment. Part of the identity of an extraction."""

    sample_rate_hz: Annotated[float, Field(ge=0.001, le=240)] = 1.0
    """Sampled moments per second."""
    detection_width_px: Annotated[int, Field(ge=64, le=4096)] = 320
    """The frame is scaled so that its longer side is this before detection."""
    detector_score_min: Share = 0.5
    """Score of the detector under which nothing counts as a face."""
    min_face_px: Annotated[int, Field(ge=1, le=4096)] = 24
    """Faces whose box has a shorter side than this are not read."""
    min_blur: Annotated[float, Field(ge=0, le=10_000)] = 5.0
    """Sharpness (variance of the Laplacian) under which a face is not read."""
    brightness_min: Annotated[float, Field(ge=0, le=255)] = 25.0
    """Mean grey value under which a face is not read."""
    brightness_max: Annotated[float, Field(ge=0, le=255)] = 235.0
    """Mean grey value above which a face is not read."""
    max_yaw_deg: Annotated[float, Field(gt=0, le=90)] = 60.0
    """Heads turned further are in profile and are not read."""
    crop_side_px: Annotated[int, Field(ge=32, le=1024)] = 112
    """Side of the face crops that the model gets."""
    jpeg_quality: Annotated[int, Field(ge=50, le=100)] = 95
    """Quality of crops and frames."""
    shard_max_bytes: Annotated[int, Field(ge=1024, le=100 * MIB)] = 5 * MIB
    """Each shard stays under the transform payload limit."""
    frame_max_side_px: Annotated[int, Field(ge=64, le=8192)] = 640
    """Sampled frames are kept at this size at most."""
    max_faces_per_instant: Annotated[int, Field(ge=1, le=1000)] = 10
    """Faces of one moment, the surest first."""

    @model_validator(mode="after")
    def _some_light_is_left(self) -> Self:
        if self.brightness_min >= self.brightness_max:
            raise ValueError(
                f"BRIGHTNESS_MIN ({self.brightness_min:g}) must be below "
                f"BRIGHTNESS_MAX ({self.brightness_max:g})"
            )
        return self


class ValidationSettings(Group):
    """Levels of the data-quality gate."""

    usable_share_warning: Share = 0.6
    """Share of moments with a usable face under which a recording is flagged."""
    usable_share_error: Share = 0.0
    """Refused at or under this share of moments with a usable face; 0: only a warning."""
    coverage_min: Share = 0.98
    """Rows present against moments expected."""


class TransformSettings(Group):
    """The batch inference job."""

    backend: Literal["embedded", "sagemaker"] = "embedded"
    """Worker processes on this machine, or SageMaker Batch Transform."""
    deferrable: bool = False
    """True in production: the task gives its worker slot back while the job runs."""
    poll_interval_s: PollSeconds = 1.0
    """Time between two looks at the job."""
    timeout_s: Seconds = 6 * 3600
    """A job that takes longer is stopped."""
    max_generations: Annotated[int, Field(ge=1, le=100)] = 3
    """Jobs that may fail before the batch does; each asks only for what is missing."""
    embedded_workers: Threads = 1
    """Processes of an embedded job."""
    embedded_threads: Threads = 2
    """Threads of each of them."""
    jobs_dir: AbsolutePath = Path("/var/lib/fex/jobs")
    """Embedded jobs: specification, status and process id of each."""
    instance_type: InstanceType = "ml.m5.large"
    """Machine of a SageMaker job."""
    instance_count: Annotated[int, Field(ge=1, le=100)] = 1
    """Machines of a SageMaker job."""
    max_concurrent_transforms: Annotated[int, Field(ge=1, le=100)] = 1
    """Requests that a machine answers at a time; times `MAX_PAYLOAD_MB` at most 100."""
    max_payload_mb: Annotated[int, Field(ge=1, le=100)] = 6
    """Largest request."""
    role_arn: RoleArn | None = None
    """Execution role of the SageMaker model; required by the SageMaker backend."""
    image_uri: ImageUri | None = None
    """Inference container; required by the SageMaker backend."""
    aws_conn_id: Word | None = None
    """Airflow connection of the SageMaker calls; without it the standard AWS chain."""


class ReportSettings(Group):
    """What is published beside the tables."""

    annotated_video: bool = False
    """Also publish annotated.mp4 with faces blurred."""


class ReprocessSettings(Group):
    """Re-analysis by another model (docs/decisions/0019-reprocess.md)."""

    max_recordings: Annotated[int, Field(ge=1, le=2000)] = 200
    """Recordings that one run analyses again; the next run goes on."""


class ErasureSettings(Group):
    """Where an erasure looks for what is left, beside the lake, the ledger and MLflow."""

    log_urls: LogUrls = ()
    """Folders and buckets of Airflow's and the platform's logs. None: beside a lake on this
    machine, and where Airflow's own `AIRFLOW__LOGGING__*` and `AIRFLOW_HOME` say."""
    noted_in: AbsolutePath | None = None
    """File that tokens of erased recordings are added to, outside of what is backed up: a restore
    erases again what it names (docs/decisions/0034-backup.md)."""
