"""Run by path with some checkout on `PYTHONPATH`: CPU seconds of extracting each recording.

`python extract_once.py RECORDING ...` prints a line of JSON for each: `{"name", "cpu_s"}`, user
and system time of this process and of the confined child together. The interpreter's start
and the imports of this process are not in it; the child's are.
"""

from __future__ import annotations

import json
import resource
import sys
import tempfile
from pathlib import Path

from include.settings import ExtractionSettings, LimitSettings
from include.video.extract import extract_file


def _spent_s() -> float:
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def main() -> None:
    """Extract what is named on the command line, one after the other."""
    for path in map(Path, sys.argv[1:]):
        with tempfile.TemporaryDirectory() as workdir:
            before = _spent_s()
            extract_file(
                path,
                path.name,
                video_id="0" * 64,
                extraction_id="0" * 32,
                settings=ExtractionSettings(),
                limits=LimitSettings(),
                workdir=Path(workdir),
            )
            print(json.dumps({"name": path.name, "cpu_s": _spent_s() - before}), flush=True)


if __name__ == "__main__":
    main()
