"""Settings of the model: registry, training, release, labels, evaluation."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, SecretStr, StringConstraints

from include.settings.values import (
    MONTH_S,
    AbsolutePath,
    Alias,
    Allowed,
    ArtifactUrl,
    Count,
    Group,
    ImageUri,
    InstanceType,
    ModelName,
    NamedPath,
    NamedPaths,
    PicturesRoot,
    PollSeconds,
    RoleArn,
    Schedule,
    Seconds,
    Share,
    Signers,
    SomeNames,
    Threads,
    TrackingUrl,
)

Days = Annotated[int, Field(ge=1, le=3660)]


class ModelSettings(Group):
    """The registered model."""

    registry: Literal["mlflow", "sagemaker"] = "mlflow"
    """Which registry holds the models."""
    name: ModelName = "expression-mobilenetv2"
    """The model's name there."""
    alias: Alias = "champion"
    """The version that carries it answers."""
    mlflow_tracking_uri: TrackingUrl = "sqlite:////var/lib/fex/mlflow.sqlite"
    """MLflow's database or server."""
    mlflow_artifact_uri: ArtifactUrl = "file:///var/lib/fex/mlflow-artifacts"
    """Where MLflow keeps packages."""
    signers: Signers = ()
    """Who may stand for a model package, each `name=key` (docs/decisions/0032-supply-chain.md).
    With one or more, a package that none of them signed is neither promoted nor answers."""


class RetrainingSettings(Group):
    """When a model is trained again, and on what (docs/decisions/0017-retraining.md)."""

    cooldown_s: Annotated[float, Field(ge=0, le=12 * MONTH_S)] = 24 * 3600.0
    """After an accepted request, further ones are recorded and start nothing for this long."""
    daily_cap: Annotated[int, Field(ge=1, le=100)] = 3
    """Retraining runs within any 24 hours, those started by hand included."""
    lease_s: Seconds = 96 * 3600.0
    """A run that was not heard of for this long counts as dead; longer than training and
    approval together may take."""
    recipe: Annotated[
        str,
        StringConstraints(pattern=r"^[A-Za-z0-9_/-]+$"),
        Allowed("the name of a recipe in `ml/training/recipes`, without its ending"),
    ] = "retraining"
    """Name of a recipe in `ml/training/recipes`, without its ending."""
    start_from: Literal["champion", "recipe"] = "champion"
    """Whose weights the training starts from."""
    base_set: NamedPath = ""
    """`name=path` of a labelled data set that is learnt beside the new labels."""
    base_split: AbsolutePath | None = None
    """Split manifest of the base set; none: the committed one of FER+."""
    evaluation_sets: NamedPaths = ()
    """`name=path` of labelled data sets that only measure; nothing like them is learnt."""
    held_out_share: Annotated[float, Field(ge=0, lt=1)] = 0.3
    """Share of the recordings with new labels that measures and is never learnt."""
    min_train_rows: Count = 200
    """With fewer labelled faces nothing is trained."""


class TrainingSettings(Group):
    """Where a training job runs."""

    backend: Literal["embedded", "sagemaker"] = "embedded"
    """A process on this machine, or a SageMaker training job."""
    poll_interval_s: PollSeconds = 2.0
    """Time between two looks at the job."""
    timeout_s: Seconds = 12 * 3600.0
    """A job that takes longer is stopped."""
    max_generations: Annotated[int, Field(ge=1, le=100)] = 3
    """Jobs that may fail before the run gives up; each goes on from the last checkpoint."""
    embedded_threads: Threads = 2
    """Threads of an embedded job."""
    abandoned_after_s: Seconds = 900.0
    """An embedded job that nobody asked about for this long stops itself."""
    instance_type: InstanceType = "ml.g4dn.xlarge"
    """Machine of a SageMaker job."""
    volume_gb: Annotated[int, Field(ge=1, le=16384)] = 30
    """Its disk."""
    spot: bool = True
    """Managed spot capacity: cheaper, interrupted at times, resumed from its checkpoint."""
    max_wait_s: Annotated[int, Field(ge=1, le=MONTH_S)] = 24 * 3600
    """Waiting for spot capacity and training together."""
    role_arn: RoleArn | None = None
    """Execution role of the training job; required by the SageMaker backend."""
    image_uri: ImageUri | None = None
    """AWS's PyTorch training container, or one like it; required by the SageMaker backend."""


class ReleaseSettings(Group):
    """What a new model must show, and who decides (docs/decisions/0018-release.md)."""

    approvers: SomeNames = ("approver",)
    """Names of the Airflow users who may approve a model; none approves what they asked for."""
    approval_timeout_h: Annotated[float, Field(gt=0, le=24 * 31)] = 48.0
    """After this long without an answer the model is rejected."""
    accuracy_margin: Share = 0.02
    """Accuracy that may be lost at most, by the lower end of the paired 95 % interval."""
    macro_f1_margin: Share = 0.04
    """The same of the macro F1."""
    min_rows: Count = 100
    """With fewer scored faces in all, nothing can be compared."""
    max_slowdown: Annotated[float, Field(ge=1, le=1000)] = 1.25
    """Time per face of the challenger over the champion's."""
    varied_pictures: Count = 300
    """Pictures that are spoilt for the model card's robustness figures."""
    side_by_side_days: Annotated[float, Field(gt=0, le=3660)] = 14.0
    """Days back in which recordings for the comparison side by side are looked for."""
    side_by_side_recordings: Annotated[int, Field(ge=1, le=1000)] = 10
    """Recent recordings that champion and challenger both answer, at most."""


class LabelSettings(Group):
    """What people are asked to label (docs/decisions/0016-labels-and-health.md)."""

    queue_schedule: Schedule = "0 4 * * 1"
    """When the label queue is drawn."""
    intake_schedule: Schedule = "*/15 * * * *"
    """When answers are read back."""
    window_days: Days = 7
    """Days back that the first draw reaches; each later one starts where the last ended."""
    random: Count = 150
    """Labels asked for by the random wish, in expectation."""
    uncertainty: Annotated[int, Field(ge=0, le=1_000_000)] = 100
    """Labels of faces that the model is unsure about, in expectation."""
    disagreement: Annotated[int, Field(ge=0, le=1_000_000)] = 50
    """Labels of faces that the challenger answers otherwise than the champion, in expectation."""
    uncertain_share: Annotated[float, Field(gt=0, le=1)] = 0.2
    """Share of the published faces that counts as uncertain."""
    cap_per_respondent: Count = 10
    """Most labels of one person in a draw."""
    pictures_root: PicturesRoot | None = None
    """Where annotators' Label Studio finds the folder `labels/queues`: `s3://bucket/...` with its
    cloud storage, or `/data/local-files/?d=...` with its local file serving. Default: the lake."""
    pseudonym_key: Annotated[
        SecretStr | None, Field(min_length=16), Allowed("16 characters or more", secret=True)
    ] = None
    """Secret that keys the pseudonyms of respondents and annotators.
    The embedded platform generates it. Changing it makes everybody somebody else."""
    retrain_after: Count = 500
    """Newly labelled faces after which a retraining is asked for."""


class EvaluationSettings(Group):
    """The evaluation of the champion on fresh labels, and what its rule tolerates."""

    schedule: Schedule = "0 6 * * 1"
    """When, besides after new labels."""
    max_age_days: Days = 56
    """Draws that ended earlier are not evaluated any longer."""
    tolerated_accuracy_drop: Share = 0.05
    """Accuracy lost against the released figures."""
    tolerated_macro_f1_drop: Share = 0.08
    """The same of the macro F1."""
    tolerated_overconfidence: Share = 0.10
    """Mean confidence above the accuracy."""
    min_judged: Count = 100
    """Fewer labels that can be judged decide nothing."""
    min_respondents: Count = 10
    """Fewer people decide nothing."""
