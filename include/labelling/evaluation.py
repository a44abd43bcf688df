"""One evaluation of a model: which draws it reads, what it found, what it decided.

**Window.** The newest draws with labels, as many as it takes to have enough of them: one
draw where people answer their queue, more where they lag behind. The window before it is
made of the next older draws in the same way. Frames of draws do not overlap, so the two are
independent, as the rule's comparison requires.

A face counts with the answer that was published when it was drawn, and only where the
evaluated package gave that answer. A package trained later on these labels is therefore
never measured by them: its own answers come from later draws.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta

import numpy as np
import numpy.typing as npt

from include.contracts.documents import Content, Form
from include.contracts.identity import stable_hash
from include.labelling.agreement import Agreement, agreement
from include.labelling.estimate import Estimates, LabelledSample, estimate, truth
from include.labelling.health import RULE_VERSION, Decision, Reference, Rule, decide
from include.labelling.queue import Draw, labelled_sample
from include.statistics.bootstrap import RESAMPLES

VERSION = 2
"""Raised when the same labels would be evaluated otherwise."""

LAST_WINDOW = "the last window"

Votes = Mapping[str, npt.NDArray[np.int64]]


@dataclass(frozen=True, slots=True)
class EvaluatedModel:
    """The registered version that is evaluated."""

    name: str
    version: str
    sha256: str


@dataclass(frozen=True, slots=True)
class WindowRead:
    """Draws that were read together, as they are kept.

    Attributes:
        since: First moment of the oldest; aware, ISO 8601.
        until: First moment after the newest; aware, ISO 8601.
        queues: The draws, the newest first.
        published: Faces that could have been drawn.
        asked: Faces drawn.
        labelled: Those with a label that the model answered.
        strata: Faces drawn that the model answered, by the wish that chose them.
    """

    since: str
    until: str
    queues: tuple[str, ...]
    published: int
    asked: int
    labelled: int
    strata: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Window:
    """Draws that are read together.

    Attributes:
        draws: The newest first.
        sample: Their labelled faces that the model answered.
    """

    draws: tuple[Draw, ...]
    sample: LabelledSample

    def kept(self, model: EvaluatedModel) -> WindowRead:
        """Return what is kept of it when a model was evaluated on it."""
        answered = (item for draw in self.draws for item in draw.answered_by(model.sha256))
        return WindowRead(
            since=min(draw.since for draw in self.draws).isoformat(),
            until=max(draw.until for draw in self.draws).isoformat(),
            queues=tuple(draw.queue_id for draw in self.draws),
            published=sum(draw.frame_n for draw in self.draws),
            asked=sum(len(draw.selected) for draw in self.draws),
            labelled=len(self.sample.respondents),
            strata=Counter(str(item.stratum) for item in answered),
        )


@dataclass(frozen=True, slots=True)
class EvaluationRecord:
    """An evaluation as it is kept: `evaluation.json`. Fields are those of `Evaluation`.

    Attributes:
        version: `VERSION` of the code that evaluated.
        rule_version: `RULE_VERSION` of the rule that decided.
        evaluated_at: Aware, ISO 8601.
    """

    version: int
    evaluation_id: str
    evaluated_at: str
    model: EvaluatedModel
    window: WindowRead
    before: WindowRead | None
    estimates: Estimates
    references: tuple[Reference, ...]
    rule: Rule
    rule_version: int
    decision: Decision
    agreement: Agreement | None


def _nested(content: Content) -> Content:
    """Schema 1 had the ends of a drop beside its name, and how many it rests on in its parts."""
    estimates, decision = content["estimates"], content["decision"]
    estimates["judged_n"] = estimates.pop("n")
    content["rule_version"] = content["rule"].pop("version")
    references = {reference["name"]: reference["figures"] for reference in content["references"]}
    for drop in decision["drops"]:
        parts = (references[drop["reference"]], estimates["figures"])
        ends = {name: drop.pop(name) for name in ("value", "low", "high")}
        drop["fell"] = ends | {"n": min(part[drop["figure"]]["n"] for part in parts)}
    return content


EVALUATION = Form(EvaluationRecord, schema=2, upgrades={1: _nested}, undefined=True, decimals=6)


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What an evaluation found.

    Attributes:
        evaluation_id: Identity of what went in: the same labels are the same evaluation.
        model: Who was evaluated.
        window: What was read.
        before: The window before it, where there is one.
        estimates: Figures of everything published in the window.
        references: What they were compared with.
        rule: What was tolerated.
        decision: Healthy, watch or degraded, with reasons.
        agreement: How far annotators agree on these faces; None where none has two answers.
    """

    evaluation_id: str
    model: EvaluatedModel
    window: Window
    before: Window | None
    estimates: Estimates
    references: tuple[Reference, ...]
    rule: Rule
    decision: Decision
    agreement: Agreement | None

    def kept(self, at: datetime) -> EvaluationRecord:
        """Return what is kept of it; `at` is when it was evaluated."""
        return EvaluationRecord(
            version=VERSION,
            evaluation_id=self.evaluation_id,
            evaluated_at=at.isoformat(),
            model=self.model,
            window=self.window.kept(self.model),
            before=None if self.before is None else self.before.kept(self.model),
            estimates=self.estimates,
            references=self.references,
            rule=self.rule,
            rule_version=RULE_VERSION,
            decision=self.decision,
            agreement=self.agreement,
        )


def evaluate(
    draws: Sequence[Draw],
    votes: Votes,
    model: EvaluatedModel,
    sealed: Reference | None,
    *,
    now: datetime,
    max_age: timedelta,
    rule: Rule,
    resamples: int = RESAMPLES,
) -> Evaluation | None:
    """Evaluate a model on fresh labels.

    Args:
        draws: Every draw.
        votes: Answers per row id, from `votes.counts`.
        model: Who is evaluated.
        sealed: The figures its package was sealed with, if it has any.
        now: Aware time.
        max_age: Draws whose window ended longer ago are not read as today's.
        rule: What is tolerated.
        resamples: Bootstrap resamples.

    Returns:
        The evaluation, or None where nothing the model published has a label.
    """
    newest_first = sorted(draws, key=lambda draw: (draw.until, draw.queue_id), reverse=True)
    recent = [draw for draw in newest_first if now - draw.until <= max_age]
    window = _window(recent, votes, model, rule.min_judged)
    if window is None:
        return None
    older = [draw for draw in newest_first if draw.until < window.draws[-1].until]
    before = _window(older, votes, model, rule.min_judged)
    estimates = estimate(window.sample, resamples=resamples)
    references = [] if sealed is None else [sealed]
    if before is not None:
        # The same seed would draw people alike in both windows, which must not look alike.
        past = estimate(before.sample, resamples=resamples, seed=1)
        references.append(Reference(LAST_WINDOW, past.figures))
    return Evaluation(
        evaluation_id=_identity(window, before, model, rule),
        model=model,
        window=window,
        before=before,
        estimates=estimates,
        references=tuple(references),
        rule=rule,
        decision=decide(estimates, references, rule),
        agreement=agreement(window.sample.votes, window.sample.respondents, resamples=resamples),
    )


def _window(
    draws: Sequence[Draw], votes: Votes, model: EvaluatedModel, min_judged: int
) -> Window | None:
    """Put the newest labelled draws together until enough faces can be judged."""
    chosen: list[Draw] = []
    judged_n = 0
    for draw in draws:
        sample = labelled_sample([draw], votes, model_sha256=model.sha256)
        if sample is None:
            continue
        chosen.append(draw)
        judged_n += int((truth(sample.votes) >= 0).sum())
        if judged_n >= min_judged:
            break
    sample = labelled_sample(chosen, votes, model_sha256=model.sha256)
    return None if sample is None else Window(tuple(chosen), sample)


def _identity(window: Window, before: Window | None, model: EvaluatedModel, rule: Rule) -> str:
    def content(part: Window | None) -> object:
        if part is None:
            return None
        queues = [draw.queue_id for draw in part.draws]
        return {"queues": queues, "votes": part.sample.votes.tolist()}

    return stable_hash(
        {
            "version": VERSION,
            "model": model.sha256,
            "window": content(window),
            "before": content(before),
            "rule": asdict(rule) | {"version": RULE_VERSION},
        }
    )
