"""The fixed audit set: photographs of faces whose groups people annotated.

A zip with `labels.csv` (`file`, then one column per attribute) and `images/{file}`, the
layout of FairFace (Karkkainen and Joo, WACV 2021). The groups are other people's
perception of a face, not a declaration: they may measure how the system treats faces
and are used for nothing else. Nothing here infers one.
"""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from include.contracts.errors import ConfigurationError
from include.contracts.identity import sha256_of_stream
from include.contracts.spoiled_cells import dated, ranged_columns, spoiled
from include.contracts.spreadsheet import Table, TableError, read_table

SETTING = "FEX_AUDIT__FIXED_SET"
LABELS = "labels.csv"
_FILE = "file"
_HEADER = f"the header of {LABELS} must be `file` and one name per attribute"
_PICTURE_MAX_BYTES = 8 << 20


@dataclass(frozen=True, slots=True)
class AuditFace:
    """One person of the set: a picture and the groups it was annotated with."""

    file: str
    groups: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class FixedSet:
    """An opened audit set.

    Attributes:
        path: The zip.
        sha256: Hash of its bytes.
        attributes: Names of the annotated attributes.
        faces: Everybody, in an order that is as good as random and always the same.
    """

    path: Path
    sha256: str
    attributes: tuple[str, ...]
    faces: tuple[AuditFace, ...]

    def pictures(self, faces: Sequence[AuditFace]) -> Iterator[bytes]:
        """Yield the pictures of some faces.

        Raises:
            ConfigurationError: A picture is missing, damaged or too large.
        """
        with zipfile.ZipFile(self.path) as archive:
            for face in faces:
                try:
                    info = archive.getinfo(f"images/{face.file}")
                    if info.file_size > _PICTURE_MAX_BYTES:
                        raise _wrong(self.path, f"images/{face.file} is larger than 8 MiB")
                    yield archive.read(info)
                except (KeyError, zipfile.BadZipFile) as error:
                    raise _wrong(self.path, f"images/{face.file} is missing or damaged") from error


def open_fixed_set(path: Path | None, people: int | None = None) -> FixedSet:
    """Open the audit set.

    Args:
        path: The zip; None where the setting is not made.
        people: How many faces to take at most; None takes all. They are taken in the order
            of the hash of their file names: the same ones each time, a random sample of
            every group.

    Raises:
        ConfigurationError: There is no set, it is none, or a row of it is malformed; names
            the setting, the row and what to do.
    """
    if path is None:
        raise ConfigurationError(
            SETTING,
            "the bias audit needs a fixed audit set: name a zip with labels.csv (file, then one "
            "column per annotated attribute) and images/, for example FairFace's validation faces",
        )
    try:
        with path.open("rb") as stream:
            sha256 = sha256_of_stream(stream)
        with zipfile.ZipFile(path) as archive, archive.open(LABELS) as table:
            rows = read_table(table.read(), (_FILE,))
            present = set(archive.namelist())
    except FileNotFoundError as error:
        raise _wrong(path, "there is no such file") from error
    except TableError as error:
        problem = f"{LABELS}, {error.where}: {error.reason}; {_HEADER}"
        raise _wrong(path, problem) from error
    except (OSError, zipfile.BadZipFile, KeyError, ValueError) as error:
        raise _wrong(path, f"it is no zip with a readable {LABELS} ({error})") from error
    attributes, faces = _faces(path, rows, present)
    ordered = sorted(faces, key=lambda face: hashlib.sha256(face.file.encode()).digest())
    return FixedSet(path, sha256, attributes, tuple(ordered[:people]))


def _faces(path: Path, table: Table, present: set[str]) -> tuple[tuple[str, ...], list[AuditFace]]:
    header = table.columns
    if header[0] != _FILE or len(header) < 2:
        raise _wrong(path, _HEADER)
    faces: list[AuditFace] = []
    seen: set[str] = set()
    ranged = ranged_columns(table, besides=(_FILE,))
    for line in table.lines:
        where, row = f"{LABELS} line {line.number}", line.cells
        if not all(row.values()):
            raise _wrong(path, f"{where} has an empty or missing cell")
        for column, cell in row.items():
            changed = spoiled(cell) or (dated(cell) if column in ranged else None)
            if changed is not None:
                raise _wrong(path, f"{where}, column {column}: {changed}")
        file = row[_FILE]
        if file in seen:
            raise _wrong(path, f"{where} names {file!r} a second time: one face, one person")
        if f"images/{file}" not in present:
            raise _wrong(path, f"{where} names images/{file}, which is not in the zip")
        seen.add(file)
        faces.append(AuditFace(file, {name: row[name] for name in header[1:]}))
    if not faces:
        raise _wrong(path, f"{LABELS} lists nobody")
    return tuple(header[1:]), faces


def _wrong(path: Path, problem: str) -> ConfigurationError:
    return ConfigurationError(SETTING, f"{path}: {problem}")
