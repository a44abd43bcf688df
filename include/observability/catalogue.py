"""Every figure of the platform by name: what it counts, of what, and what it means.

Dashboards and alarms are made from this list, so they cannot ask for a figure that
nobody emits. Rooms that emit figures of their own list them here as well.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from include.observability.sink import Metric, Unit


@dataclass(frozen=True, slots=True)
class Figure:
    """One kind of figure.

    Attributes:
        name: As emitted.
        unit: What it counts.
        meaning: One sentence for people.
        dimensions: Names of its dimensions, always all of them.
        adds_up: An amount since the last one, not a level. See `Metric.adds_up`.
    """

    name: str
    unit: Unit
    meaning: str
    dimensions: tuple[str, ...] = ()
    adds_up: bool = False

    def at(self, time: datetime, value: float, **dimensions: str) -> Metric:
        """This figure at one time.

        Raises:
            ValueError: Other dimensions than listed, or a value nobody can emit.
        """
        if tuple(sorted(dimensions)) != tuple(sorted(self.dimensions)):
            raise ValueError(f"{self.name} is of {self.dimensions}, not of {tuple(dimensions)}")
        return Metric(self.name, value, self.unit, time, dimensions, adds_up=self.adds_up)


# --- the queue: a level, once per intake ---

QUEUE_DEPTH = Figure("QueueDepth", Unit.COUNT, "Recordings that wait for an analysis run.")
OLDEST_WAITING = Figure(
    "OldestWaiting",
    Unit.SECONDS,
    "How long the longest-waiting recording has been complete; 0 when none waits.",
)
IN_WORK = Figure("InWork", Unit.COUNT, "Recordings that an analysis run holds.")
OVERDUE = Figure(
    "OverdueClaims",
    Unit.COUNT,
    "Recordings whose run was not heard of within its lease: the next intake takes them over.",
)

# --- a batch: once, when it is settled ---

PUBLISHED = Figure(
    "RecordingsPublished", Unit.COUNT, "Recordings whose results were published.", adds_up=True
)
FAILURES = Figure(
    "Failures",
    Unit.COUNT,
    "Recordings that a batch did not publish, for whatever reason.",
    adds_up=True,
)
FAILURES_BY_REASON = Figure(
    "FailuresByReason",
    Unit.COUNT,
    "The same by reason: the code of the quarantine, how it failed, or `returned` to the queue.",
    ("Reason",),
    adds_up=True,
)
VIDEO_SECONDS = Figure(
    "VideoSeconds", Unit.SECONDS, "Seconds of video in what was published.", adds_up=True
)
VIDEO_SECONDS_PER_HOUR = Figure(
    "VideoSecondsPerHour",
    Unit.SECONDS,
    "Seconds of video published per hour that the batch took, from claim to settlement.",
)
BATCH_SECONDS = Figure(
    "BatchSeconds", Unit.SECONDS, "How long the batch took, from claim to settlement."
)
CPU_SECONDS = Figure(
    "CpuSeconds",
    Unit.SECONDS,
    "CPU time of the batch's tasks and of their ended child processes.",
    adds_up=True,
)
TRANSFORM_SECONDS = Figure(
    "TransformSeconds",
    Unit.SECONDS,
    "How long the batch's inference jobs took, times their instances.",
    adds_up=True,
)
COST = Figure(
    "Cost",
    Unit.NONE,
    "What the batch cost by the price table, in the table's currency.",
    ("Currency",),
    adds_up=True,
)
COST_PER_VIDEO_MINUTE = Figure(
    "CostPerVideoMinute",
    Unit.NONE,
    "The same per minute of published video.",
    ("Currency",),
)

# --- drift: once a day ---

DRIFT_EPISODE = Figure(
    "DriftEpisode",
    Unit.NONE,
    "State of a family's episode: 0 quiet, 1 suspected, 2 open.",
    ("Family",),
)
DRIFT_EFFECT = Figure(
    "DriftEffect",
    Unit.NONE,
    "Effect of a metric divided by its minimum: drift needs 1 or more, and significance.",
    ("Metric", "Baseline"),
)
DRIFT_RECORDINGS = Figure(
    "DriftRecordings",
    Unit.COUNT,
    "Recordings in the judged week.",
)

# --- the loop: emitted by the rooms that evaluate, audit and collect labels ---

EVALUATION_HEALTH = Figure(
    "EvaluationHealth", Unit.NONE, "The rule's verdict: 0 healthy, 1 watch, 2 degraded.", ("Model",)
)
EVALUATION_ACCURACY = Figure(
    "EvaluationAccuracy", Unit.NONE, "Weighted accuracy on fresh labels.", ("Model",)
)
EVALUATION_MACRO_F1 = Figure(
    "EvaluationMacroF1", Unit.NONE, "Weighted macro-F1 on fresh labels.", ("Model",)
)
EVALUATION_LABELS = Figure(
    "EvaluationLabels", Unit.COUNT, "Labelled faces the evaluation rests on.", ("Model",)
)
LABELLED_FACES = Figure("LabelledFaces", Unit.COUNT, "Faces with labels so far.")
LABEL_VOTES = Figure("LabelVotes", Unit.COUNT, "Answers of annotators taken in.", adds_up=True)
LABEL_AGREEMENT = Figure(
    "LabelAgreementAlpha", Unit.NONE, "Agreement of annotators, Krippendorff's alpha."
)
BIAS_RED = Figure(
    "BiasAuditRedComparisons", Unit.COUNT, "Red comparisons of the last bias audit.", ("Panel",)
)

PLATFORM = (
    QUEUE_DEPTH,
    OLDEST_WAITING,
    IN_WORK,
    OVERDUE,
    PUBLISHED,
    FAILURES,
    FAILURES_BY_REASON,
    VIDEO_SECONDS,
    VIDEO_SECONDS_PER_HOUR,
    BATCH_SECONDS,
    CPU_SECONDS,
    TRANSFORM_SECONDS,
    COST,
    COST_PER_VIDEO_MINUTE,
)
DRIFT = (DRIFT_EPISODE, DRIFT_EFFECT, DRIFT_RECORDINGS)
LOOP = (
    EVALUATION_HEALTH,
    EVALUATION_ACCURACY,
    EVALUATION_MACRO_F1,
    EVALUATION_LABELS,
    LABELLED_FACES,
    LABEL_VOTES,
    LABEL_AGREEMENT,
    BIAS_RED,
)
FIGURES: dict[str, Figure] = {figure.name: figure for figure in (*PLATFORM, *DRIFT, *LOOP)}
"""All of them by name."""
