"""Extract: decode once, in a confined child; faces, frames and the manifest go to the lake."""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from pathlib import Path

from include.composition import Services
from include.contracts.errors import TransientError
from include.lake import keys
from include.ledger.ledger import Recording, State
from include.pipeline.outcome import for_each_recording
from include.pipeline.parts import of_part
from include.pipeline.scratch import working_folder
from include.pipeline.study_gate import Admission
from include.video.extract import extract_file

log = logging.getLogger(__name__)


def run(services: Services, batch_id: str, recording_ids: Sequence[int]) -> dict[str, int]:
    """Extract the recordings of one group.

    A retry, or a second task on the same bytes, finds the finished extractions
    in the lake and does only what is missing.

    Raises:
        TransientError: Some recordings are left; the others are done.
    """
    recordings = of_part(services, batch_id, recording_ids, State.CLAIMED)
    services.ledger.renew_lease(batch_id, services.settings.discovery.lease_s)
    admission = Admission(services)

    def work(recording: Recording) -> None:
        admission.require(recording)
        _extract(services, recording)

    outcome = for_each_recording(services, recordings, work)
    outcome.raise_deferred()
    return outcome.summary()


def adopt_finished(services: Services, batch_id: str, part: Collection[int] | None = None) -> None:
    """Mark claimed recordings whose bytes are extracted by now, under whichever name."""
    for recording in of_part(services, batch_id, part, State.CLAIMED):
        identity = recording.extraction_id
        if identity and services.lake.exists(keys.extraction_marker(identity)):
            services.ledger.mark_extracted(recording.id, batch_id=recording.batch_id)


def _extract(services: Services, recording: Recording) -> None:
    identity, video_id = recording.extraction_id, recording.video_id
    if identity is None or video_id is None:
        raise TransientError(f"{recording.key!r} was not probed")
    marker = keys.extraction_marker(identity)
    if not services.lake.exists(marker):
        settings = services.settings
        with working_folder(services) as scratch:
            path, workdir = scratch / "recording", scratch / "extraction"
            workdir.mkdir()
            fetched = services.lake.fetch(recording.key, path, version=recording.version)
            if fetched != video_id:
                raise TransientError(f"{recording.key!r} changed while it was analysed")
            extract_file(
                path,
                recording.recording,
                video_id=video_id,
                extraction_id=identity,
                settings=settings.extraction,
                limits=settings.limits,
                workdir=workdir,
                progress=_ProgressLog(recording.id),
            )
            _upload(services, workdir, identity)
    services.ledger.mark_extracted(recording.id, batch_id=recording.batch_id)


def _upload(services: Services, workdir: Path, identity: str) -> None:
    """Copy the extraction into the lake, its marker last."""
    marker = workdir / "extraction.json"
    for path in sorted(workdir.rglob("*")):
        if path.is_file() and path != marker:
            relative = path.relative_to(workdir).as_posix()
            services.lake.put_file(f"{keys.extraction(identity)}/{relative}", path)
    services.lake.put_bytes(keys.extraction_marker(identity), marker.read_bytes())


class _ProgressLog:
    """Logs every tenth of a recording, so that a long one shows life in the task log.

    By its number in the ledger: a log that names a recording keeps an erasure of it open.
    """

    def __init__(self, recording_id: int) -> None:
        self._recording_id = recording_id
        self._next = 0.1

    def __call__(self, share: float) -> None:
        if share >= self._next:
            log.info("extracting recording %d: %d %%", self._recording_id, round(share * 100))
            self._next = share + 0.1
