"""Reading a data set's files, whether it is a folder or the zip of one.

Every loader reads through `DataSource`, so that what is missing, unreadable or
mislabelled is named the same way everywhere: which set, which path, which file
or row, why, and what to do.
"""

from __future__ import annotations

import csv
import io
import zipfile
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO

import cv2
import numpy as np

from include.contracts.errors import ConfigurationError
from ml.data.records import ImageArray

PICTURE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp"})

_HIDDEN = (".", "__MACOSX")
"""What operating systems leave in folders and archives."""


def decode_picture(data: bytes, *, colour: bool = True) -> ImageArray | None:
    """Decode a picture's file: uint8 (h, w) in grey, or with `colour` as the file has it.

    Pixels stay where the file has them: boxes were drawn without regard to EXIF orientation.
    What is empty or not a picture is None.
    """
    mode = cv2.IMREAD_ANYCOLOR if colour else cv2.IMREAD_GRAYSCALE
    mode |= cv2.IMREAD_IGNORE_ORIENTATION
    decoded = cv2.imdecode(np.frombuffer(data, np.uint8), mode) if data else None
    return None if decoded is None else np.asarray(decoded, np.uint8)


class DataSource(ABC):
    """The files of one data set, by `/`-separated names below its root.

    Attributes:
        title: The data set's name in error messages.
        path: The folder or archive.
    """

    def __init__(self, title: str, path: Path, prefix: str = "") -> None:
        self.title, self.path, self._prefix = title, path, prefix

    @abstractmethod
    def _open(self, name: str) -> IO[bytes]:
        """Open a file; KeyError or OSError where there is none."""

    @abstractmethod
    def _names(self, folder: str) -> list[str]:
        """Return the names directly inside a folder; empty where there is none."""

    @abstractmethod
    def _has(self, name: str) -> bool: ...

    @abstractmethod
    def _below(self, prefix: str) -> DataSource: ...

    def names(self, folder: str) -> list[str]:
        """Return the sorted names directly inside `folder`, hidden ones left out."""
        return sorted(n for n in self._names(self._prefix + folder) if not n.startswith(_HIDDEN))

    def has(self, name: str) -> bool:
        """Tell whether there is a file or folder of this name."""
        return self._has(self._prefix + name)

    def below(self, *folders: str, holding: str) -> DataSource:
        """Return the source rooted where `holding` lies: here or in one of `folders`.

        Archives often wrap a data set in a folder of its own name.
        """
        for folder in ("", *folders):
            inside = f"{folder}/" if folder else ""
            if self.has(inside + holding):
                return self._below(self._prefix + inside)
        raise self.error(
            holding, "is not there", f"give the folder or zip that holds {holding} ({self.title})"
        )

    def open(self, name: str) -> IO[bytes]:
        """Open a file for reading.

        Raises:
            ConfigurationError: There is no such file, or its name leaves the data set.
        """
        if name.startswith("/") or ".." in PurePosixPath(name).parts or "\\" in name:
            raise self.error(name, "leaves the data set's folder", "use a name below the folder")
        try:
            return self._open(self._prefix + name)
        except (KeyError, OSError) as error:
            raise self.error(
                name, "is listed but not there", "unpack the data set again, completely"
            ) from error

    def picture(self, name: str, *, colour: bool = False) -> ImageArray:
        """Decode a picture: uint8 (h, w) in grey, or with `colour` as the file has it.

        That is (h, w) where the file is grey, (h, w, 3) BGR where it has colour.

        Raises:
            ConfigurationError: The file is missing or cannot be decoded.
        """
        with self.open(name) as file:
            try:
                data = file.read()
            except zipfile.BadZipFile as error:
                raise self.error(
                    name, f"is damaged in the archive ({error})", "download the archive again"
                ) from error
        decoded = decode_picture(data, colour=colour)
        if decoded is None:
            raise self.error(
                name,
                "is corrupt: it is not a picture that can be decoded",
                "fetch this file again, or take its row out of the label file",
            )
        return decoded

    def rows(
        self, name: str, *, delimiter: str = ",", columns: int | None = None
    ) -> Iterator[tuple[int, list[str]]]:
        """Yield (row number from 1, cells) of a text table, blank rows left out.

        Raises:
            ConfigurationError: The file is missing, is not UTF-8, or a row has not
                `columns` cells.
        """
        with self.open(name) as file, io.TextIOWrapper(file, "utf-8-sig", newline="") as text:
            numbered = enumerate(csv.reader(text, delimiter=delimiter), start=1)
            try:
                for number, row in numbered:
                    cells = [cell for cell in row if cell] if delimiter == " " else row
                    if not any(cells):
                        continue
                    if columns is not None and len(cells) != columns:
                        raise self.error(
                            f"{name} row {number}",
                            f"has {len(cells)} columns, not {columns}",
                            "compare the row with its neighbours",
                        )
                    yield number, cells
            except (UnicodeDecodeError, csv.Error) as error:
                raise self.error(name, f"is not a text table ({error})", "save it as UTF-8") from (
                    error
                )

    def table(self, name: str, header: tuple[str, ...]) -> Iterator[tuple[int, dict[str, str]]]:
        """Yield (row number from 1, cells by column) of a CSV that starts with a header.

        Args:
            name: The file.
            header: Columns that must be there, in any order and case; others are ignored.

        Raises:
            ConfigurationError: As `rows`, or a column is missing.
        """
        rows = self.rows(name)
        _, first = next(rows, (1, []))
        found = [cell.strip().lower() for cell in first]
        absent = [column for column in header if column.lower() not in found]
        if absent:
            raise self.error(
                f"{name} row 1",
                f"has no column {', '.join(absent)}",
                f"start the file with {','.join(header)}",
            )
        position = {column: found.index(column.lower()) for column in header}
        for number, cells in rows:
            if len(cells) != len(found):
                raise self.error(
                    f"{name} row {number}",
                    f"has {len(cells)} columns, not {len(found)}",
                    "compare the row with the header",
                )
            yield number, {column: cells[index].strip() for column, index in position.items()}

    def error(self, where: str, reason: str, remedy: str) -> ConfigurationError:
        """Return the error that names this data set, the file or row, why, and what to do."""
        return ConfigurationError(
            f"data set {self.title}", f"{self.path}: {where} {reason}; {remedy}"
        )


class _Folder(DataSource):
    def _open(self, name: str) -> IO[bytes]:
        return (self.path / name).open("rb")

    def _names(self, folder: str) -> list[str]:
        try:
            return [entry.name for entry in (self.path / folder).iterdir()]
        except OSError:
            return []

    def _has(self, name: str) -> bool:
        return (self.path / name).exists()

    def _below(self, prefix: str) -> DataSource:
        return _Folder(self.title, self.path, prefix)


class _Zip(DataSource):
    def __init__(
        self,
        title: str,
        path: Path,
        archive: zipfile.ZipFile,
        prefix: str = "",
        tree: dict[str, dict[str, None]] | None = None,
    ) -> None:
        super().__init__(title, path, prefix)
        self._archive = archive
        self._tree = _tree(archive.namelist()) if tree is None else tree

    def _open(self, name: str) -> IO[bytes]:
        return self._archive.open(name)

    def _names(self, folder: str) -> list[str]:
        return list(self._tree.get(folder.rstrip("/"), ()))

    def _has(self, name: str) -> bool:
        folder, _, last = name.rpartition("/")
        return last in self._tree.get(folder, ())

    def _below(self, prefix: str) -> DataSource:
        return _Zip(self.title, self.path, self._archive, prefix, self._tree)


def _tree(members: list[str]) -> dict[str, dict[str, None]]:
    """Return the names directly inside each folder, in the archive's order."""
    tree: dict[str, dict[str, None]] = {}
    for member in members:
        child = member.rstrip("/")
        while child:
            folder, _, name = child.rpartition("/")
            inside = tree.setdefault(folder, {})
            if name in inside:
                break
            inside[name] = None
            child = folder
    return tree


@contextmanager
def open_source(title: str, path: Path) -> Iterator[DataSource]:
    """Open a data set that is a folder or a zip.

    Args:
        title: The data set's name in error messages.
        path: The folder or zip.

    Raises:
        ConfigurationError: The path is neither.
    """
    if path.is_dir():
        yield _Folder(title, path)
    elif path.is_file() and zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            yield _Zip(title, path, archive)
    else:
        what = "is neither a folder nor a zip" if path.exists() else "does not exist"
        raise ConfigurationError(
            f"data set {title}", f"{path} {what}; give the path where the data set was unpacked"
        )


def label_code(
    source: DataSource, where: str, text: str, names: tuple[str, ...], first: int
) -> str:
    """Return the expression a numeric label stands for.

    Args:
        source: Whose error it is.
        where: File and row of the label.
        text: The label as written.
        names: Expressions in the order of the codes.
        first: The lowest code.

    Raises:
        ConfigurationError: The label is not one of the codes.
    """
    known = {str(code): name for code, name in enumerate(names, start=first)}
    if text not in known:
        listed = ", ".join(f"{code} {name}" for code, name in known.items())
        raise source.error(where, f"has the unknown label {text!r}", f"accepted: {listed}")
    return known[text]
