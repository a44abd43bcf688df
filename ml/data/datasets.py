"""Every data set by name, and several of them as one table."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from types import MappingProxyType

import numpy as np

from include.contracts.errors import ConfigurationError
from include.contracts.labels import EXPRESSIONS
from ml.data import expw, fairface, fer2013, ferplus, rafdb
from ml.data.annotations import NAME as ANNOTATIONS
from ml.data.annotations import load_annotations
from ml.data.records import FaceRecord, FaceTable, tabulate
from ml.data.votes import majority

Loader = Callable[[Path], Iterator[FaceRecord]]
NamedSet = tuple[str, Path]
"""A name of `LOADERS` and where that data set lies."""

LOADERS: Mapping[str, Loader] = MappingProxyType(
    {
        ferplus.NAME: ferplus.load_ferplus,
        fer2013.NAME: fer2013.load_fer2013,
        rafdb.NAME: rafdb.load_rafdb,
        expw.NAME: expw.load_expw,
        ANNOTATIONS: load_annotations,
        fairface.NAME: fairface.load_fairface,
    }
)
"""Loaders by data set name; each reads the parts meant for development only."""

MAY_LACK_CLASSES: frozenset[str] = frozenset({ANNOTATIONS, fairface.NAME})
"""Sets in which an expression without any picture is no sign of damage."""


def load_set(name: str, path: Path) -> Iterator[FaceRecord]:
    """Yield the records of one data set.

    Raises:
        ConfigurationError: The name is unknown, or as the set's own loader.
    """
    if name not in LOADERS:
        raise ConfigurationError("--set", f"no data set {name!r}; known: {', '.join(LOADERS)}")
    return LOADERS[name](path)


def load_sets(sets: Sequence[NamedSet], side_px: int | None = None) -> FaceTable:
    """Read several data sets into one table, each row with its source.

    Pictures that occur more than once are merged as `ml.data.records.tabulate` says:
    votes are summed within a set; across sets those of the set named first stand.

    Args:
        sets: Data sets in order of precedence.
        side_px: Side of the table's pictures; needed where sets differ in size.

    Raises:
        ConfigurationError: No set is named, a set is not as its layout says, sizes
            differ without `side_px`, or an expression has no picture.
    """
    records = chain.from_iterable(load_set(name, path) for name, path in sets)
    try:
        table = tabulate(records, side_px)
    except ValueError as error:
        listed = ", ".join(f"{name}={path}" for name, path in sets) or "none given"
        raise ConfigurationError("--set", f"{error} (data sets: {listed})") from error
    require_every_class(table)
    return table


def require_every_class(table: FaceTable) -> None:
    """Refuse a table in which no picture has some expression as its majority.

    Sets that are published complete are checked one by one: an empty class there is an
    incomplete download. The table as a whole is checked unless nobody labelled it.

    Raises:
        ConfigurationError: A class is empty; the message names the set and the class.
    """
    sources = np.array(table.sources)
    complete = [name for name in dict.fromkeys(table.sources) if name not in MAY_LACK_CLASSES]
    for name in complete:
        _require(table.select(sources == name), name)
    if table.votes.any() and not complete:
        _require(table, ", ".join(dict.fromkeys(table.sources)))


def _require(table: FaceTable, title: str) -> None:
    shown = set(majority(table.votes).tolist())
    empty = [name for code, name in enumerate(EXPRESSIONS) if code not in shown]
    if empty:
        raise ConfigurationError(
            f"data set {title}",
            f"empty class: no picture shows {', '.join(empty)}; "
            "unpack the data set completely or add a data set that has it",
        )


def parse_set(text: str) -> NamedSet:
    """Read `name=path`, as the command lines take it.

    Raises:
        ConfigurationError: It is not of that form, or the name is unknown.
    """
    name, separator, path = text.partition("=")
    if not separator or not path or name not in LOADERS:
        raise ConfigurationError(
            "--set", f"{text!r} is not name=path with a name of: {', '.join(LOADERS)}"
        )
    return name, Path(path)
