"""`python -m include.pipeline.audit_log`: who looked at what, who decided what.

verify                            the whole chain; exit status 1 where it does not hold
list [--who NAME] [--deed KIND] [--study S --recording R] [--last N]
token STUDY RECORDING             what a recording is called in the log
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence

from include.composition import Services, build_services
from include.contracts.errors import PlatformError
from include.ledger.audit_tables import Deed, Entry
from include.pipeline.trail import token_of, verify


def main(arguments: Sequence[str]) -> int:
    """Do what the command line says; return the exit status."""
    asked = _parser().parse_args(arguments)
    try:
        services = build_services()
        if asked.command == "verify":
            return _verify(services)
        if asked.command == "token":
            sys.stdout.write(f"{token_of(services.settings, asked.study, asked.recording)}\n")
            return 0
        for entry in _chosen(services, asked):
            sys.stdout.write(f"{line(entry)}\n")
    except PlatformError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_status
    return 0


def line(entry: Entry) -> str:
    """One entry for people. What came from outside cannot break the line."""
    when = entry.at.strftime("%Y-%m-%d %H:%M:%S")
    parts = (f"{entry.number:>6}", when, entry.who, entry.deed, entry.what, entry.detail)
    return "  ".join("".join(c if c.isprintable() else "?" for c in part) for part in parts)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="audit-log",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("verify")
    listing = commands.add_parser("list")
    listing.add_argument("--who")
    listing.add_argument("--deed", choices=list(Deed))
    listing.add_argument("--study")
    listing.add_argument("--recording")
    listing.add_argument("--last", type=int, default=100, metavar="N")
    token = commands.add_parser("token")
    token.add_argument("study")
    token.add_argument("recording")
    return parser


def _verify(services: Services) -> int:
    verdict = verify(services)
    for fault in verdict.faults:
        sys.stdout.write(f"{fault}\n")
    end = f"{verdict.entries} entries, the last is {verdict.last_hash[:16]}"
    sys.stdout.write(f"{'does not hold' if verdict.faults else 'holds'}: {end}\n")
    return 1 if verdict.faults else 0


def _chosen(services: Services, asked: argparse.Namespace) -> Iterator[Entry]:
    wanted = None
    if asked.study is not None and asked.recording is not None:
        wanted = f"recording {token_of(services.settings, asked.study, asked.recording)}"
    left = asked.last
    for entry in services.ledger.audit.entries(who=asked.who, deed=asked.deed, newest_first=True):
        if wanted is not None and entry.what != wanted:
            continue
        if left <= 0:
            return
        left -= 1
        yield entry


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
