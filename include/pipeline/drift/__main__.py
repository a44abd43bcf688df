"""Freeze a reference or judge a day by hand: `python -m include.pipeline.drift`."""

from __future__ import annotations

import argparse
import json
import sys

from include.composition import build_services
from include.contracts.errors import PlatformError
from include.pipeline.drift import stage


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m include.pipeline.drift", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    freeze = commands.add_parser("freeze", help="freeze the reference")
    freeze.add_argument("first", help="its first day, such as 2026-11-02")
    freeze.add_argument("last", help="its last day")
    judge = commands.add_parser("judge", help="judge a day and publish its report")
    judge.add_argument("day", help="a day that is over, such as 2026-11-30")
    given = parser.parse_args(arguments)
    try:
        services = build_services()
        if given.command == "freeze":
            print(stage.freeze(services, given.first, given.last))
        else:
            print(json.dumps(stage.judge(services, given.day), indent=2))
    except PlatformError as error:
        print(error, file=sys.stderr)
        return error.exit_status
    return 0


if __name__ == "__main__":
    sys.exit(main())
