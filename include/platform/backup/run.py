"""Back up and restore a platform's parts."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import make_url

from include.composition import Services, build_services
from include.contracts.documents import DocumentError, Form
from include.contracts.errors import ConfigurationError, PlatformError
from include.contracts.identity import sha256_of_stream
from include.lake.raw import local_root, open_raw
from include.lake.store import Lake, s3_client
from include.ledger.engine import open_engine
from include.ledger.restored import end_leases, places_of, rebind
from include.pipeline.erasure import stage
from include.pipeline.erasure.register import erased_tokens
from include.pipeline.trail import token_of
from include.platform.backup import databases, objects
from include.platform.backup.parts import Parts
from include.settings import Settings

log = logging.getLogger(__name__)

DOCUMENT, POOL = "backup.json", "objects"


@dataclass(frozen=True, slots=True)
class Count:
    """What was copied of a store.

    Attributes:
        objects: How many.
        bytes: Of all of them together.
    """

    objects: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Inventory:
    """What a backup says of itself.

    Attributes:
        begun_at: When the first part was begun, aware.
        databases: Kind of each database (`sqlite`, `postgresql`) by its name.
        stores: Where each store lay, as a URL, by its name.
        counts: What was copied of each store.
        sha256: Of each database's copy and each store's list, hex, by file name.
    """

    begun_at: datetime
    databases: Mapping[str, str]
    stores: Mapping[str, str]
    counts: Mapping[str, Count]
    sha256: Mapping[str, str]


INVENTORY = Form(Inventory)


@dataclass(frozen=True, slots=True)
class Backup:
    """One backup.

    Attributes:
        folder: Where it lies; its contents lie beside it in `objects`.
        inventory: What it says of itself.
    """

    folder: Path
    inventory: Inventory

    @property
    def pool(self) -> Path:
        """The folder of contents."""
        return self.folder.parent / POOL

    def listing(self, store: str) -> Path:
        """The list of a store's objects."""
        return self.folder / f"{store}.jsonl"


def back_up(settings: Settings, parts: Parts, into: Path, *, now: datetime) -> Backup:
    """Copy everything while it works; return the backup, which exists once it is complete.

    Args:
        settings: How the lake is reached.
        parts: What to copy.
        into: Folder of backups, outside of everything that is copied. Contents that an
            earlier backup holds are not written again.
        now: The time, aware.

    Raises:
        ConfigurationError: A part cannot be found, or the folder lies within one.
        PlatformError: A part is damaged.
        TransientError: A store failed for now.
    """
    for url in parts.stores.values():
        root = local_root(url)
        if root is not None and into.resolve().is_relative_to(root):
            raise ConfigurationError(str(into), f"lies in {root}, which is to be backed up")
    folder = into / now.astimezone(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
    folder.mkdir(parents=True, mode=0o700)
    into.chmod(0o700)
    pool = into / POOL
    pool.mkdir(exist_ok=True, mode=0o700)
    digests = {}
    for name, url in parts.databases.items():
        target = folder / f"{name}.database"
        databases.dump(url, target)
        digests[target.name] = _sha256(target)
        log.info("%s: %d bytes", name, target.stat().st_size)
    versions = {item.key: item.version for item in Lake.open(settings.storage).list_dropped()}
    counts = {}
    for name, url in parts.stores.items():
        listing = folder / f"{name}.jsonl"
        store = open_raw(url, name, partial(s3_client, settings.storage))
        found = objects.save(store, pool, listing, versions if name == "lake" else {})
        digests[listing.name] = _sha256(listing)
        counts[name] = Count(len(found), sum(item.size_bytes for item in found))
        log.info("%s: %d objects", name, len(found))
    inventory = Inventory(
        begun_at=now,
        databases={name: make_url(url).get_backend_name() for name, url in parts.databases.items()},
        stores=dict(parts.stores),
        counts=counts,
        sha256=digests,
    )
    partial_document = folder / f".{DOCUMENT}"
    partial_document.write_bytes(INVENTORY.write(inventory))
    partial_document.rename(folder / DOCUMENT)
    return Backup(folder, inventory)


def open_backup(folder: Path) -> Backup:
    """Open a backup and hold its databases and lists to their sha256.

    Raises:
        ConfigurationError: It is none, or was never completed.
        PlatformError: A file of it is damaged or missing.
    """
    try:
        inventory = INVENTORY.read((folder / DOCUMENT).read_bytes(), DOCUMENT)
    except (OSError, DocumentError) as error:
        raise ConfigurationError(str(folder), f"is no complete backup: {error}") from error
    for name, expected in inventory.sha256.items():
        path = folder / name
        if not path.is_file() or _sha256(path) != expected:
            raise PlatformError(f"{path} is damaged or missing")
    return Backup(folder, inventory)


def restore(
    backup: Backup, settings: Settings, parts: Parts, *, replace: bool, now: datetime
) -> dict[str, Any]:
    """Put everything back, and take away again whoever was erased since.

    Everything is read and checked before anything is written. The platform must not run.

    Args:
        backup: What to put back.
        settings: Those of the platform that is restored; its register of erasures counts.
        parts: Where to. Ledger and registry name places: stores go back where they were.
        replace: Whether what is there may go: databases are overwritten, folders are kept
            beside as `*.before-...`. A bucket must be empty either way.
        now: The time, aware.

    Returns:
        How many objects were put back, rows bound to them anew, and what was erased again.

    Raises:
        ConfigurationError: The places differ, something is there already, or nobody says
            where erasures are kept (`FEX_ERASURE__NOTED_IN`).
        PlatformError: The backup is damaged, or an erasure found something left.
        TransientError: A store failed for now.
    """
    register = settings.erasure.noted_in
    if register is None:
        raise ConfigurationError(
            "FEX_ERASURE__NOTED_IN",
            "is not set: nobody could tell who was erased since the backup. Name the file that "
            "erasures were noted in; where there were none, one that does not exist yet",
        )
    erased = erased_tokens(register)
    inventory = backup.inventory
    if dict(parts.stores) != inventory.stores or parts.databases.keys() != (
        inventory.databases.keys()
    ):
        raise ConfigurationError(
            str(backup.folder),
            f"holds {inventory.stores}: ledger and registry name these places, and they "
            "are not those of the settings",
        )
    listed = {name: objects.read_listing(backup.listing(name)) for name in parts.stores}
    for found in listed.values():
        objects.check(found, backup.pool)
    _make_room(settings, parts, replace=replace, now=now)
    for name, url in parts.databases.items():
        databases.load(backup.folder / f"{name}.database", url)
    client = partial(s3_client, settings.storage)
    put = {
        name: objects.restore(listed[name], backup.pool, url, client)
        for name, url in parts.stores.items()
    }
    engine = open_engine(settings.storage.ledger_url)
    lake = Lake.open(settings.storage)
    present = {item.key: item.version for item in lake.list_dropped()}
    bound = rebind(engine, _moved(listed["lake"], present))
    services = build_services(settings)
    again = _erase_again(services, erased, f"restored-{now:%Y%m%dT%H%M%S}", now)
    return {"objects": put, "rows_bound": bound, "erased_again": again}


def _moved(
    listed: list[objects.Object], present: Mapping[str, str]
) -> Iterator[tuple[str, str, str]]:
    for item in listed:
        if item.version and item.key in present:
            yield item.key, item.version, present[item.key]


def _make_room(settings: Settings, parts: Parts, *, replace: bool, now: datetime) -> None:
    """Refuse, or move aside, what is there; nothing is deleted but rows of databases."""
    taken = [name for name, url in parts.databases.items() if not databases.is_empty(url)]
    full: dict[str, Path | None] = {}
    for name, url in parts.stores.items():
        store = open_raw(url, name, partial(s3_client, settings.storage))
        if next(iter(store.walk()), None) is not None:
            full[name] = local_root(url)
    buckets = [name for name, root in full.items() if root is None]
    if buckets:
        raise ConfigurationError(
            parts.stores[buckets[0]], "is not empty: a bucket is restored into an empty one"
        )
    if (taken or full) and not replace:
        raise ConfigurationError(
            "restore",
            f"{', '.join([*taken, *full])}: not empty; --replace overwrites databases and keeps "
            "folders beside",
        )
    for root in full.values():
        assert root is not None
        root.rename(root.with_name(f"{root.name}.before-{now:%Y%m%dT%H%M%S}"))


def _erase_again(
    services: Services, tokens: frozenset[str], run_id: str, now: datetime
) -> dict[str, Any]:
    """Erase whoever the register names and the backup brought back."""
    engine = open_engine(services.settings.storage.ledger_url)
    known = places_of(engine) | {
        (item.study, item.recording) for item in services.lake.list_incoming()
    }
    back: dict[str, set[str]] = {}
    for study, name in known:
        if token_of(services.settings, study, name) in tokens:
            back.setdefault(study, set()).add(name)
    places = {(study, name) for study, names in back.items() for name in names}
    end_leases(engine, places, now)
    done = {"recordings": 0, "open": 0}
    for number, (study, names) in enumerate(sorted(back.items())):
        record = stage.run(
            services,
            f"{run_id}-{number}",
            study=study,
            recordings=sorted(names),
            asked_by="the register of erasures, after a restore",
        )
        done["recordings"] += len(names)
        done["open"] += not record.done
    return done


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return sha256_of_stream(file)
