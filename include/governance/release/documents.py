"""What the stages of a retraining write down, and the person who decides is told of.

Each is written when its stage has ended. Figures that nothing defines are null.
"""

from __future__ import annotations

from dataclasses import dataclass

from include.insights.change import Change
from ml.evaluation.standing import Standing


@dataclass(frozen=True, slots=True)
class Champion:
    """The version that answers while the challenger is made.

    Attributes:
        name: Of the model.
        version: Of the registry.
        sha256: Of its package.
        package_uri: Where that lies.
    """

    name: str
    version: str
    sha256: str
    package_uri: str = ""


@dataclass(frozen=True, slots=True)
class Opened:
    """Why a retraining runs, and what it must beat.

    Attributes:
        run_id: The Airflow run.
        reason: One of `REASONS` of `include.governance.retraining.requests`.
        evidence: Lake key of the report that asked; may be empty.
        recipe: Name of the training's recipe.
        asked_by: Who asked.
        asked_at: When, ISO 8601, aware.
        champion: What it must beat.
    """

    run_id: str
    reason: str
    evidence: str
    recipe: str
    asked_by: str
    asked_at: str
    champion: Champion


@dataclass(frozen=True, slots=True)
class Assembled:
    """What is learnt from and measured on.

    Attributes:
        train: Faces that train.
        validation: Faces that select.
        new_labels_train: Of those that train, how many were labelled on this platform.
        dropped: Faces left out of training, by reason.
        frozen: Faces that measure, by set.
        data_sha256: Of the sealed data.
    """

    train: int
    validation: int
    new_labels_train: int
    dropped: dict[str, int]
    frozen: dict[str, int]
    data_sha256: str


@dataclass(frozen=True, slots=True)
class Packaged:
    """The challenger's package.

    Attributes:
        sha256: Of its bytes.
        version: What it calls itself.
    """

    sha256: str
    version: str


@dataclass(frozen=True, slots=True)
class Compared:
    """One set of faces, answered by both.

    Attributes:
        name: What the faces are, for people.
        n: How many were scored.
        champion: Its figures.
        challenger: Its figures, and their differences to the champion's.
    """

    name: str
    n: int
    champion: Standing
    challenger: Standing


@dataclass(frozen=True, slots=True)
class Speed:
    """Median milliseconds per face of each, measured in turns on this machine."""

    champion_ms: float
    challenger_ms: float

    @property
    def ratio(self) -> float:
        """Times the champion's time; over 1 is slower."""
        return self.challenger_ms / self.champion_ms


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Champion and challenger on the same frozen faces.

    Attributes:
        champion: The version it was compared with.
        challenger_sha256: Of the challenger's package.
        pool: On all sets together.
        sets: On each.
        speed: Of both.
    """

    champion: Champion
    challenger_sha256: str
    pool: Compared
    sets: list[Compared]
    speed: Speed


@dataclass(frozen=True, slots=True)
class Audited:
    """What the audit of the challenger found; without findings it has begun alone.

    Attributes:
        at: Time of the audit, ISO 8601, aware; None where none was made.
        verdict: Red, amber or green; None where nothing was audited.
        audit_sha256: Of its record; None likewise.
        findings: Sentences for people; None while it is not done.
        report: URI of its page.
    """

    at: str | None = None
    verdict: str | None = None
    audit_sha256: str | None = None
    findings: list[str] | None = None
    report: str | None = None


@dataclass(frozen=True, slots=True)
class Gate:
    """One gate and how it was passed or not.

    Attributes:
        name: Stable, for machines.
        passed: Whether the model may go on.
        sentence: Why, with the figure and the rule, for people.
    """

    name: str
    passed: bool
    sentence: str


@dataclass(frozen=True, slots=True)
class Gates:
    """What each gate said, and whether all were passed."""

    passed: bool
    gates: list[Gate]

    @property
    def failed(self) -> list[Gate]:
        """Those that were not passed."""
        return [gate for gate in self.gates if not gate.passed]


@dataclass(frozen=True, slots=True)
class Registered:
    """The challenger in the registry.

    Attributes:
        name: Of the model.
        version: The challenger's.
        sha256: Of its package.
        documents: Lake prefix of everything about this retraining.
    """

    name: str
    version: str
    sha256: str
    documents: str


@dataclass(frozen=True, slots=True)
class Beside:
    """What would change in one published recording.

    Attributes:
        study: As people wrote it.
        recording: As people wrote it.
        analysis_id: Of the published result.
        prefix: Where that lies in the lake.
        change: From the champion's answers to the challenger's.
    """

    study: str
    recording: str
    analysis_id: str
    prefix: str
    change: Change


@dataclass(frozen=True, slots=True)
class SideBySide:
    """Both models on recent recordings.

    Attributes:
        since: Begin of the time in which they were published, ISO 8601, aware.
        until: Its end.
        recordings: The newest first.
    """

    since: str
    until: str
    recordings: list[Beside]
