"""`python -m include.pipeline.analyze VIDEO OUT`: the same stages, without Airflow.

For a quick look or a script. Works in a temporary lake and ledger, with the
packed model of the project, and leaves the published files in OUT. Exits with
1 and the reason when a recording cannot be used, with 2 when a setting is wrong.
"""

from __future__ import annotations

import argparse
import logging
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

from rich.console import Console

from include.composition import Services, build_services
from include.contracts.errors import ConfigurationError, PlatformError
from include.contracts.reasons import QuarantineCode
from include.contracts.study_names import Role
from include.lake import keys
from include.ledger.ledger import Recording, State
from include.pipeline import intake, open_batch, result_folders, settle
from include.pipeline.folder import STUDY, Dropped, find, is_named_like_a_video
from include.pipeline.run_batch import Announce, run_batch
from include.settings import Settings, load_settings
from include.video.refusals import printable


@dataclass(frozen=True, slots=True)
class Analysed:
    """What became of one file.

    Attributes:
        name: The file, relative to the folder that was analysed.
        folder: Where its results are; None where there are none.
        problem: Why there are none, and what to do; None where there are some.
        is_other: It is no video and is not named like one.
    """

    name: PurePosixPath
    folder: Path | None = None
    problem: str | None = None
    is_other: bool = False


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the command line, analyse, print where the results are."""
    parser = argparse.ArgumentParser(prog="analyze", description=__doc__.splitlines()[0])
    parser.add_argument("video", type=Path, help="a recording, or a folder of recordings")
    parser.add_argument("out", type=Path, help="folder for the results; made when missing")
    options = parser.parse_args(arguments)
    # Names of files are printed as they are: never broken over lines, never read as markup.
    console = Console(soft_wrap=True, markup=False, highlight=False)
    errors = Console(stderr=True, soft_wrap=True, markup=False, highlight=False)
    try:
        with _only_defects_logged():
            found = analyze(options.video, options.out, console)
    except (PlatformError, OSError) as error:
        errors.print(f"analyze: {printable(str(error))}", style="red")
        return error.exit_status if isinstance(error, PlatformError) else 1
    for item in found:
        if item.folder is not None:
            report = item.folder / "report.html"
            console.print(f"{printable(str(item.name))}: {printable(str(report))}")
        elif not item.is_other:
            errors.print(f"{printable(str(item.name))}: {item.problem}")
    console.print(summary(found))
    return 0 if all(item.folder or item.is_other for item in found) else 1


@contextmanager
def _only_defects_logged() -> Iterator[None]:
    """What becomes of each recording is told by the command itself."""
    log = logging.getLogger("include")
    before = log.level
    log.setLevel(logging.ERROR)
    try:
        yield
    finally:
        log.setLevel(before)


def summary(found: Sequence[Analysed]) -> str:
    """Return the last line: how many recordings have results, and what was none."""
    done = sum(item.folder is not None for item in found)
    others = [printable(str(item.name)) for item in found if item.is_other]
    all_of_them = len(found) - len(others)
    text = f"{done} of {all_of_them} recording{'s' * (all_of_them != 1)} analysed."
    return f"{text} No video, left out: {', '.join(others)}." if others else text


def analyze(video: Path, out: Path, console: Console) -> list[Analysed]:
    """Analyse a recording or a folder of them; return what became of each file.

    Args:
        video: A file, or a folder whose files are taken as recordings, sub-folders included.
        out: One folder for each recording is written here (`include.pipeline.result_folders`).
        console: Where progress is shown.

    Raises:
        FileNotFoundError: There is nothing to analyse at `video`.
        OSError: `out` cannot be written.
        ConfigurationError: A setting is wrong.
    """
    files = find(video, out)
    if not any(item.role is Role.RECORDING for item in files):
        raise FileNotFoundError(f"there is no recording at {video}")
    settings = load_settings()
    out.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix="fex-analyze-") as home:
        services = build_services(_settings_in(Path(home), settings))
        for item in files:
            target = Path(home) / "lake" / item.key
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(item.source, target)
        with console.status("starting") as status:
            failures = _run(services, lambda stage: status.update(f"{stage} ..."))
        return _results(services, files, failures, out)


def _run(services: Services, announce: Announce) -> dict[str, str]:
    """Run batches until nothing is left; return why some failed, by batch.

    Where something unforeseen stops a batch, its recordings are tried once more, each in a
    batch of its own: the others go through, and what fails again has its own reason.
    """
    failures: dict[str, str] = {}
    run = 0
    while entries := intake.run(services, f"analyze-{run}"):
        for entry in entries:
            batch_id = str(entry["trigger_run_id"])
            try:
                open_batch.pin_packaged(services, batch_id)
                run_batch(services, batch_id, announce=announce)
            except ConfigurationError:
                raise
            except PlatformError as error:
                failures[batch_id] = str(error)
                with suppress(PlatformError):  # that they are not finished is known
                    settle.run(services, batch_id)
                services = _one_by_one(services)
        run += 1
    return failures


def _one_by_one(services: Services) -> Services:
    discovery = services.settings.discovery.model_copy(update={"max_videos_per_batch": 1})
    return replace(services, settings=services.settings.model_copy(update={"discovery": discovery}))


def _results(
    services: Services, files: Sequence[Dropped], failures: dict[str, str], out: Path
) -> list[Analysed]:
    """Copy what was published; return every recording in the order of the names."""
    by_key = {item.key: item for item in files}
    rows = {}
    versions = {item.uri: item.version for item in services.lake.list_incoming()}
    for row in services.ledger.versions_of(versions):
        rows[row.key] = row
    # A key that is no text is rendered in the ledger.
    named = sorted(
        (
            (by_key[key].path if key in by_key else PurePosixPath(row.recording), row)
            for key, row in rows.items()
        ),
        key=lambda pair: pair[0],
    )
    published = [
        (path, row) for path, row in named if row.state is State.PUBLISHED and row.result_key
    ]
    chosen = result_folders.choose(
        out,
        [result_folders.Result(path, row.video_id or "", row.recording) for path, row in published],
    )
    folders = {row.key: out / name for (_, row), name in zip(published, chosen, strict=True)}
    found = []
    for path, row in named:
        if row.key in folders:
            found.append(_written(services, path, row, folders[row.key]))
        else:
            other = row.reason_code == QuarantineCode.NOT_A_VIDEO and len(named) > 1
            found.append(
                Analysed(
                    path,
                    problem=_problem(row, failures),
                    is_other=other and not is_named_like_a_video(path),
                )
            )
    return found


def _written(services: Services, path: PurePosixPath, row: Recording, folder: Path) -> Analysed:
    files = {
        PurePosixPath(key).name: services.lake.get_bytes(key)
        for key in services.lake.list(row.result_key or "")
    }
    try:
        result_folders.write(folder, files)
    except OSError as error:
        return Analysed(path, problem=f"its results cannot be written: {error}")
    return Analysed(path, folder)


def _problem(row: Recording, failures: dict[str, str]) -> str:
    """Why a recording has no results, in the names of the user's folder."""
    if row.state is State.QUARANTINED:
        reason = f"{row.reason_code}: {row.reason}"
    else:
        reason = failures.get(row.batch_id or "") or row.reason or f"it was left {row.state}"
    return reason.replace(f"{keys.INCOMING}/{STUDY}/", "").replace(f"{keys.INCOMING}/", "")


def _settings_in(home: Path, settings: Settings) -> Settings:
    """The user's settings, with every place moved into a temporary home."""
    return settings.model_copy(
        update={
            "storage": settings.storage.model_copy(
                update={
                    "lake_url": f"file://{home}/lake",
                    "ledger_url": f"sqlite:///{home}/ledger.sqlite",
                    "scratch_dir": home / "scratch",
                }
            ),
            "discovery": settings.discovery.model_copy(
                update={"stable_for_s": 0.0, "max_attempts": 2}
            ),
            "transform": settings.transform.model_copy(
                update={"backend": "embedded", "jobs_dir": home / "jobs"}
            ),
        }
    )


if __name__ == "__main__":
    sys.exit(main())
