"""localbucket, whose listings look only into the folder of their prefix.

By itself it walks the whole bucket for each: a stack with a thousand recordings in it would be
measured by its stand-in. Stores that an engine runs have an index.
"""

from __future__ import annotations

from pathlib import Path

import localbucket  # type: ignore[import-untyped] # one file without stubs

_walk_all = localbucket.S3Handler._list_entries

Page = tuple[list[tuple[str, Path]], list[str], bool, str]
"""Keys with their files, common prefixes, whether there is more, and the last entry, which is
`K:` and a key or `P:` and a prefix."""


def list_entries(
    handler: localbucket.S3Handler,
    bucket_dir: Path,
    prefix: str,
    delimiter: str,
    marker: str,
    marker_is_prefix: bool,  # noqa: FBT001 - localbucket's signature
    max_keys: int,
) -> Page:
    """Return one page of a listing; what it holds is what localbucket's own holds."""
    folder, slash, rest = prefix.rpartition("/")
    if not slash or not set(folder.split("/")).isdisjoint(("", ".", "..")):
        whole: Page = _walk_all(
            handler, bucket_dir, prefix, delimiter, marker, marker_is_prefix, max_keys
        )
        return whole
    head = folder + slash
    inside = bucket_dir / folder
    passed = marker_is_prefix and bool(marker) and head.startswith(marker)
    if passed or not inside.is_dir():
        return [], [], False, ""
    if marker.startswith(head):
        after = marker.removeprefix(head)
    elif marker.encode() > head.encode():
        return [], [], False, ""  # the page before was past all of these
    else:
        after, marker_is_prefix = "", False
    found, common, truncated, last = _walk_all(
        handler, inside, rest, delimiter, after, marker_is_prefix, max_keys
    )
    return (
        [(head + key, path) for key, path in found],
        [head + name for name in common],
        truncated,
        f"{last[:2]}{head}{last[2:]}" if last else "",
    )


def main() -> None:
    """Run the server with localbucket's own arguments."""
    localbucket.S3Handler._list_entries = list_entries
    localbucket.main()


if __name__ == "__main__":
    main()
