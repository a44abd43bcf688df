"""`python -m include.pipeline.erasure STUDY`: erase a respondent without Airflow.

Everything that the platform keeps of the recordings goes: originals, crops, answers, results,
labels, training data that holds their faces. It cannot be undone. It is done when nothing is
found any longer in the lake, the ledger, MLflow and the logs; until then the command ends with
1 and says what is left: deal with it, then go on with --run-id.
"""

from __future__ import annotations

import argparse
import sys
import uuid
from collections.abc import Sequence

from include.composition import build_services
from include.contracts.errors import ConfigurationError, PlatformError
from include.pipeline.erasure import stage
from include.pipeline.erasure.record import RECORD


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the command line, erase, print the record; 0 when done, 1 when not."""
    parser = argparse.ArgumentParser(prog="erasure", description=__doc__)
    parser.add_argument("study", help="name of the study under incoming/")
    parser.add_argument("--respondent", default="", help="id in the study's respondents.csv")
    parser.add_argument("--recording", action="append", default=[], help="name of a recording")
    parser.add_argument(
        "--without",
        action="append",
        default=[],
        metavar="NAME",
        help="go on without this line of the request, which matches nothing or several",
    )
    parser.add_argument("--asked-by", required=True, help="who answers for it; kept")
    parser.add_argument("--run-id", help="go on with an erasure that was interrupted")
    options = parser.parse_args(arguments)
    run_id = options.run_id or f"manual__{uuid.uuid4().hex[:12]}"
    try:
        record = stage.run(
            build_services(),
            run_id,
            study=options.study,
            respondent=options.respondent,
            recordings=options.recording,
            without=options.without,
            asked_by=options.asked_by,
        )
    except PlatformError as error:
        sys.stderr.write(f"erasure: {error}\n")
        if not isinstance(error, ConfigurationError):  # of which nothing was begun
            sys.stderr.write(f"erasure: go on with --run-id {run_id}\n")
        return error.exit_status
    sys.stdout.write(f"{RECORD.write(record).decode()}\n")
    if record.done:
        return 0
    sys.stderr.write(
        f"erasure: not done: {len(record.left)} place(s) still hold something of the "
        f"person\nerasure: do what `left` says, then go on with --run-id {run_id}\n"
    )
    return 1


if __name__ == "__main__":
    sys.exit(main())
