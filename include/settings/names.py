"""Which `FEX_` variables there are, and what was meant by one that there is not."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterable

ELSEWHERE: dict[str, str] = {
    "FEX_HOME": "the embedded platform's folder; default `var/` of the checkout",
    "FEX_MODEL_ENGINE": "`torch` runs packages with PyTorch instead of their ONNX graph",
    "FEX_MODEL_THREADS": "threads of one model server",
    "FEX_API_PORT": "port of the UI in `docker-compose.yaml`; default 8080",
    "FEX_BACKUPS": "folder of backups in `docker-compose.backup.yaml`; default `./backups`",
    "FEX_SHARED_DATA": "folder of the data sets that some tests and benchmarks read",
    "FEX_BROWSER": "the Chromium that the browser tests run",
    "FEX_TEST_PACKAGE": "the model package that `tests/model` looks at",
    "FEX_FAULT_ROWS": "file to which `tests/chaos/test_production.py` adds a line for each fault",
    "FEX_TEST_STACK": "with 1, `tests/production` runs the whole stack, which takes minutes",
    # Set by the platform for its own processes, never by people.
    "FEX_PLATFORM_ID": "mark of the platform's own processes; set by the platform",
    "FEX_PLATFORM_COMPONENT": "name of a component's process; set by the platform",
    "FEX_CHECKPOINT_DIR": "checkpoints of a training job; set by the platform",
    "FEX_FAILURE_FILE": "where a training job says why it failed; set by the platform",
    "FEX_SPEC_HASH": "mark of a SageMaker model; set by the platform",
}
"""Variables that are read before there are settings, or by something that has none."""

FORMER: dict[str, str] = {
    "FEX_WATCH__BACKEND": (
        "it is two settings now: FEX_WATCH__FIGURES (`lake`, `cloudwatch`; for `aws` write "
        "`cloudwatch`) and FEX_WATCH__NOTICES (`log`, `sns`; for `aws` write `sns`)."
    ),
}
"""Settings of earlier versions: what to write instead."""

_OURS = re.compile(r"fex[_.-]", re.IGNORECASE)
_SLIP, _NEAR = 0.9, 0.6
"""Likeness of a name with a slip of the finger, and of one that can be meant at all."""


def unknown(environ: Iterable[str], settings: Collection[str]) -> list[tuple[str, str]]:
    """Return each name that looks like ours and is none, with what to do about it.

    Args:
        environ: Names of environment variables.
        settings: Names of all settings, `FEX_GROUP__NAME`.
    """
    return [
        (name, _advice(name, settings))
        for name in sorted(environ)
        if _OURS.match(name) and name not in settings and name not in ELSEWHERE
    ]


def _advice(name: str, settings: Collection[str]) -> str:
    if name in FORMER:
        return FORMER[name]
    if (plain := name.removesuffix("_FILE")) != name and plain in settings:
        return (
            f"only the containers' entry point reads a value from a file; set {plain} to the "
            "value itself."
        )
    if members := [item for item in settings if item.startswith(f"{name.rstrip('_').upper()}__")]:
        return f"this is a group of settings, not one. Write for example {members[0]}."
    meant = nearest(name, settings)
    advice = f"Did you mean {meant}? " if meant else ""
    return f"there is no such setting. {advice}docs/settings.md lists all of them."


def nearest(name: str, settings: Collection[str]) -> str | None:
    """Return the name that was probably meant, None when nothing is near.

    Case and the number of underscores do not count. A setting's own name without its
    group, or with a wrong one, is enough where only one group has it.
    """
    known = {_bare(item): item for item in (*settings, *ELSEWHERE)}
    bare = _bare(name)
    if bare in known:
        return known[bare]
    if slip := difflib.get_close_matches(bare, known, n=1, cutoff=_SLIP):
        return known[slip[0]]
    own = {item: item.partition("__")[2] for item in settings}
    words = set(_bare(name.partition("__")[2] or name).split("_"))
    if len(holding := [item for item in settings if words <= set(own[item].split("_"))]) == 1:
        return holding[0]
    same = {item: name for item, name in own.items() if f"_{bare}".endswith(f"_{name}")}
    longest = max(map(len, same.values()), default=0)
    best = [_bare(item) for item, name in same.items() if len(name) == longest]
    found = difflib.get_close_matches(bare, best or known, n=1, cutoff=0 if best else _NEAR)
    return known[found[0]] if found else None


def _bare(name: str) -> str:
    """A name without the prefix, in capitals, with single underscores."""
    return re.sub(r"[^A-Z0-9]+", "_", _OURS.sub("", name).upper())
