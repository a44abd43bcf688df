"""Gates in front of a release: each one a rule, a figure and a sentence.

The rules are written down in docs/decisions/0018-release.md. A gate that fails ends the
run before anything is registered; the champion stays.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from include.governance.release.documents import Compared, Gate, Speed
from include.statistics import words

if TYPE_CHECKING:
    from include.settings import ReleaseSettings


def golden_gate(problem: str | None) -> Gate:
    """The packed model answers the golden pictures as it was sealed to.

    Args:
        problem: What `ml.evaluation.golden.check_golden` said, None where it passed.
    """
    said = problem or "Every golden picture is answered as sealed, by each engine."
    return Gate("golden_images", problem is None, said)


def not_worse_gate(pooled: Compared, sets: Sequence[Compared], settings: ReleaseSettings) -> Gate:
    """The challenger is not worse: little can have been lost, and nowhere is it surely worse.

    Non-inferiority on the pool: the lower end of each paired 95 % interval (challenger less
    champion) lies above the negative margin. On each set alone, the whole interval of the
    accuracy must not lie below zero.
    """
    if pooled.n < settings.min_rows:
        return Gate(
            "not_worse",
            False,
            f"Only {pooled.n} faces are scored, {settings.min_rows} are needed "
            "(FEX_RELEASE__MIN_ROWS): label more recordings.",
        )
    problems = [
        f"{name} may have fallen by more than {100 * margin:.1f} points: "
        f"{words.points(figure, said=True)}"
        for name, figure, margin in (
            ("accuracy", pooled.challenger.accuracy_less_first, settings.accuracy_margin),
            ("macro F1", pooled.challenger.macro_f1_less_first, settings.macro_f1_margin),
        )
        if figure is not None and not figure.low > -margin
    ]
    problems += [
        f"on {item.name} (n = {item.n}) it is surely worse: {words.points(figure, said=True)}"
        for item in sets
        if (figure := item.challenger.accuracy_less_first) is not None and figure.high < 0
    ]
    if problems:
        return Gate("not_worse", False, f"Worse than the champion: {'; '.join(problems)}.")
    accuracy, macro_f1 = (
        pooled.challenger.accuracy_less_first,
        pooled.challenger.macro_f1_less_first,
    )
    assert accuracy is not None
    assert macro_f1 is not None
    return Gate(
        "not_worse",
        True,
        f"Against the champion on {pooled.n} faces: accuracy {words.points(accuracy, said=True)}, "
        f"macro F1 {words.points(macro_f1, said=True)}.",
    )


def bias_gate(
    blocked_by: str | None, *, verdict: str | None, audit_sha256: str | None = None
) -> Gate:
    """No audit of the package blocks it.

    Args:
        blocked_by: What `include.governance.bias.gate.blocking_audit` said.
        verdict: Of the challenger's audit; None where none could be made.
        audit_sha256: Hash of that audit.
    """
    if blocked_by is not None:
        return Gate("bias", False, blocked_by)
    if verdict is None:
        return Gate(
            "bias",
            True,
            "Not audited: no audit set is named (FEX_AUDIT__FIXED_SET), and "
            "FEX_AUDIT__REQUIRED_FOR_PROMOTION does not ask for an audit.",
        )
    return Gate("bias", True, f"Bias audit {(audit_sha256 or '')[:12]} is {verdict}.")


def speed_gate(speed: Speed, settings: ReleaseSettings) -> Gate:
    """The challenger takes no more than `max_slowdown` times the champion's time per face."""
    said = (
        f"{speed.challenger_ms:.2f} ms a face, the champion takes {speed.champion_ms:.2f} ms: "
        f"{speed.ratio:.2f} times, {settings.max_slowdown:g} are allowed."
    )
    return Gate("speed", speed.ratio <= settings.max_slowdown, said)
