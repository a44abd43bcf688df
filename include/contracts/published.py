"""What is published of a recording, as its `manifest.json` says: the entry point of readers."""

from __future__ import annotations

from dataclasses import dataclass, field

from include.contracts.documents import Form
from include.contracts.extraction import VideoStream


@dataclass(frozen=True, slots=True)
class PublishedModel:
    """The model version that answered."""

    name: str
    version: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Source:
    """The upload: where it lies, which version of it, how large it is."""

    uri: str
    version: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class PublishedFile:
    """One file of the result."""

    sha256: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Reanalysed:
    """How a result came about that was made beside another one.

    Attributes:
        batch_id: The batch of the re-analysis.
        beside: Lake prefix of the result that was in front then.
    """

    batch_id: str
    beside: str


@dataclass(frozen=True, slots=True)
class PublishedManifest:
    """What was published, from what and with what.

    Attributes:
        study: Name of the study, as people wrote it.
        recording: Name of the recording in it, as people wrote it.
        video_id: sha256 of the recording's bytes.
        extraction_id: Whose crops these results rest on.
        analysis_id: Identity of the analysis; one recording may have several.
        model: Who answered.
        published_at: ISO 8601, aware; None in results from before it was written down.
        source: The upload.
        files: Of the result, by name; `manifest.json` itself is not among them.
        video_streams: Where the recording has several: what each is, and which was read.
        reanalysis: Where these results are none of a first analysis.
    """

    study: str
    recording: str
    video_id: str
    extraction_id: str
    analysis_id: str
    model: PublishedModel
    published_at: str | None = None
    source: Source | None = None
    files: dict[str, PublishedFile] = field(default_factory=dict)
    video_streams: list[VideoStream] = field(default_factory=list)
    reanalysis: Reanalysed | None = None


PUBLISHED_MANIFEST = Form(PublishedManifest)
