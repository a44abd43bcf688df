"""`python -m benchmarks [name ...]`: run all benchmarks, or those named."""

from __future__ import annotations

import argparse
import importlib

BENCHMARKS = ("video", "memory", "airflow_overhead")


def main() -> None:
    """Run the named benchmarks one after the other."""
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[*BENCHMARKS, []], help="default: all")
    options = parser.parse_args()
    for name in options.names or BENCHMARKS:
        importlib.import_module(f"benchmarks.{name}").main()


if __name__ == "__main__":
    main()
