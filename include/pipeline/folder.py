"""A folder of recordings as `analyze` takes it in: what is a recording, and of which study."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from include.contracts.containers import VIDEO_ENDINGS
from include.contracts.study_names import Role, is_system, role
from include.lake import keys
from include.pipeline.result_folders import is_result

STUDY = "analyze"
"""Study of files that are in no study of their own."""


@dataclass(frozen=True, slots=True)
class Dropped:
    """One file of the folder.

    Attributes:
        source: Where it is.
        path: Relative to the folder.
        key: Where it goes in the lake.
        role: What it is there, by its name.
    """

    source: Path
    path: PurePosixPath
    key: str
    role: Role


def find(video: Path, out: Path) -> list[Dropped]:
    """Return the files to take in, sorted by name.

    Hidden and system files are none, and neither are results of earlier runs. A sub-folder
    with a study file of its own is a study of its own, as in the lake; all else is one study.

    Args:
        video: A recording, beside which its study files may lie; or a folder.
        out: Where results go; nothing is taken from there.
    """
    if video.is_file():
        paths = [PurePosixPath(video.name), *_study_files(video)]
        folder = video.parent
    else:
        folder = video
        paths = _walk(video, out)
    studies = {
        path.parts[0]
        for path in paths
        if len(path.parts) == 2 and role(str(path)) is Role.STUDY_FILE
    }
    found = []
    for path in sorted(paths):
        own = len(path.parts) > 1 and path.parts[0] in studies - {STUDY}
        relative = str(path) if own else f"{STUDY}/{path}"
        if (kind := role(relative)) is not Role.NOTHING:
            found.append(Dropped(folder / path, path, f"{keys.INCOMING}/{relative}", kind))
    return found


def is_named_like_a_video(path: PurePosixPath) -> bool:
    """Whether a file's ending says that it is a video."""
    return path.suffix.lower().removeprefix(".") in VIDEO_ENDINGS


def _study_files(video: Path) -> list[PurePosixPath]:
    """What the folder of a single recording says about it.

    A file that is only nearly named like a study file holds a study in the lake; beside a
    single recording only YAML is that: a folder of downloads may hold any `study.pdf`.
    """
    return [
        PurePosixPath(path.name)
        for path in video.parent.iterdir()
        if path != video
        and path.is_file()
        and (
            (kind := role(f"{STUDY}/{path.name}")) is Role.STUDY_FILE
            or (kind is Role.TO_CORRECT and path.suffix.lower() in (".yaml", ".yml"))
        )
    ]


def _walk(folder: Path, out: Path) -> list[PurePosixPath]:
    found = []
    for here, folders, files in os.walk(folder):
        top = Path(here)
        folders[:] = [
            name
            for name in folders
            if not is_system([name, "x"])
            and not _same(top / name, out)
            and not is_result(top / name)
        ]
        within = PurePosixPath(top.relative_to(folder))
        found += [within / name for name in files if (top / name).is_file()]
    return found


def _same(one: Path, other: Path) -> bool:
    return one.resolve() == other.resolve()
