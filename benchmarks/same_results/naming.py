"""Names under which files of two builds are the same file: identities of work become words.

The key of a result holds hashes of the code's version and of where its lake lies. What a folder
is of stands in the documents beside it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

LEFT_OUT = ("incoming", "published", "data-docs", "watch", "labels")
"""In the lake: what was given, results that were handed out as they lie there, pages made of the
validations, figures of the run itself."""
_IDENTITY = re.compile(r"[0-9a-f]{12,64}")
_JOB = re.compile(r"fex-[0-9A-Za-z-]+")


def files_of(folder: Path) -> Mapping[str, Path]:
    """Return every file below a folder by the name it is compared under.

    Args:
        folder: What one build wrote. `extraction.json` and published manifests in it say what
            identities stand for.

    Raises:
        ValueError: Two files would be compared under one name, or a document is damaged.
    """
    words = dict(_identities(folder))
    found: dict[str, Path] = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if not path.is_file() or any(f"/lake/{prefix}/" in name for prefix in LEFT_OUT):
            continue
        for identity, word in words.items():
            name = name.replace(identity, word)
        name = _IDENTITY.sub("ID", _JOB.sub("JOB", name))
        if name in found:
            raise ValueError(f"{path} and {found[name]} would both be compared as {name}")
        found[name] = path
    return found


def _identities(folder: Path) -> Iterator[tuple[str, str]]:
    for path in folder.rglob("manifest.json"):
        document = json.loads(path.read_bytes())
        if isinstance(document, dict) and "analysis_id" in document:
            yield document["analysis_id"], f"analysis of {document['recording']}"
    for path in folder.rglob("extraction.json"):
        document = json.loads(path.read_bytes())
        yield document["extraction_id"], f"extraction of {document['video_id'][:8]}"
