"""`make same-results ARGS=78251cd`: does this build publish what an earlier one did?

Both analyse the same sample videos, audit the packed model on the same faces and print a
comparison of networks from the same figures. Every file is then compared: tables by columns and
values, JSON by path, pages by their visible words. What differs is accepted with a reason
(`accepted.py`) or fails. With `--page` the outcome is kept and docs/same-results.md written.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from benchmarks.same_results import page
from benchmarks.same_results.builds import ROOT, WITHIN, Build, earlier, this_build
from benchmarks.same_results.differences import compare
from benchmarks.same_results.judging import Outcome, judge
from benchmarks.same_results.naming import files_of
from include.contracts.errors import ConfigurationError
from include.made_media.demo_video import make_demo_video
from ml.data.location import shared_data_dir

PEOPLE = 240
"""Faces of the audit: enough for the larger groups to be judged, about five minutes a build."""
AUDIT_SET = "fairface-audit.zip"
PARTS = ("videos", "comparison", "audit")
RESULT = ROOT / "benchmarks" / "results" / "same-results.json"
PAGE = ROOT / "docs" / "same-results.md"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run both builds, compare, print; 1 where something differs that nobody accepted."""
    parser = argparse.ArgumentParser(prog="same_results", description=__doc__)
    parser.add_argument("commit", help="the earlier build")
    parser.add_argument("--parts", default=",".join(PARTS), help="of these (default: all)")
    parser.add_argument("--people", type=int, default=PEOPLE, help="faces of the audit")
    parser.add_argument("--build", type=Path, help="where the earlier build is, or stays")
    parser.add_argument("--out", type=Path, help="where outputs stay; those there are not remade")
    parser.add_argument("--page", action="store_true", help=f"write {PAGE.relative_to(ROOT)}")
    options = parser.parse_args(arguments)
    parts = tuple(options.parts.split(","))
    if unknown := set(parts) - set(PARTS):
        raise ConfigurationError("--parts", f"{sorted(unknown)}: not in {', '.join(PARTS)}")
    with tempfile.TemporaryDirectory() as temporary:
        out = (options.out or Path(temporary) / "out").resolve()
        after = this_build()
        with earlier(options.commit, options.build or Path(temporary) / "build") as before:
            for part in parts:
                for build, name in ((before, "before"), (after, "after")):
                    make(build, part, out / name, people=options.people)
        found = compare(files_of(out / "before"), files_of(out / "after"))
    outcome = judge(found, before=before.commit, after=after.commit, people=options.people)
    sys.stdout.write(page.table(outcome) + page.differences(outcome))
    if options.page:
        RESULT.write_text(json.dumps(asdict(outcome), indent=1) + "\n")
        PAGE.write_text(page.page(outcome))
    return 1 if outcome.refused else 0


def make(build: Build, part: str, out: Path, *, people: int) -> None:
    """Have a build write one part into a folder of that name, unless it is there.

    Raises:
        RuntimeError: The build failed.
        ConfigurationError: The audit set is not here.
    """
    if (out / part).exists():
        return
    sys.stdout.write(f"{build.commit[:7]}: {part}\n")
    sys.stdout.flush()
    # Both builds work in a folder of one name: what they write of it is then the same.
    home = out.parent / "home"
    shutil.rmtree(home, ignore_errors=True)
    made = home / part
    if part == "audit":
        audit_set = shared_data_dir() / AUDIT_SET
        if not audit_set.is_file():
            raise ConfigurationError("FEX_SHARED_DATA", f"{audit_set} is not here: see --parts")
        arguments = ["-m", "include.pipeline.bias_audit", str(made), "--people", str(people)]
        arguments += ["--set", str(audit_set)]
    elif part == "videos":
        arguments = [str(WITHIN), part, str(_samples(out.parent / "samples")), str(made)]
    else:
        arguments = [str(WITHIN), part, str(made)]
    build.run(arguments, home)
    out.mkdir(parents=True, exist_ok=True)
    made.rename(out / part)
    shutil.rmtree(home)


def _samples(folder: Path) -> Path:
    """Return the folder of sample videos; where there is none, `folder`, with made ones."""
    given = shared_data_dir() / "videos"
    if given.is_dir():
        return given
    if not folder.exists():
        folder.mkdir(parents=True)
        make_demo_video(folder / "face.mp4")
        make_demo_video(folder / "short.mp4", seconds=6.0, size=(320, 240))
    return folder


def read_outcome() -> Outcome:
    """Return what was found last."""
    return Outcome.of(json.loads(RESULT.read_text()))


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (ConfigurationError, RuntimeError, ValueError) as error:
        sys.stderr.write(f"same_results: {error}\n")
        sys.exit(2)
