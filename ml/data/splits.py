"""The split manifest: which picture trains, which selects, which tests.

A manifest is a gzipped text file, one line per picture: the first 16 hex
digits of its content hash, the number of its near-duplicate group, and its
split. It is committed, so that a figure can be re-run on the same rows.
"""

from __future__ import annotations

import gzip
import hashlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from include.contracts.errors import ConfigurationError
from ml.data.duplicates import near_duplicate_groups
from ml.data.records import FaceTable
from ml.data.votes import majority

SplitName = Literal["train", "validation", "test"]
SPLITS: tuple[SplitName, ...] = get_args(SplitName)
FIRST_MANIFEST = Path(__file__).parent / "splits" / "ferplus-v1.txt.gz"
"""Content hashes and near-duplicates on one side; the first edition was measured on it."""
DEFAULT_MANIFEST = FIRST_MANIFEST.with_name("ferplus-v2.txt.gz")
"""The same without held-out pictures that show a photograph of another side, cut anew."""

_HELD_OUT: tuple[SplitName, ...] = ("test", "validation")
_KEY_DIGITS = 16
_HEADER = "# key group split\n"

_Stratum = tuple[int, str]
"""Majority label (-1 for none) and source of a picture."""


@dataclass(frozen=True, slots=True)
class SplitManifest:
    """Split and near-duplicate group by picture key (first 16 hex digits)."""

    split_of: dict[str, SplitName]
    group_of: dict[str, int]

    def rows(self, table: FaceTable, split: SplitName) -> FaceTable:
        """Return the rows of `table` in `split`; pictures not listed are left out."""
        return table.select(self.sides(table) == split)

    def sides(self, table: FaceTable) -> npt.NDArray[np.str_]:
        """Return the split of each picture, shape (N,); empty text where it is in none."""
        return np.array([self.split_of.get(key, "") for key in self.short_keys(table)], np.str_)

    @staticmethod
    def short_keys(table: FaceTable) -> list[str]:
        """Return the pictures' keys as a manifest writes them."""
        return [key[:_KEY_DIGITS] for key in table.keys]

    def overlaps(self) -> list[int]:
        """Return the near-duplicate groups that lie in more than one split."""
        sides: dict[int, set[SplitName]] = {}
        for key, split in self.split_of.items():
            sides.setdefault(self.group_of[key], set()).add(split)
        return sorted(group for group, seen in sides.items() if len(seen) > 1)

    def side_sha256(self, split: SplitName) -> str:
        """Hash (hex) of the pictures on one side, the same for the same set of pictures."""
        keys = sorted(key for key, side in self.split_of.items() if side == split)
        return hashlib.sha256("\n".join(keys).encode()).hexdigest()

    def to_bytes(self) -> bytes:
        """Return the manifest file's bytes, the same for the same content."""
        lines = (
            f"{key} {self.group_of[key]} {self.split_of[key]}\n" for key in sorted(self.split_of)
        )
        return gzip.compress((_HEADER + "".join(lines)).encode(), mtime=0)

    @property
    def sha256(self) -> str:
        """Hash (hex) of the uncompressed content: the name of this split."""
        return hashlib.sha256(gzip.decompress(self.to_bytes())).hexdigest()


def make_split(
    table: FaceTable,
    *,
    seed: int,
    held_out_share: float = 0.1,
    base: SplitManifest | None = None,
) -> SplitManifest:
    """Split 80/10/10 by default, stratified by majority label and source.

    Near-duplicates stay on one side, whichever data set they come from. What `base`
    lists stays where it is, so that faces held out from earlier models are never
    trained on; near-duplicates of those faces join them. A picture that resembles faces
    on two sides of `base` is left out of the manifest.

    Args:
        table: Pictures with votes, of one set or several.
        seed: Seed of the shuffle.
        held_out_share: Share of each stratum for validation, and again for test.
        base: An earlier manifest to extend.
    """
    groups = near_duplicate_groups(table.images)
    strata = list(zip(majority(table.votes).tolist(), table.sources, strict=True))
    members: dict[int, list[int]] = {}
    for row, group in enumerate(groups.tolist()):
        members.setdefault(group, []).append(row)
    keys = SplitManifest.short_keys(table)
    split_of = dict(base.split_of) if base else {}
    group_of = dict(base.group_of) if base else {}
    first_free = 1 + max(group_of.values(), default=-1)
    wanted = _wanted(strata, [split_of.get(key) for key in keys], held_out_share)
    for group in np.random.default_rng(seed).permutation(np.unique(groups)).tolist():
        rows = members[group]
        known = [keys[row] for row in rows if keys[row] in split_of]
        new = [row for row in rows if keys[row] not in split_of]
        if len({split_of[key] for key in known}) > 1:
            continue
        side = split_of[known[0]] if known else _side(wanted, strata[rows[0]], len(rows))
        number = group_of[known[0]] if known else first_free + group
        for row in new:
            split_of[keys[row]], group_of[keys[row]] = side, number
    return SplitManifest(split_of, group_of)


def _wanted(
    strata: list[_Stratum], known: list[SplitName | None], share: float
) -> dict[tuple[SplitName, _Stratum], float]:
    """Return how many more pictures each held-out split should take from each stratum."""
    size, taken = Counter(strata), Counter(zip(known, strata, strict=True))
    return {
        (split, stratum): share * count - taken[split, stratum]
        for split in _HELD_OUT
        for stratum, count in size.items()
    }


def _side(
    wanted: dict[tuple[SplitName, _Stratum], float], stratum: _Stratum, count: int
) -> SplitName:
    """Return the side of a group of `count` pictures and take it off what is wanted."""
    for split in _HELD_OUT:
        if wanted[split, stratum] >= count:
            wanted[split, stratum] -= count
            return split
    return "train"


def read_manifest(path: Path = DEFAULT_MANIFEST) -> SplitManifest:
    """Read a manifest.

    Raises:
        ConfigurationError: A line is malformed or a key appears twice.
    """
    try:
        text = gzip.decompress(path.read_bytes()).decode()
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise ConfigurationError("split manifest", f"{path} cannot be read: {error}") from error
    return parse_manifest(text.splitlines(), str(path))


def parse_manifest(lines: Iterable[str], name: str) -> SplitManifest:
    """Parse the manifest's lines; `name` appears in error messages."""
    split_of: dict[str, SplitName] = {}
    group_of: dict[str, int] = {}
    for number, line in enumerate(lines, start=1):
        if line.startswith("#"):
            continue
        cells = line.split()
        if len(cells) != 3 or not cells[1].isdigit() or cells[2] not in SPLITS:
            raise ConfigurationError("split manifest", f"{name} line {number} is malformed")
        if cells[0] in split_of:
            raise ConfigurationError("split manifest", f"{name} lists {cells[0]} twice")
        split_of[cells[0]] = SPLITS[SPLITS.index(cells[2])]
        group_of[cells[0]] = int(cells[1])
    return SplitManifest(split_of, group_of)
