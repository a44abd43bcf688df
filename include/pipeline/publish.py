"""Publish: tables and report of each recording, built aside, then promoted.

The files go up first and `manifest.json` last, by a conditional put: whoever
starts from the manifest never sees half a result, and a second publisher of
the same analysis changes nothing. Then readers are given them (`include.pipeline.current`).
"""

from __future__ import annotations

import hashlib
import io
import tarfile
from collections.abc import Collection
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from include.composition import Services
from include.contracts.errors import TransientError
from include.contracts.extraction import EXTRACTION, VideoStream
from include.contracts.identity import stable_hash
from include.contracts.published import (
    PUBLISHED_MANIFEST,
    PublishedFile,
    PublishedManifest,
    PublishedModel,
    Reanalysed,
    Source,
)
from include.insights.collect import COLLECT_VERSION
from include.insights.publish import PUBLISH_VERSION, ReportContext, render_results
from include.lake import keys
from include.ledger.ledger import Batch, Recording, State
from include.pipeline.current import choose
from include.pipeline.model_package import read_signature
from include.pipeline.outcome import for_each_recording
from include.pipeline.parts import of_part
from include.pipeline.published import result_at
from include.pipeline.scratch import working_folder
from include.pipeline.study_files import study_seating
from include.pipeline.study_gate import Admission
from include.pipeline.validate import read_result
from include.video.annotate import annotate_file, labels_from_predictions
from ml.packaging.signature import Signature, plain_signature

ANNOTATED = "annotated.mp4"
THUMBNAILS_MAX = 6


def run(services: Services, batch_id: str, part: Collection[int] | None = None) -> dict[str, int]:
    """Publish every recording of a part of the batch whose predictions are collected.

    Raises:
        TransientError: Some recordings are left; the others are published.
    """
    batch = services.ledger.batch(batch_id)
    signature = read_signature(services, batch)
    recordings = of_part(services, batch_id, part, State.TRANSFORMED)
    admission = Admission(services)

    def work(recording: Recording) -> None:
        admission.require(recording)
        _publish(services, batch, recording, signature)

    outcome = for_each_recording(services, recordings, work)
    outcome.raise_deferred()
    return outcome.summary()


def publish_recording(
    services: Services,
    batch: Batch,
    recording: Recording,
    signature: Signature,
    *,
    reanalysis: Reanalysed | None = None,
) -> str:
    """Write the results of one recording, unless they are there; return their prefix.

    Args:
        services: Collaborators.
        batch: Whose model answered.
        recording: What is published, with the analysis to publish.
        signature: Of the model package.
        reanalysis: Where these results come about otherwise than by the first analysis of
            an upload.

    Raises:
        FileNotFoundError: What the results are made from is gone.
        TransientError: The recording was not collected, or the lake failed for now.
        PermanentInputError: The original cannot be annotated.
    """
    if recording.analysis_id is None or recording.extraction_id is None:
        raise TransientError(f"{recording.key!r} was not collected")
    prefix = keys.published(recording.study, recording.recording, recording.analysis_id)
    if not services.lake.exists(f"{prefix}/{keys.PUBLISHED_MANIFEST}"):
        table = pq.read_table(
            io.BytesIO(services.lake.get_bytes(keys.analysis_predictions(recording.analysis_id)))
        )
        context = _context(services, batch, recording, signature, table)
        with working_folder(services) as scratch:
            files = render_results(context, table, scratch)
            if services.settings.report.annotated_video:
                told = context.attributed(table)
                files.append(_annotate(services, recording, context, told, scratch))
            for path in files:
                services.lake.put_file(f"{prefix}/{path.name}", path)
            manifest = _manifest(
                recording,
                batch,
                files,
                published_at=services.ledger.clock(),
                video_streams=_several_streams(context),
                reanalysis=reanalysis,
            )
            services.lake.put_if_absent(f"{prefix}/{keys.PUBLISHED_MANIFEST}", manifest)
    return prefix


def _publish(services: Services, batch: Batch, recording: Recording, signature: Signature) -> None:
    prefix = publish_recording(services, batch, recording, signature)
    result = result_at(services.lake, prefix)
    if result is not None:
        choose(services.lake, result, by=recording.object_id, at=services.ledger.clock())
    services.ledger.mark_published(recording.id, result_key=prefix, batch_id=recording.batch_id)


def _context(
    services: Services,
    batch: Batch,
    recording: Recording,
    signature: Signature,
    table: pa.Table,
) -> ReportContext:
    identity = recording.extraction_id or ""
    extraction = services.lake.read(EXTRACTION, keys.extraction_marker(identity))
    return ReportContext(
        recording=recording.recording,
        study=recording.study,
        video_id=recording.video_id or "",
        analysis_id=recording.analysis_id or "",
        extraction=extraction,
        validation=read_result(services, identity),
        model={
            "name": batch.model_name,
            "version": batch.model_version,
            "sha256": batch.model_sha256,
            "temperature": signature.temperature,
            "abstain_threshold": signature.abstain_threshold,
            "metrics": plain_signature(signature)["metrics"],
        },
        code_versions={
            "extract": str(extraction.stage_version),
            "collect": str(COLLECT_VERSION),
            "publish": str(PUBLISH_VERSION),
        },
        provenance={
            "extraction": identity,
            # As they were: an analysis may rest on an extraction made under other ones.
            "extraction settings": stable_hash(extraction.settings),
        },
        thumbnails=_thumbnails(services, identity, table),
        extra_files=(
            ((ANNOTATED, "the recording with faces blurred, to show around"),)
            if services.settings.report.annotated_video
            else ()
        ),
        seating=study_seating(services.lake, recording.study),
    )


def _annotate(
    services: Services,
    recording: Recording,
    context: ReportContext,
    table: pa.Table,
    scratch: Path,
) -> Path:
    """Write the share-safe copy: faces blurred, displayed expressions beside them."""
    original, output = scratch / ".original", scratch / ANNOTATED
    services.lake.fetch(recording.key, original, version=recording.version)
    annotate_file(
        original,
        recording.recording,
        labels_from_predictions(table.to_pylist()),
        output,
        limits=services.settings.limits,
        sample_rate_hz=context.sample_rate_hz,
        video_stream=_stream_read(context),
    )
    return output


def _stream_read(context: ReportContext) -> int | None:
    """Index of the video stream that was read; None where the extraction does not say."""
    read = context.extraction.stream_read
    return None if read is None else read.index


def _several_streams(context: ReportContext) -> list[VideoStream]:
    """Which of several video streams was read, for the manifest; nothing where there is one."""
    streams = context.extraction.video_streams
    return streams if len(streams) > 1 else []


def _thumbnails(
    services: Services, extraction_id: str, table: pa.Table
) -> tuple[tuple[float, bytes], ...]:
    """A few sampled frames, spread over the recording, for people to recognise it by."""
    times = {
        f"{instant:07d}.jpg": pts_s
        for instant, pts_s in zip(
            table["instant"].to_pylist(), table["pts_s"].to_pylist(), strict=True
        )
        if pts_s is not None
    }
    names = sorted(times)
    count = min(THUMBNAILS_MAX, len(names))
    wanted = {names[(2 * k + 1) * len(names) // (2 * count)] for k in range(count)}
    found: list[tuple[float, bytes]] = []
    for key in services.lake.list(f"{keys.extraction(extraction_id)}/frames"):
        if not wanted:
            break
        with tarfile.open(fileobj=io.BytesIO(services.lake.get_bytes(key)), mode="r:") as tar:
            for member in tar:
                if member.name in wanted and (stream := tar.extractfile(member)):
                    wanted.discard(member.name)
                    found.append((times[member.name], stream.read()))
    return tuple(sorted(found, key=lambda item: item[0]))


def _manifest(
    recording: Recording,
    batch: Batch,
    files: list[Path],
    *,
    published_at: datetime,
    video_streams: list[VideoStream],
    reanalysis: Reanalysed | None,
) -> bytes:
    """What was published, from what and with what: the entry point of every reader."""
    return PUBLISHED_MANIFEST.write(
        PublishedManifest(
            study=recording.study,
            recording=recording.recording,
            source=Source(recording.uri, recording.version, recording.size_bytes),
            video_id=recording.video_id or "",
            extraction_id=recording.extraction_id or "",
            analysis_id=recording.analysis_id or "",
            published_at=published_at.isoformat(),
            model=PublishedModel(
                batch.model_name or "", batch.model_version or "", batch.model_sha256 or ""
            ),
            files={
                path.name: PublishedFile(
                    hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_size
                )
                for path in sorted(files)
            },
            video_streams=video_streams,
            reanalysis=reanalysis,
        )
    )
