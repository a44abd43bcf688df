"""Where results of `analyze` lie: one folder for each recording, never one over another.

A recording's folder is named like the recording without its ending. Where that name would
serve two recordings, or a folder of that name holds anything else, the ending stays
(`r01.mov`, `r01.mp4`), and where even that is taken a number follows. The same recording
analysed again takes its own folder again.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path, PurePosixPath

from include.contracts.documents import DocumentError
from include.contracts.published import PUBLISHED_MANIFEST, PublishedManifest
from include.lake import keys


@dataclass(frozen=True, slots=True)
class Result:
    """One recording whose results are to be written.

    Attributes:
        path: Of the recording, relative to the folder that was analysed.
        video_id: sha256 of its bytes.
        recording: Its name in the manifest.
    """

    path: PurePosixPath
    video_id: str
    recording: str


def choose(out: Path, results: Sequence[Result]) -> list[PurePosixPath]:
    """Return a folder below `out` for each result; all differ, in letters and not by case alone.

    Args:
        out: Where results lie, those of earlier runs too.
        results: Those of this run; the same order gives the same folders.
    """
    short = Counter(_folded(result.path.with_suffix("")) for result in results)
    # No result may be in the way of the folders in which others lie.
    taken = {_folded(parent) for result in results for parent in result.path.parents}
    chosen = []
    for result in results:
        alone = short[_folded(result.path.with_suffix(""))] == 1
        for name in _names(out, result, alone=alone):
            if _folded(name) not in taken and _is_free(out / name, result):
                taken.add(_folded(name))
                chosen.append(name)
                break
    return chosen


def write(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write one recording's files, the manifest last; what an earlier run left there goes.

    Args:
        folder: Made when missing. Files that are none of ours stay.
        files: Contents by name, the manifest among them.

    Raises:
        OSError: The folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    before = _manifest(folder)
    for name in (keys.PUBLISHED_MANIFEST, *(before.files if before else ())):
        (folder / Path(name).name).unlink(missing_ok=True)
    for name in sorted(files, key=lambda name: name == keys.PUBLISHED_MANIFEST):
        (folder / name).write_bytes(files[name])


def is_result(folder: Path) -> bool:
    """Whether a folder holds the results of a recording."""
    return _manifest(folder) is not None


def _names(out: Path, result: Result, *, alone: bool) -> Iterator[PurePosixPath]:
    """Names to try: where the recording lies already, then the plainest first."""
    path = result.path
    plain = [path.with_suffix(""), path]
    yield from (name for name in plain if _holds(out / name, result))
    yield from plain[0 if alone else 1 :]
    for number in count(2):
        yield path.with_name(f"{path.name} ({number})")


def _is_free(folder: Path, result: Result) -> bool:
    return not (folder.is_symlink() or folder.exists()) or _holds(folder, result)


def _holds(folder: Path, result: Result) -> bool:
    """Whether a folder holds the results of the same bytes under the same name."""
    found = _manifest(folder)
    return found is not None and (found.video_id, found.recording) == (
        result.video_id,
        result.recording,
    )


def _manifest(folder: Path) -> PublishedManifest | None:
    """The manifest in a folder; None where there is none that can be read."""
    path = folder / keys.PUBLISHED_MANIFEST
    try:
        return PUBLISHED_MANIFEST.read(path.read_bytes(), str(path))
    except (OSError, DocumentError):
        return None


def _folded(name: PurePosixPath) -> str:
    """A name as file systems compare it that know neither case nor Unicode's forms."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", str(name)).casefold())
