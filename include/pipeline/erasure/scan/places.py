"""Everywhere that something of a person may be left: what was found, and what to do about it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING

from include.composition import log_urls
from include.lake import keys
from include.lake.raw import RawFolder, RawStore, Stored, local_root, open_raw
from include.lake.store import s3_client
from include.pipeline.erasure.scan.contents import Look, OpaqueError, seen_in_file
from include.pipeline.erasure.scan.databases import Databases, Rows
from include.pipeline.erasure.scan.wanted import Wanted

if TYPE_CHECKING:
    from include.composition import Services

MAX_TOLD = 1000
"""More places than this are counted, not listed."""
_AT_ONCE = 8
_SLICE = 256


@dataclass(frozen=True, slots=True)
class Found:
    """Something of the person that is left.

    Attributes:
        place: Where: a URI, a table, a file.
        what: What of it was seen.
        do: What to do about it.
    """

    place: str
    what: str
    do: str


@dataclass(slots=True)
class Scan:
    """What was looked through, and what is left.

    Attributes:
        found: What is left, at most `MAX_TOLD`.
        more: How much more was found than is listed.
        opaque: Places that cannot be looked into, with the reason; nothing was seen in them.
        looked: How many objects or rows were looked at, by kind of place.
    """

    found: list[Found] = field(default_factory=list)
    more: int = 0
    opaque: list[str] = field(default_factory=list)
    looked: Counter[str] = field(default_factory=Counter)

    def tell(self, found: Found) -> None:
        """Note something that is left."""
        if len(self.found) < MAX_TOLD:
            self.found.append(found)
        else:
            self.more += 1


@dataclass(frozen=True, slots=True)
class _Place:
    """A store that is gone through: what it is to people, and what they do about what is found."""

    kind: str
    store: RawStore
    do: Callable[[Stored], str]
    leave_out: frozenset[str] = frozenset()
    peoples: tuple[str, ...] = ()


def scan(services: Services, wanted: Wanted, *, leave_out: frozenset[str]) -> Scan:
    """Look through the lake, the ledger, MLflow, logs and working folders.

    Args:
        services: Collaborators.
        wanted: What is looked for.
        leave_out: Keys of the lake that are not looked at: what the search itself keeps.

    Raises:
        TransientError: A store failed for now.
        ConfigurationError: A place is named wrongly.
    """
    result = Scan()
    settings = services.settings
    peoples = (f"{keys.INCOMING}/", f"{keys.LABELS_INCOMING}/")
    _store(_Place("lake", services.lake.raw(), _in_lake, leave_out, peoples), wanted, result)
    _database("ledger", settings.storage.ledger_url, wanted, result)
    if settings.model.registry == "mlflow":
        _mlflow(services, wanted, result)
    for url in log_urls(settings):
        store = _opened(services, url, "FEX_ERASURE__LOG_URLS")
        _store(_Place("logs", store, lambda _: _DO_LOG), wanted, result)
    for folder in (settings.transform.jobs_dir, settings.storage.scratch_dir):
        place = _Place("working folders", RawFolder(folder), lambda _: _DO_WORKING)
        _store(place, wanted, result)
    return result


_DO_LOG = "delete the file, or wait for the end of the logs' retention"
_DO_WORKING = "delete it when no task runs: nothing there outlives a task"
_DO_ARTEFACT = "delete the artefact, and the run or version that names it"
_DO_ROWS = "delete the rows, or what names the person in them"
_DO_FILE = "deleted rows still stand in the file: run `VACUUM` when nobody else writes to it"
_DO_VERSION = (
    "an earlier version that the bucket keeps: delete it, or wait for the lifecycle rule for "
    "noncurrent versions"
)


def _in_lake(found: Stored) -> str:
    if not found.current:
        return _DO_VERSION
    if found.key.startswith(f"{keys.LABELS_INCOMING}/"):
        return "remove the rows of these faces from the file of answers, or the file"
    if found.key.startswith(f"{keys.INCOMING}/"):
        return "people's own file: take the person out of it, or remove it"
    return "no stage accounts for it: remove it"


def _opened(services: Services, url: str, setting: str) -> RawStore:
    return open_raw(url, setting, lambda: s3_client(services.settings.storage))


def _mlflow(services: Services, wanted: Wanted, result: Scan) -> None:
    model = services.settings.model
    uri = model.mlflow_tracking_uri
    if uri.startswith(("http://", "https://")):
        looking = Databases(wanted)
        for rows in looking.look_at_mlflow(uri):
            result.tell(Found(f"MLflow, {rows.table}", rows.what, "delete it, or its tag"))
        result.looked["MLflow"] += looking.rows
    elif (root := local_root(uri)) is not None:
        _store(_Place("MLflow", RawFolder(root), lambda _: _DO_ARTEFACT), wanted, result)
    else:
        _database("MLflow", uri, wanted, result)
    store = _opened(services, model.mlflow_artifact_uri, "FEX_MODEL__MLFLOW_ARTIFACT_URI")
    _store(_Place("MLflow artefacts", store, lambda _: _DO_ARTEFACT), wanted, result)


def _database(kind: str, url: str, wanted: Wanted, result: Scan) -> None:
    looking = Databases(wanted)
    for rows in looking.look(url):
        result.tell(_of_rows(kind, rows))
    result.looked[kind] += looking.rows


def _of_rows(kind: str, rows: Rows) -> Found:
    if not rows.rows:
        return Found(f"{kind}, file {rows.table}", rows.what, _DO_FILE)
    return Found(f"{kind}, table {rows.table}, {rows.rows} row(s)", rows.what, _DO_ROWS)


def _store(place: _Place, wanted: Wanted, result: Scan) -> None:
    """Look at every key and into every object of a store, some at a time."""
    store = place.store

    def look(found: Stored) -> tuple[str | None, str | None]:
        ours = not found.key.startswith(place.peoples) if place.peoples else True
        return _look_at(store, found, Look(wanted, ours=ours))

    everything = (found for found in store.walk() if found.key not in place.leave_out)
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        while some := list(islice(everything, _SLICE)):
            result.looked[place.kind] += len(some)
            for found, (what, why) in zip(some, pool.map(look, some), strict=True):
                version = "" if found.current else f" (version {found.version})"
                where = f"{store.uri(found.key)}{version}"
                if what is not None:
                    result.tell(Found(where, what, place.do(found)))
                elif why is not None and len(result.opaque) < MAX_TOLD:
                    result.opaque.append(f"{where}: {why}")


def _look_at(store: RawStore, found: Stored, look: Look) -> tuple[str | None, str | None]:
    """Return what was seen in a key or its content, and why the content cannot be looked into."""
    key = found.key.encode("utf-8", "surrogateescape")
    if what := look.wanted.seen_in(key, near_bytes=None):
        return f"{what} in its key", None
    if not found.content:
        return None, None
    try:
        return seen_in_file(store.chunks(found), found.size_bytes, look), None
    except FileNotFoundError:
        return None, None
    except OpaqueError as error:
        return None, str(error)
