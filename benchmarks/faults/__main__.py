"""`python -m benchmarks.faults COMMAND`."""

from __future__ import annotations

import argparse
import sys

from benchmarks.faults import page, scale_out, soak

_COMMANDS = {"soak": soak, "scale-out": scale_out, "page": page}


def main() -> int:
    """Run one command and return its exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.faults", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, module in _COMMANDS.items():
        module.add_options(commands.add_parser(name, help=module.__doc__))
    chosen = parser.parse_args()
    return int(_COMMANDS[chosen.command].run(chosen))


if __name__ == "__main__":
    sys.exit(main())
