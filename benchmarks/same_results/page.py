"""What was found, for a terminal and as docs/same-results.md."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby

from benchmarks.same_results.accepted import ACCEPTED
from benchmarks.same_results.judging import Group, Outcome


def table(outcome: Outcome) -> str:
    """Return the counts of files as a table of Markdown."""
    rows = [
        (kind.name, kind.files, kind.equal, kind.changed, kind.refused) for kind in outcome.kinds
    ]
    total = tuple(sum(column) for column in zip(*(row[1:] for row in rows), strict=True))
    return _table(
        ("files", "n", "equal", "changed, accepted", "changed, refused"), [*rows, ("all", *total)]
    )


def differences(outcome: Outcome) -> str:
    """Return every field that differs, what nobody accepted first."""
    lines = ["", f"not accepted: {len(outcome.refused)}", ""]
    for group in outcome.groups:
        why = group.reason or "NOT ACCEPTED"
        where = f"{group.kind}: {group.place}, {group.times} times in {group.files} file(s)"
        lines += [f"{where}: {why}", f"    {group.before!r} -> {group.after!r}"]
    lines += [f"accepted, but not seen: {reason}" for reason in outcome.unseen]
    return "\n".join([*lines, ""])


def page(outcome: Outcome) -> str:
    """Return docs/same-results.md."""
    audited = any(kind.name.startswith("audit/") for kind in outcome.kinds)
    audit = f"audit the packed model on {outcome.people} faces of the same set, "
    parts = f" --people {outcome.people}"
    if not audited:
        audit, parts = "", " --parts videos,comparison"
    head = (
        "# The same results\n\n"
        f"Made by `make same-results ARGS='{outcome.before[:7]}{parts} --page'`: build "
        f"{outcome.before[:7]} and build {outcome.after[:7]}, each with what its own lock names, "
        f"analyse the same sample videos, {audit}and print a comparison of networks from the same "
        "figures. Compared is every published file and the lake behind it: tables by columns and "
        "values, JSON by path, pages by the words that people see. Nothing is filled in by hand. "
        "Reasons stand in `benchmarks/same_results/accepted.py`; a difference without one makes "
        "the command fail. Not compared: a bias audit that is not named here, the demo loop.\n"
    )
    shown = [head, table(outcome)]
    if outcome.refused:
        shown.append("## Not accepted\n\n" + _differences(outcome.refused))
    shown.append("## Accepted, with the reason\n")
    reasoned = [group for group in outcome.groups if group.reason is not None]
    order = {entry.reason: number for number, entry in enumerate(ACCEPTED)}
    reasoned.sort(key=lambda group: order[group.reason or ""])
    for reason, groups in groupby(reasoned, key=lambda group: group.reason):
        shown.append(f"{reason}\n\n{_differences(groups)}")
    if outcome.unseen:
        unseen = "".join(f"- {reason}\n" for reason in dict.fromkeys(outcome.unseen))
        shown.append(f"## Accepted, and not there\n\n{unseen}")
    return "\n".join(shown)


def _differences(groups: Iterable[Group]) -> str:
    return _table(
        ("files", "what", "times", "for example before", "and now"),
        [
            (group.kind, f"`{group.place}`", group.times, _code(group.before), _code(group.after))
            for group in groups
        ],
    )


def _code(text: str) -> str:
    return f"`{text.replace('|', '/').replace('`', '')}`" if text else ""


def _table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(str(cell) for cell in line)} |\n" for line in lines)
