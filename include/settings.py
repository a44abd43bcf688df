"""One frozen settings object, read once from the environment by the composition root.

Every setting is `FEX_<GROUP>__<NAME>` in the environment, for example
`FEX_EXTRACTION__SAMPLE_RATE_HZ=2`. Defaults are the embedded platform: no AWS,
no Docker, no server. Production is the same code with other values.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from include.contracts.errors import ConfigurationError
from include.contracts.purposes import denied_context, folded

_MIB = 1 << 20

PositiveInt = Annotated[int, Field(gt=0)]
PositiveFloat = Annotated[float, Field(gt=0)]
Share = Annotated[float, Field(ge=0, le=1)]


def _added_purpose(text: str) -> str:
    """Hold an added purpose to its form; what is denied cannot be added."""
    purpose, _, person = (part.strip() for part in text.partition("="))
    if not folded(purpose) or len(person) < 2 or not any(map(str.isalpha, person)):
        raise ValueError(
            f"{text!r} is not `purpose=Name of the person` who answers for it, for example "
            "brand_tracking=Anna Muster"
        )
    if (context := denied_context(purpose)) is not None:
        raise ValueError(
            f"{purpose!r} cannot be allowed: analysing people's expressions for {context!r} is "
            "denied by the EU AI Act, Article 5(1)(f)"
        )
    return f"{folded(purpose)}={person}"


AddedPurpose = Annotated[str, AfterValidator(_added_purpose)]


class _Group(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class StorageSettings(_Group):
    """Where data and state live."""

    lake_url: str = "file:///var/lib/fex/lake"
    """`file:///absolute/folder` or `s3://bucket/prefix`."""
    ledger_url: str = "sqlite:////var/lib/fex/ledger.sqlite"
    """SQLAlchemy URL: SQLite embedded, PostgreSQL in production."""
    scratch_dir: Path = Path("/var/lib/fex/scratch")
    """Local working space of tasks; nothing there outlives a task."""
    s3_endpoint_url: str | None = None
    """Only for S3-compatible stores; credentials come from the standard AWS chain."""
    s3_region: str = "eu-central-1"


class DiscoverySettings(_Group):
    """Listing, stability, claims."""

    schedule: str = "* * * * *"
    """Cron expression of the intake."""
    max_active_batches: PositiveInt = 2
    """Analysis runs at a time."""
    stable_for_s: Annotated[float, Field(ge=0)] = 30.0
    """Size and etag must stay unchanged this long before a recording is claimed."""
    max_videos_per_batch: Annotated[int, Field(gt=0, le=1000)] = 100
    max_batches_per_run: PositiveInt = 8
    lease_s: PositiveFloat = 6 * 3600
    """A claim older than this is taken over."""
    max_attempts: PositiveInt = 3
    """Analysis runs a recording may fail before it is marked failed."""
    added_purposes: tuple[AddedPurpose, ...] = ()
    """Purposes that are allowed beside the built-in ones, each `purpose=Name of the person` who
    answers for it."""
    denied_purposes: tuple[str, ...] = ()
    """Words that deny a purpose beside those of workplaces and education, which always do
    (EU AI Act, Article 5(1)(f))."""
    default_purpose: str = "market_research"
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


class LimitSettings(_Group):
    """What a recording may be at most (checked before and while decoding)."""

    max_size_bytes: PositiveInt = 20 * 1024 * _MIB
    max_duration_s: PositiveFloat = 4 * 3600
    max_pixels: PositiveInt = 4096 * 2304
    min_side_px: PositiveInt = 32
    max_frames: PositiveInt = 2_000_000
    decoder_memory_bytes: PositiveInt = 600 * _MIB
    """Resident memory bound of the confined child."""
    decoder_cpu_s_per_video_s: PositiveFloat = 20.0
    """CPU budget of the confined child per second of video (plus a fixed minute)."""


class ExtractionSettings(_Group):
    """Sampling, detection, alignment. Part of the identity of an extraction."""

    sample_rate_hz: PositiveFloat = 1.0
    detection_width_px: PositiveInt = 320
    """The frame is scaled so that its longer side is this before detection."""
    detector_score_min: Share = 0.5
    min_face_px: PositiveInt = 24
    min_blur: Annotated[float, Field(ge=0)] = 5.0
    brightness_min: Annotated[float, Field(ge=0, le=255)] = 25.0
    brightness_max: Annotated[float, Field(ge=0, le=255)] = 235.0
    max_yaw_deg: Annotated[float, Field(gt=0, le=90)] = 60.0
    crop_side_px: PositiveInt = 112
    jpeg_quality: Annotated[int, Field(ge=50, le=100)] = 95
    shard_max_bytes: PositiveInt = 5 * _MIB
    """Each shard stays under the transform payload limit."""
    frame_max_side_px: PositiveInt = 640
    """Sampled frames are kept at this size at most."""
    max_faces_per_instant: PositiveInt = 10


class ValidationSettings(_Group):
    """Levels of the data-quality gate."""

    usable_share_warning: Share = 0.6
    usable_share_error: Share = 0.0
    """Refused at or under this share of instants with a usable face; 0: only a warning."""
    coverage_min: Share = 0.98
    """Rows present against instants expected."""


class TransformSettings(_Group):
    """The batch inference job."""

    backend: Literal["embedded", "sagemaker"] = "embedded"
    deferrable: bool = False
    """True in production: the task gives its worker slot back while the job runs."""
    poll_interval_s: PositiveFloat = 1.0
    timeout_s: PositiveFloat = 6 * 3600
    max_generations: PositiveInt = 3
    embedded_workers: PositiveInt = 1
    embedded_threads: PositiveInt = 2
    jobs_dir: Path = Path("/var/lib/fex/jobs")
    """Embedded jobs: specification, status and process id of each."""
    instance_type: str = "ml.m5.large"
    instance_count: PositiveInt = 1
    max_concurrent_transforms: PositiveInt = 1
    max_payload_mb: PositiveInt = 6
    role_arn: str | None = None
    """Execution role of the SageMaker model; required by the SageMaker backend."""
    image_uri: str | None = None
    """Inference container; required by the SageMaker backend."""
    aws_conn_id: str | None = None


class ModelSettings(_Group):
    """The registered model."""

    registry: Literal["mlflow", "sagemaker"] = "mlflow"
    name: str = "expression-mobilenetv2"
    alias: str = "champion"
    mlflow_tracking_uri: str = "sqlite:////var/lib/fex/mlflow.sqlite"
    mlflow_artifact_uri: str = "file:///var/lib/fex/mlflow-artifacts"


class RetrainingSettings(_Group):
    """When a model is trained again, and on what (docs/decisions/0017-retraining.md)."""

    cooldown_s: Annotated[float, Field(ge=0)] = 24 * 3600.0
    """After an accepted request, further ones are recorded and start nothing for this long."""
    daily_cap: PositiveInt = 3
    """Retraining runs within any 24 hours, those started by hand included."""
    lease_s: PositiveFloat = 96 * 3600.0
    """A run that was not heard of for this long counts as dead; longer than training and
    approval together may take."""
    recipe: Annotated[str, Field(pattern=r"^[A-Za-z0-9_/-]+$")] = "retraining"
    """Name of a recipe in `ml/training/recipes`, without its ending."""
    start_from: Literal["champion", "recipe"] = "champion"
    """Whose weights the training starts from."""
    base_set: str = ""
    """`name=path` of a labelled data set that is learnt beside the new labels; empty: none."""
    base_split: Path | None = None
    """Split manifest of the base set; None: the committed one of FER+."""
    evaluation_sets: tuple[str, ...] = ()
    """`name=path` of labelled data sets that only measure; nothing like them is learnt."""
    held_out_share: Share = 0.3
    """Share of the recordings with new labels that measures and is never learnt."""
    min_train_rows: PositiveInt = 200
    """With fewer labelled faces nothing is trained."""


class TrainingSettings(_Group):
    """Where a training job runs."""

    backend: Literal["embedded", "sagemaker"] = "embedded"
    poll_interval_s: PositiveFloat = 2.0
    timeout_s: PositiveFloat = 12 * 3600.0
    """A job that takes longer is stopped."""
    max_generations: PositiveInt = 3
    """Jobs that may fail before the run gives up; each goes on from the last checkpoint."""
    embedded_threads: PositiveInt = 2
    abandoned_after_s: PositiveFloat = 900.0
    """An embedded job that nobody asked about for this long stops itself."""
    instance_type: str = "ml.g4dn.xlarge"
    volume_gb: PositiveInt = 30
    spot: bool = True
    """Managed spot capacity: cheaper, interrupted at times, resumed from its checkpoint."""
    max_wait_s: PositiveInt = 24 * 3600
    """Waiting for spot capacity and training together."""
    role_arn: str | None = None
    """Execution role of the training job; required by the SageMaker backend."""
    image_uri: str | None = None
    """AWS's PyTorch training container, or one like it; required by the SageMaker backend."""


class ReleaseSettings(_Group):
    """What a new model must show, and who decides (docs/decisions/0018-release.md)."""

    approvers: Annotated[tuple[str, ...], Field(min_length=1)] = ("admin",)
    """Ids of the Airflow users who may approve a model."""
    approval_timeout_h: PositiveFloat = 48.0
    """After this long without an answer the model is rejected."""
    accuracy_margin: Share = 0.02
    """Accuracy that may be lost at most, by the lower end of the paired 95 % interval."""
    macro_f1_margin: Share = 0.04
    """The same of the macro F1."""
    min_rows: PositiveInt = 100
    """With fewer scored faces in all, nothing can be compared."""
    max_slowdown: Annotated[float, Field(ge=1)] = 1.25
    """Time per face of the challenger over the champion's."""
    varied_pictures: PositiveInt = 300
    """Pictures that are spoilt for the model card's robustness figures."""
    side_by_side_days: PositiveFloat = 14.0
    side_by_side_recordings: PositiveInt = 10
    """Recent recordings that champion and challenger both answer, at most."""


class ReprocessSettings(_Group):
    """Re-analysis by another model (docs/decisions/0019-reprocess.md)."""

    max_recordings: Annotated[int, Field(gt=0, le=2000)] = 200
    """Recordings that one run analyses again; the next run goes on."""


class ReportSettings(_Group):
    """What is published beside the tables."""

    annotated_video: bool = False
    """Also publish annotated.mp4 with faces blurred."""


class DriftSettings(_Group):
    """The drift monitor. What is measured rests on docs/decisions/0014-drift.md."""

    schedule: str = "30 2 * * *"
    """Cron expression, UTC; the day before is judged."""
    unit: Literal["study", "recording"] = "study"
    """What is independent: `recording` where there is only one study, see the decision."""
    min_recordings: PositiveInt = 20
    """Fewest recordings with a figure in each sample; with fewer nothing is said."""
    min_units: PositiveInt = 3
    """Fewest studies (or recordings) in each sample."""


class WatchSettings(_Group):
    """Where figures and notices of the platform go, and what things cost."""

    backend: Literal["embedded", "aws"] = "embedded"
    """`embedded`: the lake and the task log. `aws`: CloudWatch and SNS."""
    namespace: Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_/.-]{0,99}$")] = (
        "FacialExpression"
    )
    """Namespace of the figures in CloudWatch."""
    sns_topic_arn: str | None = None
    """Topic of the notices; required by `aws`."""
    statsd_host: str | None = None
    """Figures go to this StatsD listener as well, and Airflow's own figures with them."""
    statsd_port: Annotated[int, Field(ge=1, le=65535)] = 8125
    statsd_prefix: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,29}$")] = "fex"
    """First part of our figures' names there; Airflow's begin with `airflow`."""
    price_table: Path = Path(__file__).parent / "watch" / "prices.yaml"
    """What an hour of a machine costs: edit a copy and name it here."""
    analysis_deadline_s: PositiveFloat = 6 * 3600
    """An analysis run that is not done this long after it was queued is told to people."""
    intake_deadline_s: PositiveFloat = 15 * 60
    """The same for a run of the intake."""


class BiasAuditSettings(_Group):
    """The weekly bias audit (docs/decisions/0015-bias-audit.md)."""

    schedule: str = "0 5 * * 1"
    """Cron expression of the audit."""
    fixed_set: Path | None = None
    """Zip with `labels.csv` (file, age, gender, race as annotated by people) and `images/`.
    The audit needs it."""
    window_days: PositiveInt = 28
    """Production traffic that an audit reads, days back from its time."""
    declared_attributes: Annotated[tuple[str, ...], Field(min_length=1)] = (
        "age_group",
        "gender",
        "ethnicity",
    )
    """Columns of respondents.csv by which production traffic is grouped."""
    signers: Annotated[tuple[str, ...], Field(min_length=1)] = ("auditor",)
    """Ids of the Airflow users who may sign an audit."""
    sign_off_timeout_h: PositiveFloat = 6 * 24
    """How long an audit waits for its signature."""
    minimum_people: PositiveInt = 120
    """Figures that rest on fewer people are printed as insufficient and not judged."""
    tolerated_gap: Annotated[float, Field(gt=0, lt=1)] = 0.15
    """Largest gap to everybody else, of figures that have no better direction."""
    resamples: Annotated[int, Field(ge=200)] = 1000
    """Of the bootstrap behind every interval."""
    required_for_promotion: bool = False
    """Whether a package that was never audited may not be promoted. Set it in production."""


class LabelSettings(_Group):
    """What people are asked to label (docs/decisions/0016-labels-and-health.md)."""

    queue_schedule: str = "0 4 * * 1"
    """Cron expression of the label queue."""
    intake_schedule: str = "*/15 * * * *"
    """Cron expression of reading answers back."""
    window_days: PositiveInt = 7
    """Days back that the first draw reaches; each later one starts where the last ended."""
    random: PositiveInt = 150
    """Labels asked for by the random wish, in expectation."""
    uncertainty: Annotated[int, Field(ge=0)] = 100
    disagreement: Annotated[int, Field(ge=0)] = 50
    uncertain_share: Annotated[float, Field(gt=0, le=1)] = 0.2
    """Share of the published faces that counts as uncertain."""
    cap_per_respondent: PositiveInt = 10
    """Most labels of one person in a draw."""
    pictures_root: str | None = None
    """Where annotators' Label Studio finds the folder `labels/queues`: `s3://bucket/...` with its
    cloud storage, or `/data/local-files/?d=...` with its local file serving. Default: the lake."""
    pseudonym_key: Annotated[SecretStr | None, Field(min_length=16)] = None
    """Secret of 16 characters or more that keys the pseudonyms of respondents and annotators.
    The embedded platform generates it. Changing it makes everybody somebody else."""
    retrain_after: PositiveInt = 500
    """Newly labelled faces after which a retraining is asked for."""


class EvaluationSettings(_Group):
    """The evaluation of the champion on fresh labels, and what its rule tolerates."""

    schedule: str = "0 6 * * 1"
    """Cron expression; new labels start an evaluation too."""
    max_age_days: PositiveInt = 56
    """Draws that ended earlier are not evaluated any longer."""
    tolerated_accuracy_drop: Share = 0.05
    tolerated_macro_f1_drop: Share = 0.08
    tolerated_overconfidence: Share = 0.10
    min_judged: PositiveInt = 100
    """Fewer labels that can be judged decide nothing."""
    min_respondents: PositiveInt = 10
    """Fewer people decide nothing."""


class Settings(BaseSettings):
    """All settings. Build with `load_settings()`."""

    model_config = SettingsConfigDict(
        env_prefix="FEX_", env_nested_delimiter="__", frozen=True, extra="forbid"
    )

    storage: StorageSettings = StorageSettings()
    discovery: DiscoverySettings = DiscoverySettings()
    limits: LimitSettings = LimitSettings()
    extraction: ExtractionSettings = ExtractionSettings()
    validation: ValidationSettings = ValidationSettings()
    transform: TransformSettings = TransformSettings()
    model: ModelSettings = ModelSettings()
    report: ReportSettings = ReportSettings()
    reprocess: ReprocessSettings = ReprocessSettings()
    audit: BiasAuditSettings = BiasAuditSettings()
    drift: DriftSettings = DriftSettings()
    watch: WatchSettings = WatchSettings()
    retraining: RetrainingSettings = RetrainingSettings()
    training: TrainingSettings = TrainingSettings()
    release: ReleaseSettings = ReleaseSettings()
    labels: LabelSettings = LabelSettings()
    evaluation: EvaluationSettings = EvaluationSettings()


def load_settings() -> Settings:
    """Read the environment once.

    Raises:
        ConfigurationError: Names the environment variable and what it accepts.
    """
    try:
        return Settings()
    except ValidationError as error:
        first = error.errors()[0]
        name = "FEX_" + "__".join(str(part) for part in first["loc"]).upper()
        raise ConfigurationError(name, first["msg"]) from error
