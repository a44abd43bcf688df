"""`python -m benchmarks [name ...]`: run all benchmarks, or those named.

One that is named alone takes options of its own: `python -m benchmarks serving --help`.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys

BENCHMARKS = ("video", "memory", "airflow_overhead", "serving", "ledger")
WITH_OPTIONS = ("serving", "ledger")


def main() -> None:
    """Run the named benchmarks one after the other."""
    # As the platform runs its workers; read when torch's OpenMP library is loaded.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    if sys.argv[1:2] and sys.argv[1] in WITH_OPTIONS:
        importlib.import_module(f"benchmarks.{sys.argv[1]}").main(sys.argv[2:])
        return
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[*BENCHMARKS, []], help="default: all")
    options = parser.parse_args()
    for name in options.names or BENCHMARKS:
        importlib.import_module(f"benchmarks.{name}").main()


if __name__ == "__main__":
    main()
