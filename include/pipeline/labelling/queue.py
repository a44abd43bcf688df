"""Label queue: draw faces from what was published, and lay out what annotators need.

A draw reads the window since the last one. Its record (design and model's answers) is
written first and apart, then pictures and tasks, `queue.json` last. A run that is repeated
finds its record and finishes what is missing: the same faces, never a second draw.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from include.composition import Services, build_metric_sink, build_notifier, build_registry
from include.contracts.errors import ConfigurationError
from include.contracts.identity import slug, stable_hash
from include.labelling.page import labelling_page
from include.labelling.queue import DRAW, LAID_OUT, Draw, LaidOut
from include.labelling.selection import Plan, select
from include.labelling.tasks import (
    labelling_configuration,
    picture_name,
    tasks_bytes,
    template_bytes,
)
from include.lake import keys
from include.observability.notice import Notice, Severity
from include.observability.sink import Metric, Unit
from include.pipeline import published
from include.pipeline.labelling.crops import crops
from include.pipeline.labelling.frame import FrameReader
from include.pipeline.labelling.records import read_draws, read_record
from ml.registry.protocol import CHALLENGER

if TYPE_CHECKING:
    from ml.registry.protocol import ModelRegistry

log = logging.getLogger(__name__)

MARKER = "queue.json"
TASKS, CONFIGURATION, TEMPLATE, PAGE = (
    "tasks.json",
    "labelling.xml",
    "answers.csv",
    "index.html",
)
PICTURES = "pictures"
_KEY_SETTING = "FEX_LABELS__PSEUDONYM_KEY"


def run(
    services: Services,
    run_key: str,
    *,
    since: str | None = None,
    registry: ModelRegistry | None = None,
) -> dict[str, Any]:
    """Draw what people should label and write it to the lake.

    Args:
        services: Lake, ledger (its clock), settings.
        run_key: Identity of the run: a retry finishes the same draw.
        since: ISO 8601 with a zone: draw from there on, instead of where the last draw
            ended. Recordings that were in an earlier draw's frame stay out all the same.
        registry: Who champion and challenger are; None opens the one of the settings.

    Returns:
        `queue_id` (None where nothing new was published), `asked`, `pictures`, `frame`,
        `since`, `until`, `key`.

    Raises:
        ConfigurationError: There is no pseudonym key, or `since` is no time.
        TransientError: The lake failed for now.
    """
    key = pseudonym_key(services)
    queue_id = slug(run_key, max_length=40)
    draw = read_record(services.lake, queue_id)
    if draw is None:
        registry = registry or build_registry(services.settings)
        draw = _draw(services, registry, queue_id, key, _time(since))
        if draw is None:
            return {"queue_id": None, "asked": 0, "pictures": 0, "frame": 0}
    pictures_n = _lay_out(services, draw)
    _tell(services, draw, pictures_n)
    return {
        "queue_id": queue_id,
        "asked": len(draw.selected),
        "pictures": pictures_n,
        "frame": draw.frame_n,
        "since": draw.since.isoformat(),
        "until": draw.until.isoformat(),
        "key": keys.label_queue(queue_id),
    }


def pseudonym_key(services: Services) -> bytes:
    """Return the secret that keys pseudonyms.

    Raises:
        ConfigurationError: It is not set.
    """
    secret = services.settings.labels.pseudonym_key
    if secret is None:
        raise ConfigurationError(
            _KEY_SETTING,
            "is not set: labels need a secret of 16 characters or more, kept for good "
            "(the embedded platform generates it; `openssl rand -hex 32` makes one)",
        )
    return secret.get_secret_value().encode()


def _time(text: str | None) -> datetime | None:
    if not text:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise ConfigurationError("since", f"{text!r} is no ISO 8601 time") from error
    if found.tzinfo is None:
        raise ConfigurationError("since", f"{text!r} has no zone; write for example {text}+00:00")
    return found


def _draw(
    services: Services,
    registry: ModelRegistry,
    queue_id: str,
    key: bytes,
    since: datetime | None,
) -> Draw | None:
    """Draw and record; None where the window holds no face."""
    settings = services.settings.labels
    until = services.ledger.clock().astimezone(UTC)
    earlier = read_draws(services.lake)
    if since is None:
        first = until - timedelta(days=settings.window_days)
        # A recording may be published by a clock that is behind ours, after we looked.
        since = max((draw.until - published.CLOCK_SKEW for draw in earlier), default=first)
    if since >= until:
        raise ConfigurationError("since", f"{since.isoformat()} is not before now")
    name, alias = services.settings.model.name, services.settings.model.alias
    champion = registry.get_by_alias(name, alias)
    challenger = registry.get_by_alias(name, CHALLENGER)
    reader = FrameReader(
        services.lake,
        key,
        champion_sha256=champion.sha256 if champion else None,
        challenger_sha256=challenger.sha256 if challenger else None,
        names=services.ledger.names,
    )
    drawn = {name for draw in earlier for name in draw.sources}
    frame = reader.read(published.recordings(services, since, until), drawn)
    if not frame.instants:
        log.info("no face was published between %s and %s", since, until)
        return None
    plan = Plan(
        random=settings.random,
        uncertainty=settings.uncertainty,
        disagreement=settings.disagreement,
        uncertain_share=settings.uncertain_share,
        cap_per_respondent=settings.cap_per_respondent,
        seed=int(stable_hash({"queue": queue_id})[:8], 16),
    )
    selected = tuple(select(frame.instants, plan))
    asked = {item.instant.row_id for item in selected}
    draw = Draw(
        queue_id=queue_id,
        since=since,
        until=until,
        plan=plan,
        frame_n=len(frame.instants),
        sources=frame.sources,
        selected=selected,
        abstained=frozenset(frame.abstained & asked),
    )
    # The same run twice at once: whoever recorded first decides for both.
    return services.lake.write_once(DRAW, keys.label_record(queue_id), draw)


def lay_out_again(services: Services, draw: Draw) -> None:
    """Write tasks and page of a draw that lost faces; nothing where it was not laid out yet.

    Raises:
        TransientError: The lake failed for now.
    """
    lake, prefix = services.lake, keys.label_queue(draw.queue_id)
    if not lake.exists(f"{prefix}/{MARKER}"):
        return
    there = set(lake.list(f"{prefix}/{PICTURES}"))
    names = {row_id: f"{prefix}/{PICTURES}/{picture_name(row_id)}" for row_id in draw.asked}
    pictures = {row_id: lake.get_bytes(key) for row_id, key in names.items() if key in there}
    _write_files(services, draw, pictures)


def _lay_out(services: Services, draw: Draw) -> int:
    """Write pictures and tasks, the marker last; return how many faces have a picture."""
    lake, prefix = services.lake, keys.label_queue(draw.queue_id)
    if (laid_out := lake.find(LAID_OUT, f"{prefix}/{MARKER}")) is not None:
        return laid_out.pictures
    pictures = dict(crops(lake, draw.asked))
    for row_id, picture in pictures.items():
        lake.put_bytes(f"{prefix}/{PICTURES}/{picture_name(row_id)}", picture)
    return _write_files(services, draw, pictures)


def _write_files(services: Services, draw: Draw, pictures: Mapping[str, bytes]) -> int:
    """Write what annotators get beside the pictures, the marker last."""
    lake, prefix = services.lake, keys.label_queue(draw.queue_id)
    shown = [item for item in draw.selected if item.instant.row_id in pictures]
    if len(shown) < len(draw.selected):
        log.warning("%d faces have no crop any more", len(draw.selected) - len(shown))
    root = f"{_pictures_root(services)}/{draw.queue_id}/{PICTURES}"
    order: Sequence[str] = [item.instant.row_id for item in shown]
    files = {
        TASKS: tasks_bytes(shown, pictures=root, queue_id=draw.queue_id),
        CONFIGURATION: labelling_configuration().encode(),
        TEMPLATE: template_bytes(shown, folder=PICTURES),
        PAGE: labelling_page(draw.queue_id, [(row_id, pictures[row_id]) for row_id in order]),
    }
    for name, content in files.items():
        lake.put_bytes(f"{prefix}/{name}", content)
    laid_out = LaidOut(
        queue_id=draw.queue_id,
        since=draw.since,
        until=draw.until,
        asked=len(draw.selected),
        pictures=len(shown),
        files=tuple(sorted(files)),
    )
    lake.write(LAID_OUT, f"{prefix}/{MARKER}", laid_out)
    return len(shown)


def _pictures_root(services: Services) -> str:
    """Where Label Studio finds `labels/queues`; see the runbook on labels."""
    stated = services.settings.labels.pictures_root
    if stated is not None:
        return stated.rstrip("/")
    uri = services.lake.uri(keys.LABEL_QUEUES)
    return uri if uri.startswith("s3://") else f"/data/local-files/?d={keys.LABEL_QUEUES}"


def _tell(services: Services, draw: Draw, pictures_n: int) -> None:
    metrics = [
        Metric("LabelsAsked", pictures_n, Unit.COUNT, draw.until, adds_up=True),
        Metric("LabelFrame", draw.frame_n, Unit.COUNT, draw.until, adds_up=True),
    ]
    build_metric_sink(services).emit(metrics)
    build_notifier(services).send(
        Notice(
            key=f"label-queue/{draw.queue_id}",
            severity=Severity.INFO,
            title=f"{pictures_n} faces wait for labels",
            body=(
                f"Drawn from {draw.frame_n} faces published between {draw.since:%Y-%m-%d %H:%M} "
                f"and {draw.until:%Y-%m-%d %H:%M} UTC. Import {TASKS} into Label Studio, open "
                f"{PAGE} in a browser, or fill in {TEMPLATE}; drop the answers under "
                f"{keys.LABELS_INCOMING}/. Two people per face are the least that shows agreement."
            ),
            link=services.lake.uri(f"{keys.label_queue(draw.queue_id)}/{PAGE}"),
        )
    )
