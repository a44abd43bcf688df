"""Everything that is published about one recording, into a local folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from include.contracts.extraction import Extraction
from include.contracts.rows import PREDICTIONS, with_later_columns
from include.contracts.seating import ONE_RESPONDENT, Seating
from include.contracts.validation import ValidationResult
from include.insights import tables
from include.insights.moments import Moments, read_moments
from include.insights.report import REPORT, render_report
from include.insights.respondent import Choice, choose
from include.insights.summary import summarise

PUBLISH_VERSION = 4
"""Raised when the same predictions would be published as other files. 3: reports say what the
columns of the tables mean."""
PUBLISH_GOLDEN = "a8e17dbe760bb669ba4f4bb6e0116108"
"""What this version makes of a fixed input, hashed (`tests/unit/test_stage_versions.py`)."""


@dataclass(frozen=True, slots=True)
class ReportContext:
    """What the tables do not say. Holds no clock: the same context gives the same bytes.

    Attributes:
        recording: Name that people gave the recording; any text.
        study: Name of its study; any text.
        video_id: sha256 of the recording's bytes.
        analysis_id: Identity of this analysis.
        extraction: What extraction noted of the file.
        validation: The data-quality result, or None.
        model: `name`, `version`, `sha256`, `temperature`, `abstain_threshold`, `metrics`.
        code_versions: Version by stage.
        provenance: More lines for the report's data table, such as the batch or the settings' hash.
        thumbnails: (presentation time in seconds, JPEG bytes) of sampled frames; a few are shown.
        extra_files: (file name, what it is) of further files published beside these.
        seating: How many respondents the study expects in a recording, and where.
    """

    recording: str
    study: str
    video_id: str
    analysis_id: str
    extraction: Extraction
    validation: ValidationResult | None
    model: Mapping[str, Any]
    code_versions: Mapping[str, str]
    provenance: Mapping[str, Any] = field(default_factory=dict)
    thumbnails: tuple[tuple[float, bytes], ...] = ()
    extra_files: tuple[tuple[str, str], ...] = ()
    seating: Seating = ONE_RESPONDENT

    @property
    def sample_rate_hz(self) -> float:
        """Sampling targets per second."""
        return self.extraction.sample_rate_hz

    def moments(self, table: pa.Table) -> Moments:
        """Read this recording's predictions."""
        return read_moments(
            table,
            sample_rate_hz=self.sample_rate_hz,
            duration_s=self.extraction.duration_s,
        )

    def choice(self, moments: Moments) -> Choice:
        """Choose whom this recording is about."""
        size_px = (self.extraction.width_px, self.extraction.height_px)
        return choose(
            moments,
            seating=self.seating,
            picture_px=size_px if all(size_px) else None,
        )

    def attributed(self, table: pa.Table) -> pa.Table:
        """Return predictions (schema `PREDICTIONS`) with each row's respondent noted in it."""
        return attribute(table, self.choice(self.moments(table)))


def attribute(table: pa.Table, choice: Choice) -> pa.Table:
    """Fill the column `respondent` of predictions, schema `PREDICTIONS`."""
    table = with_later_columns(table, PREDICTIONS)
    labels = [choice.label_of.get(face_id) for face_id in table["face_id"].to_pylist()]
    place = table.schema.get_field_index("respondent")
    return table.set_column(place, PREDICTIONS.field("respondent"), pa.array(labels, pa.string()))


def render_results(context: ReportContext, table: pa.Table, outdir: Path) -> list[Path]:
    """Write the results of one recording.

    Args:
        context: What the table does not say.
        table: Predictions, schema `PREDICTIONS`, ordered by instant; whose row each is, is
            noted in what is written.
        outdir: Local folder; made when it is not there.

    Returns:
        The files written: tables, summary, report.

    Raises:
        OSError: The folder cannot be written.
    """
    outdir.mkdir(parents=True, exist_ok=True)
    moments = context.moments(table)
    choice = context.choice(moments)
    table = attribute(table, choice)
    summary = {
        "recording": context.recording,
        "study": context.study,
        "video_id": context.video_id,
        "analysis_id": context.analysis_id,
        "model": {key: context.model.get(key) for key in ("name", "version", "sha256")},
        **summarise(
            moments,
            choice,
            sample_rate_hz=context.sample_rate_hz,
            validation=context.validation,
            extraction=context.extraction,
        ),
    }
    parquet = outdir / tables.PARQUET
    identity = {
        "video_id": context.video_id,
        "analysis_id": context.analysis_id,
        "model_sha256": str(context.model.get("sha256", "")),
    }
    tables.write_parquet(table, parquet, identity)
    contents = {
        tables.CSV: tables.csv_bytes(table),
        tables.TIMELINE: tables.timeline_bytes(table),
        tables.SUMMARY: tables.summary_bytes(summary),
        REPORT: render_report(
            summary,
            moments,
            choice,
            extraction=context.extraction,
            validation=context.validation,
            model=context.model,
            code_versions=context.code_versions,
            provenance=context.provenance,
            thumbnails=context.thumbnails,
            extra_files=context.extra_files,
        ),
    }
    for name, data in contents.items():
        (outdir / name).write_bytes(data)
    return [parquet, *(outdir / name for name in contents)]
