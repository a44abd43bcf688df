"""Probe: learn the identity of each recording's bytes and refuse what can never be analysed."""

from __future__ import annotations

import logging
import math
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from include.composition import Services
from include.contracts.errors import PermanentInputError
from include.contracts.identity import extraction_id
from include.contracts.reasons import QuarantineCode
from include.lake import keys
from include.ledger.ledger import Recording, State
from include.pipeline.outcome import Outcome, for_each_recording
from include.pipeline.scratch import working_folder
from include.pipeline.study_gate import Admission
from include.settings import Settings
from include.video.extract import EXTRACT_VERSION
from include.video.probe import probe_file

log = logging.getLogger(__name__)

GROUP_BYTES = 64 << 20
"""Recordings are extracted in groups of about this size, so that fifty short
videos do not pay for fifty task starts and a long one has a task to itself."""
GROUP_LENGTH_MIN, GROUP_LENGTH_MAX = 4, 16
GROUPS_WANTED = 8
"""A batch is split into this many groups where they have at least `GROUP_LENGTH_MIN`
recordings each: several workers, with several slots each, then end at about the same time."""


def run(services: Services, batch_id: str) -> list[list[int]]:
    """Probe every claimed recording; return groups of recording ids to extract.

    Recordings whose bytes were extracted before, or appear earlier in the same
    batch, are in no group: their extraction is already there or on its way.

    Raises:
        TransientError: Some recordings could not be fetched; the others are done.
    """
    recordings = services.ledger.recordings(batch_id, states=(State.CLAIMED,))
    admission = Admission(services)
    with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as pool:
        outcomes = list(
            pool.map(
                lambda recording: for_each_recording(
                    services, [recording], lambda item: _probe(services, admission, item)
                ),
                recordings,
            )
        )
    Outcome.sum(outcomes).raise_deferred()
    return _groups(services, services.ledger.recordings(batch_id, states=(State.CLAIMED,)))


def extraction_identity(settings: Settings, video_id: str) -> str:
    """The extraction id of these bytes under the present settings and code."""
    return extraction_id(video_id, settings.extraction.model_dump(mode="json"), EXTRACT_VERSION)


def _probe(services: Services, admission: Admission, recording: Recording) -> None:
    settings = services.settings
    admission.require(recording)
    _check_size(recording, settings)
    if _is_identified(settings, recording):
        return
    with working_folder(services) as scratch:
        path = scratch / "recording"
        video_id = services.lake.fetch(recording.key, path, version=recording.version)
        identity = extraction_identity(settings, video_id)
        if not services.lake.exists(keys.extraction_marker(identity)):
            probe_file(path, recording.recording, settings.limits)
    services.ledger.identify(
        recording.id,
        video_id=video_id,
        extraction_id=identity,
        batch_id=recording.batch_id,
    )


def _is_identified(settings: Settings, recording: Recording) -> bool:
    """Tell whether a try before this one, of this batch or another, has probed these bytes.

    A row is one version of an object, and it is identified only once its bytes were found to be
    a recording. Without this a batch of a hundred would begin anew after each fault.
    """
    if recording.video_id is None:
        return False
    return recording.extraction_id == extraction_identity(settings, recording.video_id)


def _check_size(recording: Recording, settings: Settings) -> None:
    """Refuse by size before a byte is fetched."""
    if recording.size_bytes == 0:
        raise PermanentInputError(
            QuarantineCode.EMPTY_FILE,
            f"{recording.recording!r} is empty (0 bytes).",
            "Upload the recording again and check that the transfer completes.",
        )
    limit = settings.limits.max_size_bytes
    if recording.size_bytes > limit:
        raise PermanentInputError(
            QuarantineCode.TOO_LARGE,
            f"{recording.recording!r} has {recording.size_bytes:,} bytes; the limit is {limit:,}.",
            "Split or re-encode the recording, or ask data operations to raise "
            "FEX_LIMITS__MAX_SIZE_BYTES.",
        )


def _groups(services: Services, recordings: Sequence[Recording]) -> list[list[int]]:
    seen: set[str] = set()
    groups: list[list[int]] = []
    size_bytes = 0
    wanted = max(1, min(GROUPS_WANTED, len(recordings) // GROUP_LENGTH_MIN))
    length = min(GROUP_LENGTH_MAX, math.ceil(len(recordings) / wanted))
    for recording in sorted(recordings, key=lambda item: (item.size_bytes, item.id)):
        identity = recording.extraction_id
        if identity is None or identity in seen:
            continue
        seen.add(identity)
        if services.lake.exists(keys.extraction_marker(identity)):
            continue
        full = size_bytes + recording.size_bytes > GROUP_BYTES
        if not groups or full or len(groups[-1]) >= length:
            groups.append([])
            size_bytes = 0
        groups[-1].append(recording.id)
        size_bytes += recording.size_bytes
    return groups
