"""`python -m include.demo recording | loop`."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from rich.console import Console

from include.demo.quick import QUICK
from include.platform.cli import run_command
from include.platform.supervisor import Platform


def main(arguments: list[str] | None = None) -> int:
    """Run one demonstration and return its exit status."""
    parser = argparse.ArgumentParser(prog="python -m include.demo", description=__doc__)
    demos = parser.add_subparsers(dest="demo", required=True)
    recording = demos.add_parser("recording", help="watch a video become a report")
    recording.add_argument("--video", type=Path, help="a file or a folder; else a video is made")
    recording.add_argument(
        "--timeout", type=float, default=1800.0, help="seconds to wait for results"
    )
    loop = demos.add_parser("loop", help="watch a model degrade, be replaced and return")
    loop.add_argument("--stop", action="store_true", help="stop the platform at the end")
    chosen = parser.parse_args(arguments)

    def run(console: Console) -> int:
        if chosen.demo == "loop":
            from include.demo.loop.run import run_demo_loop

            return run_demo_loop(console, stop=chosen.stop)
        from include.demo.recording import run_demo

        # What the user's environment says comes first.
        platform = Platform.from_environment({**QUICK, **os.environ})
        return run_demo(platform, console, video=chosen.video, timeout_s=chosen.timeout)

    return run_command(run)


if __name__ == "__main__":
    sys.exit(main())
