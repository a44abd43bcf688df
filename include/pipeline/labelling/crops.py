"""Face crops, taken back out of the shards that the model answered."""

from __future__ import annotations

import io
import tarfile
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import pyarrow.parquet as pq

from include.labelling.votes import extraction_of, row_in_extraction
from include.lake import keys

if TYPE_CHECKING:
    from include.lake.store import Lake


def crops(lake: Lake, row_ids: Iterable[str]) -> Iterator[tuple[str, bytes]]:
    """Yield (row id, JPEG) of faces, byte for byte as the model saw them.

    Each shard is read once. A face whose crop is gone, for instance erased, is left out.

    Args:
        lake: Where the extractions are.
        row_ids: Ids of rows in the lake (`votes.lake_row_id`).

    Raises:
        TransientError: The lake failed for now.
    """
    wanted: defaultdict[str, set[str]] = defaultdict(set)
    for row_id in row_ids:
        wanted[extraction_of(row_id)].add(row_in_extraction(row_id))
    for extraction_id, names in sorted(wanted.items()):
        for basename, members in sorted(_shards(lake, extraction_id, names).items()):
            for name, picture in _members(lake, keys.shard(extraction_id, basename), members):
                yield f"{extraction_id}-{name}", picture


def _shards(lake: Lake, extraction_id: str, names: set[str]) -> dict[str, set[str]]:
    """Return the rows by the shard that holds them."""
    try:
        content = lake.get_bytes(keys.extraction_manifest(extraction_id))
    except FileNotFoundError:
        return {}
    table = pq.read_table(io.BytesIO(content), columns=["row_id", "shard"])
    found: defaultdict[str, set[str]] = defaultdict(set)
    rows = zip(table["row_id"].to_pylist(), table["shard"].to_pylist(), strict=True)
    for row_id, shard in rows:
        if row_id in names and shard is not None:
            found[shard].add(row_id)
    return dict(found)


def _members(lake: Lake, key: str, names: set[str]) -> Iterator[tuple[str, bytes]]:
    try:
        content = lake.get_bytes(key)
    except FileNotFoundError:
        return
    with tarfile.open(fileobj=io.BytesIO(content), mode="r:") as tar:
        for member in tar:
            name = member.name.removesuffix(".jpg")
            if name in names and (stream := tar.extractfile(member)):
                yield name, stream.read()
