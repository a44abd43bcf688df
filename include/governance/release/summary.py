"""What the person who decides reads: Markdown for the approval form, from what was measured.

The same text is kept in the lake, in Airflow and in notices, where nobody can erase it. So it
names no recording (its name may be a person's), shows no face, and points at analyses by
their ids; `side-by-side.json` beside it has the names.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from include.contracts.markdown import code, plain
from include.statistics import words

if TYPE_CHECKING:
    from include.governance.release.documents import (
        Assembled,
        Audited,
        Beside,
        Evaluation,
        Gate,
        Opened,
        Registered,
        SideBySide,
    )
    from include.statistics.estimate import Estimate

_MOST_RECORDINGS = 10
_SHORT = 12


def approval_text(
    *,
    opened: Opened,
    assembled: Assembled,
    evaluation: Evaluation,
    audit: Audited,
    gates: Sequence[Gate],
    registered: Registered,
    side_by_side: SideBySide,
) -> str:
    """Return the Markdown of one retraining, from the documents its stages wrote."""
    parts = [
        (
            f"**Version {registered.version}** of {code(registered.name)} may replace the "
            f"champion, version {opened.champion.version}. Both classify *displayed expressions*."
        ),
        f"Asked for because: **{plain(opened.reason)}**"
        + (f" (evidence: {code(opened.evidence)})" if opened.evidence else "")
        + f". Learnt from {assembled.train} faces, "
        f"{assembled.new_labels_train} of them newly labelled; measured on faces that neither "
        "trained nor selected it.",
        "### On the same frozen faces\n" + _sets_table(evaluation),
        "### Gates\n" + _gates_list(gates),
        "### Bias audit\n" + _audit_list(audit),
        "### On recent recordings, side by side\n" + _recordings_table(side_by_side.recordings),
        (
            f"Details: {code(registered.documents)} in the lake (evaluation.html, "
            "model-card.md). **Approve** makes it the champion; the one before stays a rollback "
            "away. **Reject**, or no answer in time, changes nothing."
        ),
    ]
    return "\n\n".join(parts) + "\n"


def _sets_table(evaluation: Evaluation) -> str:
    rows = [
        (
            "| faces | n | accuracy before | after | difference (95 % interval) | "
            "macro F1 difference | McNemar p |"
        ),
        "|---|---:|---:|---:|---|---|---:|",
    ]
    for item in [evaluation.pool, *evaluation.sets]:
        before, after = item.champion, item.challenger
        rows.append(
            f"| {plain(item.name)} | {item.n} | {_share(before.accuracy)} | "
            f"{_share(after.accuracy)} | {_points(after.accuracy_less_first)} | "
            f"{_points(after.macro_f1_less_first)} | {after.p_value:.2g} |"
        )
    return "\n".join(rows)


def _gates_list(gates: Sequence[Gate]) -> str:
    return "\n".join(
        f"- {'passed' if gate.passed else '**failed**'}: {gate.name.replace('_', ' ')}. "
        f"{plain(gate.sentence)}"
        for gate in gates
    )


def _audit_list(audit: Audited) -> str:
    lines = [f"- {plain(sentence)}" for sentence in audit.findings or ()]
    if audit.verdict is not None:
        lines.insert(0, f"- **{audit.verdict}**; page: {code(audit.report or '')}")
    return "\n".join(lines)


def _recordings_table(recordings: Sequence[Beside]) -> str:
    if not recordings:
        return "Nothing was published recently: nothing to compare."
    rows = [
        (
            "| study / analysis | faces | answers that change | most frequent before | after | "
            "set aside before | after |"
        ),
        "|---|---:|---:|---|---|---:|---:|",
    ]
    for item in recordings[:_MOST_RECORDINGS]:
        change = item.change
        rows.append(
            f"| {_cell(item.study)} / {item.analysis_id[:_SHORT]} | {change.faces} | "
            f"{100 * change.changed:.1f} % | {change.dominant[0]} | "
            f"{change.dominant[1]} | {100 * change.abstained[0]:.1f} % | "
            f"{100 * change.abstained[1]:.1f} % |"
        )
    return "\n".join(rows)


def _share(figure: Estimate) -> str:
    return f"{100 * figure.value:.1f} %"


def _points(figure: Estimate | None) -> str:
    return "" if figure is None else words.points(figure)


def _cell(text: str) -> str:
    """Text that people chose, harmless in a table."""
    plain = "".join(char if char.isalnum() or char in " ._-" else "_" for char in text)
    return plain[:60]
