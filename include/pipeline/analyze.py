"""`python -m include.pipeline.analyze VIDEO OUT`: the same stages, without Airflow.

For a quick look or a script. Works in a temporary lake and ledger, with the
packed model of the project, and leaves the published files in OUT. Exits with
1 and the reason when a recording cannot be used.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console

from include.composition import Services, build_services
from include.contracts.errors import PlatformError
from include.contracts.reasons import QuarantineCode
from include.lake import keys
from include.ledger.ledger import Recording, State
from include.pipeline import intake, open_batch
from include.pipeline.run_batch import run_batch
from include.settings import Settings, load_settings

STUDY = "analyze"


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
        recordings = analyze(options.video, options.out, console)
    except (PlatformError, OSError) as error:
        errors.print(f"analyze: {error}", style="red")
        return error.exit_status if isinstance(error, PlatformError) else 1
    for recording in recordings:
        if recording.state is State.PUBLISHED:
            folder = options.out / Path(recording.recording).stem
            console.print(f"{recording.recording}: {folder / 'report.html'}")
        else:
            errors.print(f"{recording.recording}: {recording.reason_code}: {recording.reason}")
    return 0 if all(item.state is State.PUBLISHED for item in recordings) else 1


def analyze(video: Path, out: Path, console: Console) -> list[Recording]:
    """Analyse a recording or a folder of them; return what became of each.

    Args:
        video: A file, or a folder whose files are taken as recordings.
        out: One folder for each recording is written here.
        console: Where progress is shown.

    Raises:
        FileNotFoundError: There is nothing to analyse at `video`.
        PlatformError: Some recording did not reach an end.
    """
    files = _files(video)
    with TemporaryDirectory(prefix="fex-analyze-") as home:
        services = build_services(_settings_in(Path(home)))
        incoming = Path(home) / "lake" / keys.INCOMING / STUDY
        incoming.mkdir(parents=True)
        for path in files:
            shutil.copyfile(path, incoming / path.name)
        recordings = []
        with console.status("starting") as status:
            for batch_id in _batches(services):
                open_batch.pin_packaged(services, batch_id)
                run_batch(services, batch_id, announce=lambda stage: status.update(f"{stage} ..."))
                recordings += services.ledger.recordings(batch_id)
        # What the gate holds (a purpose, a consent, a name) is in no batch.
        batched = {recording.id for recording in recordings}
        held = services.ledger.quarantined(STUDY, tuple(QuarantineCode))
        recordings += [recording for recording in held if recording.id not in batched]
        if not recordings:
            raise FileNotFoundError(f"there is no recording at {video}")
        for recording in recordings:
            if recording.state is State.PUBLISHED and recording.result_key:
                _copy_results(services, recording, out)
        return recordings


def _files(video: Path) -> list[Path]:
    if video.is_dir():
        found = sorted(path for path in video.iterdir() if path.is_file())
    else:
        found = [video] if video.is_file() else []
    if not found:
        raise FileNotFoundError(f"there is no recording at {video}")
    return found


def _settings_in(home: Path) -> Settings:
    """The user's settings, with every place moved into a temporary home."""
    settings = load_settings()
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
                update={"stable_for_s": 0.0, "max_attempts": 1}
            ),
            "transform": settings.transform.model_copy(
                update={"backend": "embedded", "jobs_dir": home / "jobs"}
            ),
        }
    )


def _batches(services: Services) -> Iterator[str]:
    run = 0
    while entries := intake.run(services, f"analyze-{run}"):
        yield from (str(entry["trigger_run_id"]) for entry in entries)
        run += 1


def _copy_results(services: Services, recording: Recording, out: Path) -> None:
    target = out / Path(recording.recording).stem
    target.mkdir(parents=True, exist_ok=True)
    for key in services.lake.list(recording.result_key or ""):
        (target / Path(key).name).write_bytes(services.lake.get_bytes(key))


if __name__ == "__main__":
    sys.exit(main())
