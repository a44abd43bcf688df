"""The fixed audit set on its way through the whole pipeline.

Its faces become recordings (`include.made_media.pasted_faces`), many respondents one after
the other in each, and these run through the very stages that recordings of respondents
run through: probe, extract, transform, collect. They do so in a lake of their own, nested
in the platform's under `audits/fixed-set/`, with a ledger that lives as long as the
audit: no study, report, drift figure or queue ever sees them. The quality gate is left
out: it decides on publishing a recording, and here forty people share one.

Everything is found again by what it was made from. Another model on the same set decodes
nothing; the same model again reads the rows that were kept.
"""

from __future__ import annotations

import io
import logging
import math
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq

from include.composition import Services, build_embedded_backend, build_services
from include.contracts.errors import TransientError
from include.contracts.identity import stable_hash
from include.governance.bias.fixed_set import AuditFace, FixedSet
from include.governance.bias.rows import AuditRows, Source, audit_rows
from include.insights.collect import COLLECT_VERSION
from include.lake import keys
from include.ledger.ledger import FINAL, Batch, Recording, State
from include.made_media.pasted_faces import PASTED_VERSION, pose_of, write_recording
from include.pipeline import collect, extract, intake, probe, transform
from include.pipeline.bias_audit.outcomes import OUTCOMES_VERSION, outcome
from include.pipeline.run_batch import extract_groups
from include.pipeline.scratch import working_folder
from include.video.extract import EXTRACT_VERSION
from ml.registry.protocol import ModelVersion

log = logging.getLogger(__name__)

STUDY = "audit"
FACES_EACH = 40
"""Respondents in one recording. A recording of its own for each would start two thousand
decoders; sampled pictures are analysed one by one, so that company changes nothing."""
INSTANTS_EACH = 2
"""Sampled pictures of each face, at least. They are of one photograph: more of them would
cost as much again and say next to nothing new of how the person is treated."""
_REACH_SHARE = 0.45
"""A detection is of the pasted face when its centre lies this near to the photograph's, in
sides of the photograph: bystanders in its corners are not counted as found."""


def fixed_rows(services: Services, audit_set: FixedSet, model: ModelVersion) -> AuditRows:
    """Return what the pipeline, with this model, makes of every face of the set.

    Args:
        services: The platform; its extraction settings are what is audited.
        audit_set: Whom to show.
        model: The package that answers.

    Raises:
        TransientError: Some recording did not come through; what did is kept, try again.
        ConfigurationError: A picture of the set is damaged, or the package is.
    """
    table = _kept(services, audit_set, model.sha256)
    if table is None:
        table = _run(services, audit_set, model)
        buffer = io.BytesIO()
        table.to_parquet(buffer, index=False)
        services.lake.put_bytes(_panel_key(services, audit_set, model.sha256), buffer.getvalue())
    return audit_rows(table, attributes=audit_set.attributes, source=Source.ANNOTATED)


def kept_rows(services: Services, audit_set: FixedSet, model_sha256: str) -> AuditRows | None:
    """Return the rows of a package that were kept, None where it did not see this set.

    Raises:
        TransientError: The lake failed for now.
    """
    table = _kept(services, audit_set, model_sha256)
    if table is None:
        return None
    return audit_rows(table, attributes=audit_set.attributes, source=Source.ANNOTATED)


def _kept(services: Services, audit_set: FixedSet, model_sha256: str) -> pd.DataFrame | None:
    try:
        content = services.lake.get_bytes(_panel_key(services, audit_set, model_sha256))
    except FileNotFoundError:
        return None
    return pd.read_parquet(io.BytesIO(content))


def _panel_key(services: Services, audit_set: FixedSet, model_sha256: str) -> str:
    return f"{_root(services, audit_set)}/panels/{model_sha256}-{_reading_id(services)}.parquet"


def _root(services: Services, audit_set: FixedSet) -> str:
    return keys.audit_fixed_set(_set_id(audit_set, _seconds_each(services)))


def _seconds_each(services: Services) -> int:
    """How long each face is shown."""
    return max(2, math.ceil(INSTANTS_EACH / services.settings.extraction.sample_rate_hz))


def _set_id(audit_set: FixedSet, seconds_each: int) -> str:
    return stable_hash(
        {
            "set": audit_set.sha256,
            "people": len(audit_set.faces),
            "code": PASTED_VERSION,
            "faces_each": FACES_EACH,
            "seconds_each": seconds_each,
        }
    )


def _reading_id(services: Services) -> str:
    return stable_hash(
        {
            "settings": services.settings.extraction.model_dump(mode="json"),
            "extract": EXTRACT_VERSION,
            "collect": COLLECT_VERSION,
            "outcomes": OUTCOMES_VERSION,
        }
    )


def _run(services: Services, audit_set: FixedSet, model: ModelVersion) -> pd.DataFrame:
    seconds_each = _seconds_each(services)
    casts = {
        f"cast-{number:04d}.mp4": audit_set.faces[start : start + FACES_EACH]
        for number, start in enumerate(range(0, len(audit_set.faces), FACES_EACH))
    }
    with working_folder(services) as home:
        nested = _nested(services, _root(services, audit_set), home)
        _record(nested, audit_set, casts, seconds_each, home)
        rows = []
        for recording in _analyse(nested, model):
            cast = casts[recording.recording]
            rows += list(_outcomes(nested, audit_set, recording, cast, seconds_each))
        return pd.DataFrame(rows)


def _nested(services: Services, root: str, home: Path) -> Services:
    """The same platform with a lake of its own and a ledger that ends with the audit."""
    settings = services.settings
    storage = settings.storage.model_copy(
        update={
            "lake_url": f"{settings.storage.lake_url.rstrip('/')}/{root}",
            "ledger_url": f"sqlite:///{home}/ledger.sqlite",
            "scratch_dir": home / "scratch",
        }
    )
    discovery = settings.discovery.model_copy(update={"stable_for_s": 0.0, "max_attempts": 1})
    return build_services(
        settings.model_copy(
            update={
                "storage": storage,
                "discovery": discovery,
                # What was not signed yet is audited all the same: who called has checked its code.
                "model": settings.model.model_copy(update={"signers": ()}),
                "transform": settings.transform.model_copy(update={"backend": "embedded"}),
            }
        )
    )


def _record(
    nested: Services,
    audit_set: FixedSet,
    casts: dict[str, tuple[AuditFace, ...]],
    seconds_each: int,
    home: Path,
) -> None:
    """Put the recordings into the nested lake; those that are there already stay."""
    for number, (name, cast) in enumerate(casts.items(), start=1):
        key = f"{keys.INCOMING}/{STUDY}/{name}"
        if not nested.lake.exists(key):
            path = home / name
            write_recording(path, audit_set.pictures(cast), seconds_each=seconds_each)
            nested.lake.put_file(key, path)
            path.unlink()
            log.info("audit set: recording %d of %d is made", number, len(casts))


def _analyse(nested: Services, model: ModelVersion) -> Iterator[Recording]:
    """Run every recording from probe to collect; yield them collected.

    Raises:
        TransientError: Some did not come through.
    """
    # Names of jobs are unique for ever, and each audit starts with an empty ledger.
    attempt = uuid.uuid4().hex[:12]
    run = 0
    while batches := intake.run(nested, f"audit-{attempt}-{run}"):
        for batch_id in (str(entry["trigger_run_id"]) for entry in batches):
            yield from _analyse_batch(nested, batch_id, model)
        run += 1


def _analyse_batch(nested: Services, batch_id: str, model: ModelVersion) -> list[Recording]:
    _pin(nested, batch_id, model)
    extract_groups(nested, batch_id, probe.run(nested, batch_id))
    # What an earlier audit extracted is in no group.
    extract.adopt_finished(nested, batch_id)
    transform.run(nested, batch_id, build_embedded_backend(nested))
    collect.run(nested, batch_id)
    recordings = nested.ledger.recordings(batch_id)
    left = [item for item in recordings if item.state is not State.TRANSFORMED]
    if left:
        first = left[0]
        why = first.reason if first.state in FINAL else "the log says why"
        raise TransientError(
            f"{len(left)} recording(s) of the audit set did not come through, "
            f"{first.recording} among them: {why}"
        )
    return recordings


def _pin(nested: Services, batch_id: str, model: ModelVersion) -> Batch:
    return nested.ledger.pin_model(
        batch_id,
        name=model.name,
        version=model.version,
        package_uri=model.package_uri,
        sha256=model.sha256,
    )


def _outcomes(
    nested: Services,
    audit_set: FixedSet,
    recording: Recording,
    cast: Sequence[AuditFace],
    seconds_each: int,
) -> Iterator[dict[str, object]]:
    """One row per sampled instant: what the pipeline made of the face that was shown in it."""
    content = nested.lake.get_bytes(keys.analysis_predictions(recording.analysis_id or ""))
    table = pq.read_table(io.BytesIO(content)).to_pandas()
    start_s = float(table["target_s"].min())
    of_face = ((table["target_s"] - start_s) // seconds_each).astype(int)
    for number, (face, picture) in enumerate(zip(cast, audit_set.pictures(cast), strict=True)):
        pose = pose_of(picture)
        for _, rows in table[of_face == number].groupby("instant"):
            found = rows[_is_on(rows, pose.centre_px, _REACH_SHARE * pose.side_px)]
            if found.empty:
                row = outcome(face.file, "no_face", None, None)
            else:
                largest = found.iloc[0]
                row = outcome(
                    face.file,
                    _text(largest["reason"]),
                    _text(largest["emotion"]),
                    None if pd.isna(largest["confidence"]) else float(largest["confidence"]),
                )
            yield {**row, **face.groups}


def _is_on(rows: pd.DataFrame, centre_px: tuple[float, float], reach_px: float) -> pd.Series:
    """Which rows are detections whose centre lies on the pasted face; none without a box."""
    x = rows["box_x_px"] + rows["box_width_px"] / 2 - centre_px[0]
    y = rows["box_y_px"] + rows["box_height_px"] / 2 - centre_px[1]
    return (x.abs() <= reach_px) & (y.abs() <= reach_px)


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
