"""Differences that are meant, each with its reason. Whatever is not here fails."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Accepted:
    """One kind of difference.

    Attributes:
        reason: Why results differ, and that this is right.
        files: Names of files, with `*`.
        place: Regular expression of a field's path, whole; None accepts no field.
        text: Regular expression of "words before -> words after", whole; None accepts no words.
            With a `place` it has to fit the field's values as well.
        within: Numbers may differ by so much; None accepts any value.
    """

    reason: str
    files: str
    place: str | None = None
    text: str | None = None
    within: float | None = None


_IDENTITIES = (
    "Identities of work hold the versions of the code, and what is set for it: extract 1 to 2, "
    "collect 1 to 2, publish 1 to 3, summary 1 to 2. Versions are raised where output changes."
)
_RESPONDENT = (
    "Who a report is about is found out, said and written beside each row (decisions 0026 and "
    "0029): a column `respondent`, parts of summary and report. Expressions, probabilities, boxes "
    "and times of every row are what they were."
)
_STILLNESS = (
    "Each row says how much a face and its surroundings changed (`change`, `scene_change`): a "
    "picture of a face is told from a face by it (decision 0026)."
)
_RECORDINGS = (
    "What was chosen among several video streams, seams of the clock and damaged stretches are "
    "noted of every recording (decisions 0024 and 0025), and judged as rules of quality."
)
_SCHEMAS = "Documents of the lake carry a `schema` number (docs/architecture.md, Documents)."
_COLUMNS = "The report lists every column of the tables with its meaning (decision 0037)."
_BRACKETS = "Every figure with an interval is printed as 0.84 (0.83 to 0.85) (decision 0039)."
_RUN = "Times of the run, and the version that the file system gives the copy that is analysed."
_VALIDATION = (
    "Results of validations are kept and found again by a label (a worker may be lost), and the "
    "suite holds two rules more, of the two new columns."
)
_TEXT_ID = r"[0-9a-f]{32} -> [0-9a-f]{32}"
_NEW = r"(columns|(type of |rows\[\*\]\.)(change|scene_change))"

ACCEPTED: tuple[Accepted, ...] = (
    Accepted(_RUN, "videos/published/*/manifest.json", r"published_at|source\.version"),
    Accepted(
        _IDENTITIES,
        "videos/*.json",
        r"analysis_id|extraction_id|stage_version|summary_version|docs_page"
        r"|(answers\.)?[0-9a-f]{32}-\d{5}\.tar",
    ),
    Accepted(_IDENTITIES, "videos/*.parquet", r"rows\[\*\]\.shard|metadata analysis_id"),
    Accepted(_IDENTITIES, "videos/published/*/report.html", text=rf"{_TEXT_ID}|1 -> [23]"),
    Accepted(
        "Sizes and hashes of the files that are named below.",
        "videos/published/*/manifest.json",
        r"files\..+\.(sha256|size_bytes)",
    ),
    Accepted(_SCHEMAS, "videos/*.json", r"schema"),
    Accepted(_RECORDINGS, "videos/published/*/manifest.json", r"video_streams|reanalysis"),
    Accepted(
        _RECORDINGS,
        "videos/lake/*/extraction.json",
        r"damaged|seams|reasons\.clock_seam|video_streams\[\*\]\.\w+",
    ),
    Accepted(
        _RECORDINGS,
        "videos/published/*/summary.json",
        r"file\.(damaged|seams|sentences|video_streams\[\*\]\.\w+)|quality\.rules\[\*\]\.\w+",
    ),
    Accepted(_STILLNESS, "videos/*.parquet", _NEW),
    Accepted(_RESPONDENT, "videos/*.parquet", r"(type of |rows\[\*\]\.)respondent"),
    Accepted(_RESPONDENT, "videos/*.csv", r"columns|rows\[\*\]\.respondent"),
    Accepted(
        _RESPONDENT,
        "videos/published/*/summary.json",
        r"expected\.\w+|others|unattributed_instants|respondents(\[\*\].*)?",
    ),
    Accepted(
        _RESPONDENT,
        "videos/published/*/report.html",
        text=r"main -> about|moments -> the time|A -> The respondent's|this recording -> a "
        r"respondent|second -> | -> (Whom this report is about .+|good: .+|face, and every"
        r"|was found)",
    ),
    Accepted(
        _COLUMNS,
        "videos/published/*/report.html",
        text=r"( -> the report What the columns|page -> is a face\. Empty).+",
    ),
    Accepted(_VALIDATION, "videos/lake/validations/*", r"docs_label|rules_checked|rules_failed"),
    Accepted(_BRACKETS, "comparison/*", text=r"\[([\d.]+), ([\d.]+)\] -> \(\1 to \2\)"),
    Accepted(_RUN, "audit/*", "audited_at", r"\d{4}-\d\d-\d\dT\S+ -> \d{4}-\d\d-\d\dT\S+"),
    Accepted(
        "The record's hash, which its page shows.",
        "audit/*",
        text=r"[0-9a-f]{16,64} -> [0-9a-f]{16,64}",
    ),
    Accepted(
        "Record version 3: how rates of 0 and 1 get their intervals (decision 0039).",
        "audit/*",
        "version",
        "2 -> 3",
    ),
)
